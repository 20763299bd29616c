import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { z } from 'zod';
import { errorCodeNames } from '../../src/http/docs-pages.js';
import { problemType } from '../../src/http/error-codes.js';
import { launchBrowser, watch } from '../support/browser.js';
import { findChromium } from '../support/chromium.js';
import { openFrontDoor, type FrontDoor } from '../support/front-door.js';

// A browser on a busy machine is slow to start and to draw.
jest.setTimeout(180_000);

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const axeSchema = z.object({ violations: z.array(z.object({ id: z.string(), nodes: z.array(z.object({ html: z.string() })) })) });

const closers: (() => Promise<void>)[] = [];
let browser: Browser;
let door: FrontDoor;
let origin: string;
let page: Page;
let seen: ReturnType<typeof watch>;

beforeAll(async () => {
  browser = await launchBrowser();
  closers.push(() => browser.close());
  door = await openFrontDoor({ issuerUrl: 'http://127.0.0.1:9' });
  closers.push(() => door.close());
  origin = `http://127.0.0.1:${door.port}`;
});

afterAll(async () => {
  for (const close of closers) await close();
});

beforeEach(async () => {
  page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  seen = watch(page, origin);
});

afterEach(async () => {
  await page.close();
  // A breach of the content security policy is a console error too.
  expect(seen).toEqual({ complaints: [], strangers: [] });
});

async function accessibilityFaults(options: object): Promise<string[]> {
  await page.evaluate(axe);
  const { violations } = axeSchema.parse(await page.evaluate(`axe.run(${JSON.stringify(options)})`));
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`));
}

describe('the page of the API', () => {
  it('shows every operation of the description, each with its examples', async () => {
    await page.goto(`${origin}/docs`);
    await page.locator('.opblock').first().waitFor();
    const described = z.record(z.string(), z.record(z.string(), z.object({ operationId: z.string() })));
    const { paths, webhooks } = z
      .object({ paths: described, webhooks: described })
      .parse((await door.send({ path: '/openapi.json' })).body);
    const operations = [...Object.values(paths), ...Object.values(webhooks)].flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    const blocks = await page.locator('.opblock').all();
    const ids = await Promise.all(blocks.map(async (block) => (await block.getAttribute('id'))?.replace(/^.*-/, '')));
    expect(ids).toEqual(operations);
    for (const control of await page.locator('.opblock-summary-control').all()) await control.click();
    await page.locator('#operations-Drop-in-unlockUser').getByText('LATCHKEY_STILL_RUNNING').first().waitFor();
    const choices = await page.locator('[id$="-createUnlock"] select option').allTextContents();
    expect(choices).toEqual(expect.arrayContaining(['not_locked: no attempt was made', 'rejected: the bank refused for good']));
  });

  it('tries an operation out against its own origin', async () => {
    await page.goto(`${origin}/docs#/Operations/getHealth`);
    const operation = page.locator('#operations-Operations-getHealth');
    await operation.getByRole('button', { name: 'Try it out' }).click();
    await operation.getByRole('button', { name: 'Execute' }).click();
    await operation.locator('.live-responses-table').getByText('"ok"').waitFor();
  });

  it('takes no other description from its address', async () => {
    await page.goto(`${origin}/docs?url=https://example.com/openapi.json&configUrl=https://example.com/config.json`);
    await page.locator('.opblock').first().waitFor();
    expect(await page.locator('.title').first().textContent()).toContain('Latchkey');
  });

  it('is accessible, as far as it is ours', async () => {
    await page.goto(`${origin}/docs`);
    await page.locator('.opblock').first().waitFor();
    expect(await accessibilityFaults({ exclude: [['#description']] })).toEqual([]);
  });
});

describe('the catalogue of error codes', () => {
  it('opens at the entry that the type of a problem names', async () => {
    for (const code of errorCodeNames()) {
      await page.goto(new URL(problemType(code), origin).href);
      expect(await page.locator('section:target').getAttribute('id')).toBe(code);
    }
  });

  it('is accessible', async () => {
    await page.goto(`${origin}/docs/errors`);
    expect(await accessibilityFaults({})).toEqual([]);
  });

  it('leads to the description and back', async () => {
    await page.goto(`${origin}/docs/errors`);
    await page.getByRole('link', { name: 'API', exact: true }).click();
    await page.locator('.opblock').first().waitFor();
    await page.getByRole('link', { name: 'Error codes', exact: true }).click();
    await page.getByRole('heading', { name: 'Error codes' }).waitFor();
    expect(page.url()).toBe(`${origin}/docs/errors`);
  });
});

describe('a machine without Chromium', () => {
  it('is told what to install or to set', () => {
    expect(() => findChromium({ CHROMIUM_PATH: '/nowhere/chromium' })).toThrow(
      'CHROMIUM_PATH (/nowhere/chromium) is no program that can be run.',
    );
  });
});
