import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { unlockSchema } from '../../src/http/answer-schemas.js';
import { accessibilityFaults } from '../support/accessibility.js';
import { launchBrowser, watch } from '../support/browser.js';
import { createDeskCaller } from '../support/desk-caller.js';
import { screenshot, signInAs } from '../support/desk.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

jest.setTimeout(180_000);

let browser: Browser;
let house: Latchkey;
beforeAll(async () => {
  browser = await launchBrowser();
  house = await openLatchkey({
    desk: {},
    settings: { repeatGuard: { maxUnlocks: 1, windowMs: 86_400_000, approvalMs: 600_000 } },
  });
});
afterAll(async () => {
  await browser.close();
  await house.close();
});

async function openPage(): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1000, height: 700 } });
  const page = await context.newPage();
  page.setDefaultTimeout(60_000);
  return page;
}

/** @returns a request of Alex Approver's, or another's, that waits for a second person */
async function waits(customerId: string, subject: string): Promise<string> {
  house.sandbox.customers.set(customerId, { state: { locked: true } });
  await house.unlock(customerId);
  house.sandbox.customers.set(customerId, { state: { locked: true } });
  const correlationId = randomUUID();
  const token = await house.sandbox.mintToken({ subject });
  await house.call('/v1/unlocks', { method: 'POST', body: { customerId, reason: 'Called' }, headers: { correlationId }, token });
  await eventually(
    async () => {
      const { body } = await house.call(`/v1/unlocks/${correlationId}`);
      expect(unlockSchema.parse(body).approval?.state).toBe('waiting');
    },
    { limitMs: 60_000 },
  );
  return correlationId;
}

describe('a request that waits for a second person', () => {
  it('is approved by a second person while the first one watches', async () => {
    const correlationId = await waits('often-1', 'sam');
    const [first, second] = [await openPage(), await openPage()];
    const seen = watch(first, house.url);
    await signInAs(first, `${house.url}/unlocks/${correlationId}`, 'Sam Support');
    await first.getByRole('heading', { name: 'Waits for a second person' }).waitFor();
    expect(await first.getByRole('button').allTextContents()).toEqual(['Sign out']);
    await signInAs(second, `${house.url}/unlocks?approval=waiting`, 'Alex Approver');
    await second.getByText('Waits for approval').waitFor();
    await second.locator(`a[href="/unlocks/${correlationId}"]`).click();
    await second.getByText('unlocked once within 1 day').waitFor();
    expect(await accessibilityFaults(second)).toEqual([]);
    await second.getByLabel('Why you decide so').fill('Called the customer back');
    await screenshot(second, 'desk-approval');
    await second.getByRole('button', { name: 'Approve' }).click();
    await first.getByRole('heading', { name: 'The customer is unlocked' }).waitFor();
    expect(await first.locator('.decision').innerText()).toMatch(/Approved by Alex Approver \(alex\).*Called the customer back/);
    expect(seen.complaints).toEqual([]);
  });

  it('is not decided by who asked, who is told so, nor by who may not', async () => {
    const correlationId = await waits('often-2', 'alex');
    const page = await openPage();
    await signInAs(page, `${house.url}/unlocks/${correlationId}`, 'Alex Approver');
    await page.getByText('another person must decide on it').waitFor();
    expect(await page.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    const desk = createDeskCaller(house);
    for (const [person, says] of [
      ['alex', 'another person must'],
      ['sam', 'does not have this right'],
    ] as const) {
      const { cookie, formToken } = await desk.signIn(person);
      const form = { formToken, decision: 'approve', reason: 'Me' };
      const forced = await desk.call(`/unlocks/${correlationId}/decision`, { headers: { cookie }, form });
      expect([forced.status, forced.text]).toEqual([403, expect.stringContaining(says)]);
    }
    expect(house.puts(correlationId)).toEqual([]);
  });
});

describe('the page of health', () => {
  it('shows the numbers that the record holds, to operators alone', async () => {
    const page = await openPage();
    await signInAs(page, `${house.url}/health`, 'Olga Operator');
    const [rows] = await house.sql<{ unlocked: number; open: number }>(
      `select (select count(*)::integer from audit_event where outcome = 'unlocked') as unlocked,
         (select count(*)::integer from unlock_request where completed_at is null) as open`,
    );
    expect(rows?.open).toBeGreaterThan(0);
    expect(await page.locator('#n-running').innerText()).toBe(String(rows?.open));
    expect(await page.locator('#n-approval').innerText()).toBe(String(rows?.open));
    expect(await page.locator('#n-unlocked').innerText()).toBe(String(rows?.unlocked));
    expect(await accessibilityFaults(page)).toEqual([]);
    await screenshot(page, 'desk-health');
    const { cookie } = await createDeskCaller(house).signIn('sam');
    const forced = await createDeskCaller(house).call('/health', { headers: { cookie } });
    expect(forced.status).toBe(403);
    expect(forced.text).not.toContain('href="/health"');
  });
});

describe('in Temporal', () => {
  it("a request's details lead to its page", async () => {
    const correlationId = randomUUID();
    await house.unlock('open-1', correlationId);
    const description = await house.client.workflow.getHandle(`unlock-${correlationId}`).describe();
    expect(await description.staticDetails()).toContain(`(${house.url}/unlocks/${correlationId})`);
  });
});
