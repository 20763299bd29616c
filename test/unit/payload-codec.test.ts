import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createPayloadCodec } from '../../src/temporal/payload-codec.js';
import { parsePayloadKeys } from '../../src/temporal/payload-keys.js';

const oldKey = `old:${Buffer.alloc(32, 1).toString('base64')}`;
const newKey = `new:${Buffer.alloc(32, 2).toString('base64url')}`;
const codecWith = (...keys: string[]) => createPayloadCodec(parsePayloadKeys(keys.join(',')));
const plain = { metadata: { encoding: Buffer.from('json/plain') }, data: Buffer.from('"customer-4711"') };
const asText = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('utf8');

describe('the payload codec', () => {
  it('gives back exactly what it was given', async () => {
    const codec = codecWith(newKey);
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 5_000 }), fc.string(), async (data, encoding) => {
        const [back] = await codec.decode(await codec.encode([{ metadata: { encoding: Buffer.from(encoding) }, data }]));
        expect(Buffer.from(back?.data ?? [])).toEqual(Buffer.from(data));
        expect(asText(back?.metadata?.encoding)).toBe(encoding);
      }),
    );
  });

  it('leaves nothing readable, its own encoding and the key id apart', async () => {
    const [sealed] = await codecWith(newKey).encode([plain]);
    expect(asText(sealed?.metadata?.encoding)).toBe('binary/encrypted');
    expect(asText(sealed?.metadata?.['encryption-key-id'])).toBe('new');
    expect(asText(sealed?.data)).not.toContain('customer');
  });

  it('encrypts the same payload differently each time', async () => {
    const codec = codecWith(newKey);
    const [[first], [second]] = [await codec.encode([plain]), await codec.encode([plain])];
    expect(first?.data).not.toEqual(second?.data);
  });

  it('encrypts with the first key and reads with every key, so that keys can be rotated', async () => {
    const sealed = await codecWith(oldKey).encode([plain]);
    const rotated = codecWith(newKey, oldKey);
    expect(asText((await rotated.decode(sealed))[0]?.data)).toBe('"customer-4711"');
    expect(asText((await rotated.encode([plain]))[0]?.metadata?.['encryption-key-id'])).toBe('new');
  });

  it('names the key that it lacks', async () => {
    const sealed = await codecWith(oldKey).encode([plain]);
    await expect(codecWith(newKey).decode(sealed)).rejects.toThrow(/no key "old"/);
  });

  it('passes payloads from before encryption', async () => {
    expect(await codecWith(newKey).decode([plain])).toEqual([plain]);
  });

  it.each([0, 12, 28])('refuses a payload of which byte %i was changed', async (place) => {
    const codec = codecWith(newKey);
    const [sealed] = await codec.encode([plain]);
    const data = Buffer.from(sealed?.data ?? []);
    data.writeUInt8(data.readUInt8(place) ^ 1, place);
    await expect(codec.decode([{ ...sealed, data }])).rejects.toThrow('does not decrypt');
  });

  it('refuses a payload that is too short, and one that names another of our keys', async () => {
    const codec = codecWith(newKey, oldKey);
    const [sealed] = await codec.encode([plain]);
    await expect(codec.decode([{ ...sealed, data: Buffer.alloc(5) }])).rejects.toThrow('does not decrypt');
    const metadata = { ...sealed?.metadata, 'encryption-key-id': Buffer.from('old') };
    await expect(codec.decode([{ ...sealed, metadata }])).rejects.toThrow('does not decrypt');
  });
});

describe('PAYLOAD_KEYS', () => {
  it.each(['', 'k', 'k:short', `k:${'A'.repeat(44)}`, `${oldKey},${oldKey}`, `:${Buffer.alloc(32).toString('base64')}`])(
    'cannot be %j',
    (text) => {
      expect(() => parsePayloadKeys(text)).toThrow(TypeError);
    },
  );

  it('is never quoted in an error', () => {
    expect(() => parsePayloadKeys('k:a-secret-that-is-too-short')).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining('secret') }),
    );
  });
});
