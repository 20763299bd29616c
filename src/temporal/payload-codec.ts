import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import type { Payload, PayloadCodec } from '@temporalio/common';
import proto from '@temporalio/proto';
import type { PayloadKeys } from './payload-keys.js';

const { Payload: PayloadMessage } = proto.temporal.api.common.v1;

const ENCODING = 'binary/encrypted';
const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** Thrown where a payload cannot be decrypted; says which key was missing, never what was inside. */
export class PayloadDecryptionError extends Error {
  override readonly name = 'PayloadDecryptionError';
}

/**
 * Encrypts every payload that Temporal keeps (AES-256-GCM; an encrypted payload is: IV, tag, the payload's bytes).
 * The key's id stands beside it, so that old keys go on reading; a payload from before encryption passes as it is.
 */
export function createPayloadCodec(keys: PayloadKeys): PayloadCodec {
  return {
    encode: async (payloads) => payloads.map((payload) => encrypt(payload, keys)),
    decode: async (payloads) => payloads.map((payload) => decrypt(payload, keys)),
  };
}

function encrypt(payload: Payload, { current }: PayloadKeys): Payload {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, current.key, iv, { authTagLength: TAG_BYTES });
  // The key's id is part of what is authenticated: it cannot be exchanged.
  cipher.setAAD(Buffer.from(current.id));
  const sealed = Buffer.concat([cipher.update(PayloadMessage.encode(payload).finish()), cipher.final()]);
  return {
    metadata: { encoding: Buffer.from(ENCODING), 'encryption-key-id': Buffer.from(current.id) },
    data: Buffer.concat([iv, cipher.getAuthTag(), sealed]),
  };
}

function decrypt(payload: Payload, keys: PayloadKeys): Payload {
  const { encoding, 'encryption-key-id': keyId } = payload.metadata ?? {};
  if (encoding === undefined || encoding === null || asText(encoding) !== ENCODING) return payload;
  const id = keyId === undefined || keyId === null ? '' : asText(keyId);
  const key = keys.find(id);
  if (key === undefined)
    throw new PayloadDecryptionError(`no key ${JSON.stringify(id.slice(0, 64))} to decrypt a payload with: is it still in PAYLOAD_KEYS?`);
  const data = Buffer.from(payload.data ?? []);
  try {
    const decipher = createDecipheriv(ALGORITHM, key, data.subarray(0, IV_BYTES), { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(id));
    decipher.setAuthTag(data.subarray(IV_BYTES, IV_BYTES + TAG_BYTES));
    return PayloadMessage.decode(Buffer.concat([decipher.update(data.subarray(IV_BYTES + TAG_BYTES)), decipher.final()]));
  } catch {
    throw new PayloadDecryptionError('a payload does not decrypt with the key that it names');
  }
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('utf8');
}
