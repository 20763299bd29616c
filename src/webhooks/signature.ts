import { createHmac } from 'node:crypto';

const PREFIX = 'whsec_';
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
/** As Standard Webhooks has it, in bytes. */
const SHORTEST = 24;
const LONGEST = 64;

/** One message as its receiver sees it: the signature is over exactly these. */
export interface SignedParts {
  readonly id: string;
  /** When this try was made, in seconds since the epoch. */
  readonly timestamp: number;
  readonly body: string;
}

/**
 * The key in a secret of the form that Standard Webhooks has: `whsec_` and 24 to 64 bytes in base64.
 * @returns null where it is of another form
 */
export function webhookKey(secret: string): Buffer | null {
  const text = secret.startsWith(PREFIX) ? secret.slice(PREFIX.length) : '';
  const key = Buffer.from(text, 'base64');
  return BASE64.test(text) && key.length >= SHORTEST && key.length <= LONGEST ? key : null;
}

/** The header `webhook-signature`: a signature by each key, the current one first. */
export function signatures(keys: readonly Buffer[], { id, timestamp, body }: SignedParts): string {
  const signed = `${id}.${timestamp}.${body}`;
  return keys.map((key) => `v1,${createHmac('sha256', key).update(signed).digest('base64')}`).join(' ');
}
