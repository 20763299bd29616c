import type { Payload, PayloadCodec } from '@temporalio/common';
import { z } from 'zod';

const base64 = z.base64().transform((text) => Buffer.from(text, 'base64'));
const payloadsSchema = z.object({
  payloads: z.array(z.object({ metadata: z.record(z.string(), base64).default({}), data: base64.optional() })).max(10_000),
});

/** Payloads in the JSON form of protocol buffers, as Temporal's UI and CLI exchange them with a codec server. */
export interface PayloadsJson {
  readonly payloads: readonly { readonly metadata: Readonly<Record<string, string>>; readonly data?: string }[];
}

/** A codec for those who ask over HTTP. Both return null where the body is not of that form. */
export interface RemoteCodec {
  encode(body: unknown): Promise<PayloadsJson | null>;
  /** @throws PayloadDecryptionError */
  decode(body: unknown): Promise<PayloadsJson | null>;
}

export function createRemoteCodec(codec: PayloadCodec): RemoteCodec {
  const through = async (body: unknown, work: (payloads: Payload[]) => Promise<Payload[]>): Promise<PayloadsJson | null> => {
    const parsed = payloadsSchema.safeParse(body);
    if (!parsed.success) return null;
    const payloads = parsed.data.payloads.map(({ metadata, data }) => ({ metadata, ...(data === undefined ? {} : { data }) }));
    return { payloads: (await work(payloads)).map(asJson) };
  };
  return {
    encode: (body) => through(body, (payloads) => codec.encode(payloads)),
    decode: (body) => through(body, (payloads) => codec.decode(payloads)),
  };
}

function asJson({ metadata, data }: Payload): PayloadsJson['payloads'][number] {
  const texts = Object.entries(metadata ?? {}).map(([name, value]) => [name, Buffer.from(value).toString('base64')] as const);
  return { metadata: Object.fromEntries(texts), ...(data ? { data: Buffer.from(data).toString('base64') } : {}) };
}
