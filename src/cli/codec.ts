import type { Config } from '../config.js';
import { createCodecApp } from '../http/codec.js';
import { createHttpServer } from '../http/server.js';
import { createPayloadCodec } from '../temporal/payload-codec.js';
import { parsePayloadKeys } from '../temporal/payload-keys.js';
import { createRemoteCodec } from '../temporal/remote-codec.js';
import type { Closers } from './closers.js';
import { authenticator, payloadKeys } from './parts.js';

interface CodecParts {
  readonly config: Config;
  readonly closers: Closers;
  readonly port: number;
  /** Lets an embedded UI in, which has no token; null in production. */
  readonly capability: string | null;
}

const DRAIN_MS = 2_000;

/**
 * Starts the codec server for the Temporal UI at `TEMPORAL_UI_URL`.
 * @returns the URL under which it listens
 */
export async function startCodec({ config, closers, port, capability }: CodecParts): Promise<string> {
  const { TEMPORAL_UI_URL, HOST } = config;
  if (TEMPORAL_UI_URL === undefined) throw new TypeError('TEMPORAL_UI_URL is not set');
  const app = createCodecApp({
    codec: createRemoteCodec(createPayloadCodec(parsePayloadKeys(await payloadKeys(config)))),
    allowedOrigin: new URL(TEMPORAL_UI_URL).origin,
    auth: authenticator(config),
    capability,
  });
  const server = createHttpServer(app);
  const url = `http://${HOST}:${await server.listen({ host: HOST, port })}`;
  closers.add('codec server', () => server.close(DRAIN_MS));
  return url;
}
