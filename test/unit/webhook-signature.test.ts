import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, test } from '@jest/globals';
import { signatures, webhookKey } from '../../src/webhooks/signature.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const secretOf = (bytes: number): string => `whsec_${randomBytes(bytes).toString('base64')}`;
const keyOf = (secret: string): Buffer => webhookKey(secret) ?? Buffer.alloc(0);

describe('the signature', () => {
  it('is that of the example in the specification', () => {
    const body = '{"test": 2432232314}';
    const keys = [keyOf('whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw')];
    const signed = signatures(keys, { id: 'msg_p5jXN8AQM9LWM0D4loKWxJek', timestamp: 1614265330, body });
    expect(signed).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
});

describe('a secret', () => {
  it.each([24, 32, 64])('has %i bytes', (bytes) => expect(webhookKey(secretOf(bytes))).toHaveLength(bytes));

  test.each([
    ['too short', secretOf(23)],
    ['too long', secretOf(65)],
    ['without its prefix', secretOf(32).slice('whsec_'.length)],
    ['in another alphabet', `whsec_${'-_'.repeat(20)}`],
    ['with white space', `${secretOf(32)} `],
    ['empty', 'whsec_'],
  ])('that is %s is none', (_what, secret) => expect(webhookKey(secret)).toBeNull());
});

describe('what docs/webhooks.md shows to receivers', () => {
  const page = readFileSync(`${root}docs/webhooks.md`, 'utf8');
  const snippets = [...page.matchAll(/^```js\n([^]*?)^```$/gm)].map(([, code = '']) => code);
  const [current, previous] = [secretOf(32), secretOf(32)];
  const body = '{"type":"unlock.completed"}';

  /** What the snippet says of a message that was signed `agoSeconds` ago by both secrets. */
  function says(snippet: string, { by = current, changed = body, agoSeconds = 0 }): string {
    const timestamp = Math.floor(Date.now() / 1000) - agoSeconds;
    const signature = signatures([keyOf(current), keyOf(previous)], { id: 'an-id', timestamp, body });
    const headers = { 'webhook-id': 'an-id', 'webhook-timestamp': String(timestamp), 'webhook-signature': signature };
    const name = /export function (\w+)/.exec(snippet)?.[1] ?? '';
    const call = `try { console.log(Boolean(${name}(${[headers, changed, by].map((value) => JSON.stringify(value)).join(', ')}))); } catch { console.log(false); }`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module'], { cwd: root, input: `${snippet}\n${call}`, encoding: 'utf8' });
    return stdout.trim();
  }

  it('are two ways', () => expect(snippets).toHaveLength(2));

  it.each(snippets)('takes what is genuine, by either secret, and nothing else: %#', (snippet) => {
    expect(says(snippet, {})).toBe('true');
    expect(says(snippet, { by: previous })).toBe('true');
    expect(says(snippet, { by: secretOf(32) })).toBe('false');
    expect(says(snippet, { changed: `${body} ` })).toBe('false');
    expect(says(snippet, { agoSeconds: 3_600 })).toBe('false');
  });
});
