import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { createAuthenticator } from '../../src/http/auth.js';
import { createCodecApp } from '../../src/http/codec.js';
import { createHttpServer, type HttpServer } from '../../src/http/server.js';
import { createPayloadCodec } from '../../src/temporal/payload-codec.js';
import { parsePayloadKeys } from '../../src/temporal/payload-keys.js';
import { createRemoteCodec } from '../../src/temporal/remote-codec.js';
import { historyText } from '../support/history-text.js';
import { openLatchkey, PAYLOAD_KEYS, type Latchkey } from '../support/latchkey.js';
import { issuerFetch } from '../support/anywhere.js';

const UI = 'http://127.0.0.1:8233';
const CAPABILITY = 'a-capability-for-tests';
let latchkey: Latchkey;
let server: HttpServer;
let url: string;
beforeAll(async () => {
  latchkey = await openLatchkey({ budget: { maxAttempts: 2 } });
  const { sandbox } = latchkey;
  const auth = createAuthenticator({
    issuer: sandbox.issuerUrl,
    audience: sandbox.audience,
    jwksUrl: null,
    tokenTyp: 'at+jwt',
    allowedInstitutions: [sandbox.institutionId],
    fetch: issuerFetch(sandbox.issuerUrl),
  });
  const codec = createRemoteCodec(createPayloadCodec(parsePayloadKeys(PAYLOAD_KEYS)));
  server = createHttpServer(createCodecApp({ codec, auth, allowedOrigin: UI, capability: CAPABILITY }));
  url = `http://127.0.0.1:${await server.listen({ host: '127.0.0.1', port: 0 })}`;
});
afterAll(async () => {
  await server.close(1_000);
  await latchkey.close();
});

async function unlocked(customerId: string): Promise<string> {
  const correlationId = randomUUID();
  await latchkey.call('/v1/unlocks', {
    method: 'POST',
    body: { customerId, reason: 'marked-reason', ticket: 'marked-ticket' },
    headers: { correlationId, prefer: 'wait=30' },
  });
  return correlationId;
}

describe('what Temporal keeps of an unlock', () => {
  it.each(['locked-1', 'open-1', 'forbidden-403', 'two-503', 'always-503', 'answer-lost', 'status-two-503'])(
    'says neither who the customer is nor who asked or why (%s)',
    async (customerId) => {
      const correlationId = await unlocked(customerId);
      const handle = latchkey.client.workflow.getHandle(`unlock-${correlationId}`);
      const history = historyText(await handle.fetchHistory());
      const { raw } = await handle.describe();
      expect(history.includes('binary/encrypted')).toBe(true);
      const kept = history + historyText(raw);
      expect([customerId, 'marked-', 'agent-1', 'Sam Support', 'UXU_', 'answered'].filter((mark) => kept.includes(mark))).toEqual([]);
    },
  );
});

async function post(path: string, { headers = {}, body }: { headers?: Record<string, string>; body?: unknown } = {}) {
  return fetch(url + path, { method: 'POST', headers: { 'content-type': 'application/json', ...headers }, body: JSON.stringify(body) });
}

async function sealedInput(): Promise<unknown> {
  const correlationId = await unlocked('locked-2');
  const { events } = await latchkey.client.workflow.getHandle(`unlock-${correlationId}`).fetchHistory();
  const payloads = events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads ?? [];
  const base64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');
  return {
    payloads: payloads.map(({ metadata, data }) => ({
      metadata: Object.fromEntries(Object.entries(metadata ?? {}).map(([name, value]) => [name, base64(value)])),
      data: base64(data),
    })),
  };
}

describe('the codec server', () => {
  it('decodes for whoever may steer unlocks, and for the embedded UI by its capability', async () => {
    const body = await sealedInput();
    const authorization = `Bearer ${await latchkey.sandbox.mintToken({ scopes: ['temporal:decode'] })}`;
    for (const answer of [
      await post('/decode', { headers: { authorization, origin: UI }, body }),
      await post(`/ui/${CAPABILITY}/decode`, { body }),
    ]) {
      expect(answer.status).toBe(200);
      const { payloads } = (await answer.json()) as { payloads: { data: string }[] };
      expect(JSON.parse(Buffer.from(payloads[0]?.data ?? '', 'base64').toString())).toMatchObject({
        customerId: 'locked-2',
        reason: 'marked-reason',
      });
      expect(answer.headers.get('cache-control')).toBe('no-store');
    }
  });

  it('encodes what it decodes', async () => {
    const data = Buffer.from('"text"').toString('base64');
    const metadata = { encoding: Buffer.from('json/plain').toString('base64') };
    const encoded = await (await post(`/ui/${CAPABILITY}/encode`, { body: { payloads: [{ metadata, data }] } })).json();
    expect(await (await post(`/ui/${CAPABILITY}/decode`, { body: encoded })).json()).toEqual({ payloads: [{ metadata, data }] });
  });

  it('takes nobody without a token, with a token of another scope, or with a wrong capability', async () => {
    const authorization = `Bearer ${await latchkey.sandbox.mintToken({ scopes: ['institution-users:read', 'unlocks:operate', 'audit:read'] })}`;
    expect((await post('/decode', { body: { payloads: [] } })).status).toBe(401);
    expect((await post('/decode', { headers: { authorization }, body: { payloads: [] } })).status).toBe(403);
    expect((await post('/ui/another/decode', { body: { payloads: [] } })).status).toBe(404);
  });

  it('answers the page of the Temporal UI, and of no other origin', async () => {
    const preflight = await fetch(`${url}/decode`, { method: 'OPTIONS', headers: { origin: UI, 'access-control-request-method': 'POST' } });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(UI);
    expect(preflight.headers.get('access-control-allow-headers')).toBe('content-type, x-namespace, authorization');
    const stranger = await post(`/ui/${CAPABILITY}/decode`, { headers: { origin: 'http://evil.example' }, body: { payloads: [] } });
    expect(stranger.status).toBe(403);
    expect(stranger.headers.get('access-control-allow-origin')).toBeNull();
  });

  it('says which key it lacks, and what it cannot read', async () => {
    const metadata = {
      encoding: Buffer.from('binary/encrypted').toString('base64'),
      'encryption-key-id': Buffer.from('gone').toString('base64'),
    };
    const lacking = await post(`/ui/${CAPABILITY}/decode`, { body: { payloads: [{ metadata, data: 'AAAA' }] } });
    expect(lacking.status).toBe(422);
    expect(await lacking.json()).toMatchObject({ message: expect.stringContaining('"gone"') });
    expect((await post(`/ui/${CAPABILITY}/decode`, { body: { payloads: 'none' } })).status).toBe(400);
    expect((await post(`/ui/${CAPABILITY}/decode`, { body: { payloads: [{ data: 'not base64!' }] } })).status).toBe(400);
  });
});
