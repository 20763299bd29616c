import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { strFromU8, unzipSync } from 'fflate';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { verifierKey } from '../../src/proof/signed-note.js';
import { accessibilityFaults } from '../support/accessibility.js';
import { launchBrowser, watch } from '../support/browser.js';
import { screenshot, signInAs } from '../support/desk.js';
import { eventually } from '../support/eventually.js';
import { createHouseSealer } from '../support/house-sealer.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';
import { newSigner } from '../support/sealed-log.js';

// A browser on a busy machine is slow to start and to draw.
jest.setTimeout(180_000);

const signer = newSigner();
const key = verifierKey(signer);
let browser: Browser;
let house: Latchkey;
let sealer: ReturnType<typeof createHouseSealer>;
let context: BrowserContext;
let page: Page;
let seen: ReturnType<typeof watch>;

beforeAll(async () => {
  browser = await launchBrowser();
  house = await openLatchkey({ desk: {}, settings: { auditVerifiers: [key] } });
  sealer = createHouseSealer(house, signer);
});

afterAll(async () => {
  await browser.close();
  await sealer.close();
  await house.close();
});

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1200, height: 800 } });
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
  seen = watch(page, house.url);
});

afterEach(async () => {
  await context.close();
  expect(seen.complaints).toEqual([]);
});

async function ask(customerId: string): Promise<string> {
  const correlationId = randomUUID();
  const body = { customerId, reason: 'Called', ticket: 'HD-7' };
  await house.call('/v1/unlocks', { method: 'POST', headers: { correlationId, prefer: 'wait=20' }, body });
  return correlationId;
}

/** What a link leads to, taken as a file. */
async function download(name: string): Promise<Buffer> {
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name }).click()]);
  return readFileSync(await file.path());
}

const sealStates = (): Promise<(string | null)[]> =>
  page.locator('[data-seal]').evaluateAll((marks) => marks.map((mark) => mark.getAttribute('data-seal')));

describe('the reviewer’s table', () => {
  it('has filters, columns and pages in the address, and goes from row to row by keyboard', async () => {
    const [unlocked, refused] = [await ask('two-503'), await ask('forbidden-403')];
    await signInAs(page, `${house.url}/audit`, 'Carl Compliance');
    expect(await page.getByRole('link', { name: 'Audit', exact: true }).getAttribute('aria-current')).toBe('page');
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-audit');

    await page.getByRole('combobox', { name: 'What' }).selectOption('customer.unlock.attempt_finished');
    await page.getByLabel('HTTP status').fill('503');
    await page.getByLabel('From (UTC)').fill('2020-01-01');
    await page.getByText('Columns', { exact: true }).click();
    await page.getByRole('checkbox', { name: 'Customer' }).uncheck();
    await page.getByRole('checkbox', { name: 'Ticket' }).check();
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/httpStatus=503/);
    expect(await page.locator('tbody tr').count()).toBe(2);
    const address = page.url();
    await page.goto('about:blank');
    await page.goto(address);
    expect(await page.getByLabel('HTTP status').inputValue()).toBe('503');
    const headings = await page.locator('th').allTextContents();
    expect([headings.includes('Customer'), headings.includes('Ticket')]).toEqual([false, true]);
    await page.locator('tbody a').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${house.url}/audit/cases/${unlocked}`);

    await page.goto(`${house.url}/audit?outcome=rejected`);
    expect(await page.locator('td a[href^="/unlocks/"]').getAttribute('href')).toBe(`/unlocks/${refused}`);
    await page.goto(`${house.url}/audit?actor=nobody-at-all`);
    await page.getByText('No row is like this.').waitFor();
  });

  it('puts every look on record, with what was looked for', async () => {
    await signInAs(page, `${house.url}/audit?action=customer.unlock.completed`, 'Carl Compliance');
    const [row] = await house.sql<{ actor_id: string; filters: unknown; component: string }>(
      "select actor_id, metadata -> 'filters' as filters, source ->> 'component' as component from audit_event where action = 'audit.viewed' order by position desc limit 1",
    );
    expect(row).toEqual({ actor_id: 'carl', filters: { action: 'customer.unlock.completed' }, component: 'desk' });
    await page.getByRole('navigation', { name: 'Views' }).getByRole('link', { name: 'Who read the log' }).click();
    await page.waitForURL(/action=audit.viewed/);
    expect(await page.locator('tbody tr').count()).toBeGreaterThan(0);
    await page.locator('tbody [tabindex]').first().focus();
    await page.keyboard.press('ArrowDown');
    expect(await page.evaluate('document.activeElement.closest("tr").rowIndex')).toBe(2);
  });

  it('parts many rows into pages', async () => {
    while (Number((await house.sql<{ rows: string }>('select count(*) as rows from audit_event'))[0]?.rows) <= 50) await ask('open-1');
    await signInAs(page, `${house.url}/audit?column=id`, 'Carl Compliance');
    const first = await page.locator('tbody code').allTextContents();
    expect(first.length).toBe(50);
    await page.getByRole('link', { name: 'Older' }).click();
    await page.getByRole('link', { name: 'Newest' }).waitFor();
    const second = await page.locator('tbody code').allTextContents();
    expect(second.filter((id) => first.includes(id))).toEqual([]);
    expect(page.url()).toContain('column=id');
  });

  it('hands out exactly what is filtered, byte for byte as the API does', async () => {
    const token = await house.sandbox.mintToken();
    await signInAs(page, `${house.url}/audit?action=customer.unlock.completed&column=id`, 'Carl Compliance');
    const shown = await page.locator('tbody code').allTextContents();
    for (const format of ['csv', 'ndjson'] as const) {
      const file = await download(format.toUpperCase());
      const reply = await fetch(`${house.url}/v1/audit/export?format=${format}&action=customer.unlock.completed`, {
        headers: { authorization: `Bearer ${token}` },
      });
      expect(file.toString()).toBe(await reply.text());
      if (format === 'ndjson') {
        const ids = file
          .toString()
          .trimEnd()
          .split('\n')
          .map((line) => (JSON.parse(line) as { id: string }).id);
        expect(ids.reverse()).toEqual(shown);
      }
    }
    const exports = await house.sql(
      "select metadata ->> 'format' as format from audit_event where action = 'audit.exported' and actor_id = 'carl' order by position",
    );
    expect(exports).toEqual([{ format: 'csv' }, { format: 'ndjson' }]);
  });
});

describe('the charts', () => {
  it('count what the table shows, and each bar leads to its rows', async () => {
    await ask('forbidden-403');
    house.sandbox.customers.set('chart-1', { script: [{ httpStatus: 503, body: { message: 'Try later', code: 'UXU_30001' } }] });
    await ask('chart-1');
    await signInAs(page, `${house.url}/audit/charts`, 'Carl Compliance');
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-charts');
    for (const [region, link, wanted] of [
      ['What attempts met most', '503 UXU_30001', /httpStatus=503/],
      ['Who asked for unlocks', 'Sam Support (agent-1)', /actor=agent-1/],
      ['Unlocks that came to attempt …', 'Attempt 1', /attempt=1/],
      ['How requests ended, by day (UTC)', 'The bank refused the unlock', /outcome=rejected/],
    ] as const) {
      await page.goto(`${house.url}/audit/charts`);
      const row = page.getByRole('region', { name: region }).getByRole('row').filter({ hasText: link });
      const count = await row.locator('.count').textContent();
      await row.getByRole('link', { name: link }).click();
      await page.waitForURL(wanted);
      await page.locator('table[data-rows]').waitFor();
      const shown = await page.locator('tbody tr').count();
      const older = await page.getByRole('link', { name: 'Older' }).count();
      expect([region, older === 0 ? shown : 'more']).toEqual([region, Number(count) > 50 ? 'more' : Number(count)]);
    }
    await page.goto(`${house.url}/audit/charts?from=2020-01-01`);
    await page.locator('.columns-chart a').first().click();
    await page.waitForURL(/\/audit\?action=customer.unlock.completed&outcome=/);
  });
});

describe('one case', () => {
  it('waits for its seal while no sealer runs, is sealed once one did, and its evidence verifies', async () => {
    house.sandbox.customers.set('case-1', { script: [{ httpStatus: 503, body: { message: 'Try later', code: 'UXU_30001' } }] });
    const correlationId = await ask('case-1');
    await signInAs(page, `${house.url}/unlocks/${correlationId}`, 'Carl Compliance');
    await page.getByRole('link', { name: 'Its audit case' }).click();
    await page.getByRole('heading', { name: 'Waiting to be sealed' }).waitFor();
    expect(new Set(await sealStates())).toEqual(new Set(['waiting']));
    expect(await accessibilityFaults(page)).toEqual([]);

    await sealer.sealAll();
    await page.getByRole('link', { name: 'Look again' }).click();
    await page.getByRole('heading', { name: 'Sealed' }).waitFor();
    const story = await house.story(correlationId);
    expect(await sealStates()).toEqual(story.map(() => 'sealed'));
    expect(await page.locator('tbody tr').allTextContents()).toEqual(
      expect.arrayContaining([expect.stringContaining('could not do it now (503')]),
    );
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-case');

    const folder = mkdtempSync(join(tmpdir(), 'latchkey-test-case-'));
    for (const [name, bytes] of Object.entries(unzipSync(await download('Take the evidence'))))
      writeFileSync(join(folder, name), strFromU8(bytes));
    const { status, stdout } = spawnSync(process.execPath, ['verify.mjs', '--key', key], { cwd: folder, encoding: 'utf8', env: {} });
    rmSync(folder, { recursive: true });
    expect([status, stdout]).toEqual([0, expect.stringMatching(new RegExp(`^INTACT: ${story.length} records of ${correlationId}\n`))]);
  });

  it('is broken where somebody changed a row past every guard, and says which', async () => {
    const correlationId = await ask('locked-1');
    await sealer.sealAll();
    await house.sql('ALTER TABLE audit_event DISABLE TRIGGER ALL');
    const changed = "UPDATE audit_event SET reason = $2 WHERE correlation_id = $1 AND action = 'customer.unlock.requested'";
    await house.sql(changed, [correlationId, 'another']);
    await signInAs(page, `${house.url}/audit/cases/${correlationId}`, 'Carl Compliance');
    await page.getByRole('heading', { name: 'The seal is broken' }).waitFor();
    const states = await sealStates();
    expect(states).toEqual(['broken', ...states.slice(1).map(() => 'sealed')]);
    expect(await accessibilityFaults(page)).toEqual([]);

    await house.sql(changed, [correlationId, 'Called']);
    await page.reload();
    await page.getByRole('heading', { name: 'Sealed' }).waitFor();
  });

  it('is broken where another key has signed the checkpoint', async () => {
    const correlationId = await ask('locked-2');
    const forger = createHouseSealer(house, newSigner());
    await forger.sealAll();
    await forger.close();
    await signInAs(page, `${house.url}/audit/cases/${correlationId}`, 'Carl Compliance');
    await page.getByRole('heading', { name: 'The seal is broken' }).waitFor();
    expect(new Set(await sealStates())).toEqual(new Set(['broken']));
    await page.getByText('nobody who is trusted has signed this note').first().waitFor();
  });
});

describe('who may not review', () => {
  it('is shown no way there, and one who goes there all the same is refused and on record', async () => {
    const correlationId = await ask('open-1');
    await signInAs(page, `${house.url}/unlocks/${correlationId}`, 'Sam Support');
    expect(await page.getByRole('link', { name: 'Audit' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Its audit case' }).count()).toBe(0);
    for (const path of [
      '/audit',
      '/audit/charts',
      '/audit/export?format=csv',
      `/audit/cases/${correlationId}`,
      `/audit/cases/${correlationId}/evidence`,
    ]) {
      const answer = await page.goto(house.url + path);
      expect([path, answer?.status()]).toEqual([path, 403]);
      await page.getByText('Your account does not have this right.').waitFor();
    }
    await eventually(async () => {
      const denied = await house.sql("select 1 from audit_event where action = 'access.denied' and actor_id = 'sam'");
      expect(denied.length).toBeGreaterThan(0);
    });
    // Chromium complains of each answer that is an error.
    seen.complaints.length = 0;
  });
});
