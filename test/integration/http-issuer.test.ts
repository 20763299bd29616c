import { randomUUID } from 'node:crypto';
import type { ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { problemSchema } from '../../src/http/problem.js';
import { eventually } from '../support/eventually.js';
import { openFrontDoor, type FrontDoor, type Reply } from '../support/front-door.js';
import { sendJson, startScriptedIssuer, type ScriptedIssuer } from '../support/scripted-issuer.js';

// A request that is let in stops at its own query, before anything is asked of the rooms behind the door.
const PATH = '/v1/unlocks?limit=0';
/** How soon keys are fetched again for an unknown key id, and how long an issuer that failed is left alone. */
const COOLDOWN_MS = 5_000;
const FAILURE_COOLDOWN_MS = 1_000;

let issuer: ScriptedIssuer;
let door: FrontDoor;
beforeEach(async () => {
  issuer = await startScriptedIssuer();
  door = await openFrontDoor({ issuerUrl: issuer.url });
});
afterEach(async () => {
  await door.close();
  await issuer.stop();
});

const get = (token: string): Promise<Reply> => door.send({ path: PATH, token });
const inShort = ({ httpStatus, body }: Reply): string => `${httpStatus} ${problemSchema.parse(body).code}`;
const LET_IN = '400 validation_failed';
const UNAVAILABLE = '503 temporarily_unavailable';
const fetchesOfKeys = (): number => issuer.asked.filter((url) => url === '/keys').length;
/** The most fetches that the cool-down allows in the time that was really taken. */
const mostIn = (startedMs: number, cooldownMs: number): number => 1 + Math.ceil((performance.now() - startedMs) / cooldownMs);

describe("the issuer's keys", () => {
  it('are fetched once for many callers who come at once', async () => {
    const token = await issuer.token();
    const replies = await Promise.all(Array.from({ length: 20 }, () => get(token)));
    expect(replies.map(inShort)).toEqual(replies.map(() => LET_IN));
    expect(issuer.asked).toEqual(['/.well-known/openid-configuration', '/keys']);
  });

  it('are fetched again for an unknown key id, so that a changed key is known without a restart', async () => {
    expect(inShort(await get(await issuer.token()))).toBe(LET_IN);
    await issuer.changeKey('second');
    const token = await issuer.token();
    await eventually(async () => expect(inShort(await get(token))).toBe(LET_IN), { intervalMs: 200 });
    expect(fetchesOfKeys()).toBe(2);
  });

  it('are no means to hammer the issuer: made-up key ids cause one fetch in each cool-down', async () => {
    const startedMs = performance.now();
    expect(inShort(await get(await issuer.token()))).toBe(LET_IN);
    const tokens = await Promise.all(Array.from({ length: 200 }, () => issuer.token({ kid: randomUUID() })));
    for (const token of tokens) expect(inShort(await get(token))).toBe('401 invalid_token');
    expect(fetchesOfKeys()).toBeLessThanOrEqual(mostIn(startedMs, COOLDOWN_MS));
    expect(inShort(await get(await issuer.token()))).toBe(LET_IN);
  });

  it('are not asked for by every made-up key id while the issuer fails either, and who has a good token does not notice', async () => {
    expect(inShort(await get(await issuer.token()))).toBe(LET_IN);
    issuer.script.keys = (_request, response) => void response.writeHead(500).end();
    await sleep(COOLDOWN_MS);
    issuer.asked.length = 0;
    const startedMs = performance.now();
    for (let round = 0; round < 50; round += 1) {
      expect(inShort(await get(await issuer.token({ kid: randomUUID() })))).toBe(UNAVAILABLE);
      expect(inShort(await get(await issuer.token()))).toBe(LET_IN);
    }
    expect(fetchesOfKeys()).toBeGreaterThan(0);
    expect(fetchesOfKeys()).toBeLessThanOrEqual(mostIn(startedMs, FAILURE_COOLDOWN_MS));
  });
});

const garbage: readonly (readonly [string, (response: ServerResponse, issuer: ScriptedIssuer) => void])[] = [
  ['500', (response) => response.writeHead(500).end()],
  ['404', (response) => response.writeHead(404).end()],
  ['204', (response) => response.writeHead(204).end()],
  ['a redirect to good keys', (response, { url }) => response.writeHead(302, { location: `${url}/elsewhere` }).end()],
  ['a page', (response) => response.setHeader('content-type', 'text/html').end('<h1>Sign in</h1>')],
  ['nothing', (response) => response.end()],
  ['null', (response) => sendJson(response, null)],
  ['a list', (response) => sendJson(response, [])],
  ['half of it', (response) => response.end('{"keys":[{"kty":"EC","crv":"P-2')],
  ['keys that are no list', (response) => sendJson(response, { keys: 'none', issuer: 7, jwks_uri: 'ftp://x' })],
  ['keys that are no objects', (response) => sendJson(response, { keys: [1, 'two', null] })],
  ['more keys than anybody has', (response) => sendJson(response, { keys: Array.from({ length: 1_000 }, () => ({ kty: 'EC' })) })],
  ['far too much', (response) => sendJson(response, { keys: [], padding: 'x'.repeat(1_000_000) })],
  ['a broken line', (response) => response.destroy()],
];

describe.each(['metadata', 'keys'] as const)('an issuer that answers for its %s', (document) => {
  it.each(garbage)('%s says nothing about the token: 503', async (_what, answer) => {
    issuer.script[document] = (_request, response) => answer(response, issuer);
    const reply = await get(await issuer.token());
    expect([inShort(reply), reply.headers['retry-after'], reply.headers['www-authenticate']]).toEqual([UNAVAILABLE, '5', undefined]);
    expect(reply.text).not.toContain(issuer.url);
    expect(issuer.asked).not.toContain('/elsewhere');
  });

  it('an error is believed again once it answers', async () => {
    issuer.script[document] = (_request, response) => void response.writeHead(500).end();
    const token = await issuer.token();
    expect(inShort(await get(token))).toBe(UNAVAILABLE);
    issuer.script[document] = issuer.usual[document];
    await eventually(async () => expect(inShort(await get(token))).toBe(LET_IN), { intervalMs: 100 });
  });

  it('nothing at all is given up, and asked once for many callers', async () => {
    issuer.script[document] = () => undefined;
    const token = await issuer.token();
    const replies = await Promise.all(Array.from({ length: 20 }, () => get(token)));
    expect(replies.map(inShort)).toEqual(replies.map(() => UNAVAILABLE));
    expect(issuer.asked.filter((url) => url === (document === 'keys' ? '/keys' : '/.well-known/openid-configuration'))).toHaveLength(1);
  });
});

describe('odd keys beside a good one', () => {
  it.each([
    ['a shared secret under the same key id', (own: object) => [{ kty: 'oct', k: 'c2VjcmV0', kid: 'first' }, own]],
    ['a key for encryption under the same key id', (own: object) => [{ ...own, use: 'enc' }, own]],
    ['a key of no known kind', (own: object) => [{ kty: 'XYZ', kid: 'other' }, own]],
    ['a key without anything', (own: object) => [{}, own]],
    ['a broken key of another key id', (own: object) => [{ kty: 'EC', crv: 'P-256', x: '!', y: '!', kid: 'other' }, own]],
  ])('do no harm: %s', async (_what, keys) => {
    issuer.script.keys = async (_request, response) => sendJson(response, { keys: keys(await issuer.own()) });
    expect(inShort(await get(await issuer.token()))).toBe(LET_IN);
  });
});
