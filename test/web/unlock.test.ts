import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Browser, BrowserContext, Page } from 'playwright-core';
import { accessibilityFaults } from '../support/accessibility.js';
import { launchBrowser, watch } from '../support/browser.js';
import { screenshot, signInAs } from '../support/desk.js';
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
  house = await openLatchkey({ desk: {}, budget: { initialIntervalMs: 1_500, maxIntervalMs: 3_000 } });
});

afterAll(async () => {
  await browser.close();
  await house.close();
});

beforeEach(async () => {
  context = await browser.newContext({ viewport: { width: 900, height: 700 } });
  page = await context.newPage();
  page.setDefaultTimeout(60_000);
  seen = watch(page, house.url);
});

afterEach(async () => {
  await context.close();
  const { complaints, strangers } = seen;
  // The issuer's own page is led to, and nothing else of it is asked for.
  const others = strangers.filter((url) => !url.startsWith(`${house.sandbox.url}/issuer/`));
  expect({ complaints, others }).toEqual({ complaints: [], others: [] });
});

async function lookUp(customerId: string): Promise<void> {
  await page.getByLabel('Customer id').fill(customerId);
  await page.getByRole('button', { name: 'Look up' }).click();
  await page.getByRole('heading', { name: `Customer ${customerId}` }).waitFor();
}

async function askFor(reason: string): Promise<void> {
  await page.getByLabel('Reason').fill(reason);
  await page.getByLabel('Ticket').fill('HD-1');
  await page.getByRole('button', { name: 'Unlock' }).click();
  await page.waitForURL(/\/unlocks\/[0-9a-f-]{36}$/);
}

describe('an unlock on the desk', () => {
  it('is watched from the first attempt through its retries to the outcome, and its address brings it back', async () => {
    await signInAs(page, `${house.url}/`, 'Sam Support');
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-search');
    await lookUp('two-503');
    expect(await page.locator('.verdict').textContent()).toMatch(/Locked\s+An unlock is all that is needed/);
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-customer');
    await askFor('Called: locked out');
    await page.getByText('Attempt 1', { exact: true }).waitFor();
    await page.locator('[data-until]', { hasText: /in \d+ s|now/ }).waitFor();
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-unlock-under-way');
    await page.getByRole('heading', { name: 'The customer is unlocked' }).waitFor();
    await page.getByText('Checked: the bank was asked again afterwards').first().waitFor();
    expect(await page.getByRole('status').textContent()).toContain('The customer is unlocked.');
    expect(await page.locator('.attempts li').allTextContents()).toEqual([
      expect.stringContaining('could not do it now (503, UXU_30001'),
      expect.stringContaining('could not do it now (503'),
      expect.stringContaining('accepted it'),
    ]);
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-unlocked');
    const address = page.url();
    await page.goto('about:blank');
    await page.goto(address);
    await page.getByRole('heading', { name: 'The customer is unlocked' }).waitFor();
    expect(await page.getByText('Called: locked out').count()).toBe(1);
    const [correlationId = ''] = /[0-9a-f-]{36}$/.exec(address) ?? [];
    const [row] = await house.sql<{ actor_id: string; ticket: string; component: string }>(
      "select actor_id, ticket, source ->> 'component' as component from audit_event where correlation_id = $1 and action = 'customer.unlock.requested'",
      [correlationId],
    );
    expect(row).toEqual({ actor_id: 'sam', ticket: 'HD-1', component: 'desk' });
  });

  it('is not offered where it will not help, and the page says what will', async () => {
    await signInAs(page, `${house.url}/`, 'Sam Support');
    await lookUp('on-hold-1');
    await page.getByText('the hold must be lifted at the institution').waitFor();
    expect(await page.getByRole('button', { name: 'Unlock' }).count()).toBe(0);
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-not-locked');
    await page.goto(`${house.url}/`);
    await lookUp('locked-on-hold-1');
    await page.getByText('An unlock alone will not let the customer in').waitFor();
    expect(await page.getByRole('button', { name: 'Unlock' }).count()).toBe(1);
  });

  it('that the bank refuses says so, and what to do', async () => {
    await signInAs(page, `${house.url}/`, 'Sam Support');
    await lookUp('forbidden-403');
    await askFor('Called');
    await page.getByRole('heading', { name: 'The bank refused the unlock' }).waitFor();
    await page.getByText('its operators must mend the credentials or their rights').waitFor();
  });

  it('needs only the keyboard', async () => {
    await signInAs(page, `${house.url}/`, 'Sam Support');
    await page.keyboard.type('locked-4');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Customer locked-4' }).waitFor();
    while (!(await page.getByLabel('Reason').evaluate((field) => field === field.ownerDocument.activeElement))) {
      await page.keyboard.press('Tab');
    }
    await page.keyboard.type('Called');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'The customer is unlocked' }).waitFor();
  });

  it('keeps a customer’s id out of every address', async () => {
    const addresses: string[] = [];
    page.on('request', (request) => addresses.push(request.url()));
    await signInAs(page, `${house.url}/`, 'Sam Support');
    await lookUp('locked-5');
    await askFor('Called');
    await page.getByRole('heading', { name: 'The customer is unlocked' }).waitFor();
    expect(addresses.filter((each) => each.includes('locked-5'))).toEqual([]);
  });

  it('names a customer whom the bank does not know, and an id that is none, beside the field', async () => {
    await signInAs(page, `${house.url}/`, 'Sam Support');
    seen.complaints.length = 0;
    for (const [typed, told] of [
      ['nobody-1', 'The bank knows no customer of this id.'],
      ['<b>no id</b>', 'is no customer id'],
    ] as const) {
      await page.getByLabel('Customer id').fill(typed);
      await page.getByRole('button', { name: 'Look up' }).click();
      await page.locator('.fault', { hasText: told }).waitFor();
      expect(await page.getByLabel('Customer id').inputValue()).toBe(typed);
      expect(await accessibilityFaults(page)).toEqual([]);
    }
    // Chromium complains of each answer that is an error.
    seen.complaints.length = 0;
  });

  it('fits a narrow window', async () => {
    await page.setViewportSize({ width: 360, height: 640 });
    await signInAs(page, `${house.url}/`, 'Sam Support');
    await lookUp('locked-6');
    await askFor('A reason that is as long as people write them when they have had a long call and want to be thorough');
    await page.getByRole('heading', { name: 'The customer is unlocked' }).waitFor();
    const [wide, shown] = [await page.evaluate('document.documentElement.scrollWidth'), await page.evaluate('window.innerWidth')];
    expect(wide).toBe(shown);
  });

  it('weighs little: the first load of a page is below 150 kB', async () => {
    await signInAs(page, `${house.url}/`, 'Sam Support');
    const network = await context.newCDPSession(page);
    let bytes = 0;
    network.on('Network.loadingFinished', ({ encodedDataLength }) => void (bytes += encodedDataLength));
    await network.send('Network.enable');
    await network.send('Network.clearBrowserCache');
    await page.goto(`${house.url}/`, { waitUntil: 'networkidle' });
    expect(bytes).toBeGreaterThan(1_000);
    expect(bytes).toBeLessThan(150_000);
  });
});

describe('an unlock on the desk without JavaScript', () => {
  it('goes from the search to the outcome', async () => {
    await context.close();
    context = await browser.newContext({ javaScriptEnabled: false });
    page = await context.newPage();
    seen = watch(page, house.url);
    await signInAs(page, `${house.url}/`, 'Sam Support');
    await lookUp('locked-7');
    await askFor('Called');
    for (;;) {
      if ((await page.getByRole('heading', { name: 'The customer is unlocked' }).count()) > 0) break;
      await page.getByRole('link', { name: 'Load it again' }).click();
    }
    expect(await page.locator('time').first().textContent()).toMatch(/UTC$/);
  });
});
