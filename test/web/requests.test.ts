import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { accessibilityFaults } from '../support/accessibility.js';
import { launchBrowser, watch } from '../support/browser.js';
import { screenshot, signInAs } from '../support/desk.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

// A browser on a busy machine is slow to start and to draw.
jest.setTimeout(180_000);

let browser: Browser;
let house: Latchkey;
let context: BrowserContext;
let page: Page;
let seen: ReturnType<typeof watch>;

beforeAll(async () => {
  browser = await launchBrowser();
  house = await openLatchkey({
    desk: {},
    settings: { temporalUiUrl: 'http://127.0.0.1:8233' },
    budget: { initialIntervalMs: 60_000, maxIntervalMs: 60_000, deadlineMs: 600_000 },
  });
});

afterAll(async () => {
  await browser.close();
  await house.close();
});

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
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
  const body = { customerId, reason: 'Called', ticket: 'HD-2' };
  await house.call('/v1/unlocks', { method: 'POST', headers: { correlationId, prefer: 'wait=20' }, body });
  return correlationId;
}

describe('the list of requests', () => {
  it('has its filters in the address, and goes from row to row by keyboard', async () => {
    const unlocked = [await ask('locked-1'), await ask('locked-2')];
    const refused = await ask('forbidden-403');
    await signInAs(page, `${house.url}/unlocks`, 'Olga Operator');
    expect(await page.locator('tbody tr').count()).toBe(3);
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-requests');
    await page.getByLabel('Outcome').selectOption('unlocked');
    await page.getByLabel('From').fill('2020-01-01');
    await page.getByRole('button', { name: 'Show' }).click();
    await page.waitForURL(/outcome=unlocked/);
    expect(await page.locator('tbody tr').count()).toBe(2);
    const address = page.url();
    await page.goto('about:blank');
    await page.goto(address);
    expect(await page.getByLabel('Outcome').inputValue()).toBe('unlocked');
    await page.locator('tbody a').first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.waitForURL(`${house.url}/unlocks/${unlocked[0] ?? ''}`);
    await page.goto(`${house.url}/unlocks?outcome=rejected`);
    expect(await page.locator('tbody a').first().getAttribute('href')).toBe(`/unlocks/${refused}`);
    await page.goto(`${house.url}/unlocks?state=running`);
    await page.getByText('No request is like this.').waitFor();
  });

  it('shows what is new by itself', async () => {
    await signInAs(page, `${house.url}/unlocks`, 'Olga Operator');
    const correlationId = await ask('locked-3');
    await page.locator(`a[href="/unlocks/${correlationId}"]`).waitFor();
  });

  it('parts many into pages', async () => {
    for (let made = 0; made < 51; made += 10) {
      await Promise.all(
        Array.from({ length: 10 }, () =>
          house.call('/v1/unlocks', { method: 'POST', headers: { prefer: 'wait=30' }, body: { customerId: 'open-1' } }),
        ),
      );
    }
    await signInAs(page, `${house.url}/unlocks?outcome=not_locked`, 'Olga Operator');
    expect(await page.locator('tbody tr').count()).toBe(50);
    await page.getByRole('link', { name: 'Older' }).click();
    await page.getByRole('link', { name: 'Newest' }).waitFor();
    expect(await page.locator('tbody tr').count()).toBe(10);
  });
});

describe('a request that goes on', () => {
  it('is paused, resumed and cancelled by an operator, who says why', async () => {
    const correlationId = randomUUID();
    await house.call('/v1/unlocks', { method: 'POST', headers: { correlationId }, body: { customerId: 'always-503', reason: 'Called' } });
    await eventually(async () => {
      const { body } = await house.call(`/v1/unlocks/${correlationId}`);
      expect(body).toMatchObject({ nextAttemptAt: expect.any(String) });
    });
    await signInAs(page, `${house.url}/unlocks/${correlationId}`, 'Olga Operator');
    expect(await page.getByRole('img', { name: /One attempt within/ }).count()).toBe(1);
    expect(await page.getByRole('link', { name: 'Temporal UI' }).getAttribute('href')).toContain(`/workflows/unlock-${correlationId}`);
    expect(await accessibilityFaults(page)).toEqual([]);
    await page.getByLabel('Reason').fill('The bank asked for quiet');
    await page.keyboard.press('Enter');
    await screenshot(page, 'desk-steering');
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('An operator keeps the next attempt back.').first().waitFor();
    await page.getByLabel('Reason').fill('Quiet is over');
    await page.getByRole('button', { name: 'Resume' }).click();
    await page.getByText('Attempt 2', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Try again now' }).waitFor();
    await page.getByLabel('Reason').fill('Not needed any more');
    await page.getByRole('button', { name: 'Cancel the request' }).click();
    await page.getByRole('heading', { name: 'The unlock was cancelled' }).waitFor();
    expect(await page.getByRole('button', { name: 'Cancel the request' }).count()).toBe(0);
    const rows = await house.sql(
      "select action, reason, actor_id from audit_event where correlation_id = $1 and actor_id = 'olga' order by position",
      [correlationId],
    );
    expect(rows).toEqual([
      { action: 'customer.unlock.paused', reason: 'The bank asked for quiet', actor_id: 'olga' },
      { action: 'customer.unlock.resumed', reason: 'Quiet is over', actor_id: 'olga' },
      { action: 'customer.unlock.cancel_requested', reason: 'Not needed any more', actor_id: 'olga' },
    ]);
  });

  it('shows its buttons to operators alone', async () => {
    const correlationId = randomUUID();
    await house.call('/v1/unlocks', { method: 'POST', headers: { correlationId }, body: { customerId: 'status-always-503' } });
    await signInAs(page, `${house.url}/unlocks/${correlationId}`, 'Sam Support');
    await page.getByRole('heading', { name: 'Unlock under way' }).waitFor();
    expect(await page.getByRole('button').allTextContents()).toEqual(['Sign out']);
    expect(await page.getByRole('link', { name: 'Temporal UI' }).count()).toBe(0);
  });
});
