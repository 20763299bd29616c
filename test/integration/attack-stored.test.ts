import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

let latchkey: Latchkey;
beforeAll(async () => {
  latchkey = await openLatchkey();
});
afterAll(() => latchkey.close());

/** What a caller might leave for a reviewer's browser, spreadsheet, terminal or log to run. */
const payloads = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "'-alert(1)-'",
  '<svg/onload=alert(1)>',
  '</script><script>alert(1)</script>',
  '<!--#exec cmd="id"-->',
  'javascript:alert(1)',
  '{{constructor.constructor("alert(1)")()}}',
  '${jndi:ldap://127.0.0.1/a}',
  '=HYPERLINK("http://127.0.0.1/?"&A1,"open")',
  "=cmd|'/C calc'!A0",
  '+1+cmd|x',
  '-1+1',
  '@SUM(1+1)',
  '"; drop table audit_event; --',
  "' or '1'='1",
  '\u202egnp.exe',
  '%0d%0aSet-Cookie:%20a=b',
  '__proto__',
];

const headersOfData = {
  'x-content-type-options': 'nosniff',
  'cache-control': 'no-store',
  'x-frame-options': 'SAMEORIGIN',
};

describe('what a caller stores for a reviewer to read', () => {
  it.each(payloads)('comes back as it was, as data that no browser takes for a page: %s', async (payload) => {
    const correlationId = randomUUID();
    const token = await latchkey.sandbox.mintToken({ subject: 'desk', clientId: 'desk', name: payload });
    const body = { customerId: 'locked-1', reason: payload, reasonCode: payload, ticket: payload, onBehalfOf: payload };
    const headers = { correlationId, prefer: 'wait=30', 'user-agent': payload.replace(/[^\x20-\x7e]/g, '') };
    const created = await latchkey.call('/v1/unlocks', { method: 'POST', body, token, headers });
    expect([created.status, created.body]).toMatchObject([200, { reason: payload, reasonCode: payload, ticket: payload }]);

    const reads = [
      `/v1/unlocks/${correlationId}`,
      `/v1/unlocks?actor=desk&limit=1`,
      `/v1/audit/events?correlationId=${correlationId}`,
      `/v1/unlocks?actor=${encodeURIComponent(payload)}`,
    ];
    for (const path of reads) {
      // As a browser would ask for a page.
      const reply = await latchkey.call(path, { headers: { accept: 'text/html' } });
      expect([path, reply.status]).toEqual([path, 200]);
      expect(reply.headers.get('content-type')).toBe('application/json; charset=utf-8');
      expect(Object.fromEntries(reply.headers)).toMatchObject(headersOfData);
      expect(reply.headers.get('content-security-policy')).toContain("default-src 'self'");
    }
    const { items } = (await latchkey.call(`/v1/audit/events?correlationId=${correlationId}`)).body as { items: object[] };
    expect(items.find((item) => 'reason' in item && item.reason === payload)).toMatchObject({
      action: 'customer.unlock.requested',
      actorName: payload,
      onBehalfOf: payload,
    });
  });

  it('never stands in a page, nor in an error that repeats what was sent', async () => {
    for (const page of ['/docs', '/docs/errors']) {
      const reply = await fetch(latchkey.url + page);
      expect(reply.headers.get('content-security-policy')).toMatch(/default-src 'none'/);
      expect(reply.headers.get('content-security-policy')).not.toMatch(/unsafe/);
      const text = await reply.text();
      for (const payload of payloads.filter((each) => each.startsWith('<'))) expect(text).not.toContain(payload);
    }
    for (const payload of payloads) {
      const encoded = encodeURIComponent(payload);
      for (const path of [`/${encoded}`, `/v1/unlocks/${encoded}`, `/v1/unlocks?${encoded}=1`, `/v1/unlocks?limit=${encoded}`]) {
        const reply = await fetch(latchkey.url + path, {
          headers: { authorization: `Bearer ${await latchkey.sandbox.mintToken()}`, accept: 'text/html' },
        });
        expect([path, reply.headers.get('content-type')]).toEqual([path, 'application/problem+json; charset=utf-8']);
        expect(reply.headers.get('x-content-type-options')).toBe('nosniff');
      }
    }
  });
});
