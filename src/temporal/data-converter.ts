import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import { createPayloadCodec } from './payload-codec.js';
import { parsePayloadKeys } from './payload-keys.js';

const compiled = fileURLToPath(new URL('failure-converter.js', import.meta.url));

/** The module that the workflows' bundle takes in; as TypeScript where the sources run without a build. */
export const failureConverterPath = existsSync(compiled) ? compiled : compiled.replace(/\.js$/, '.ts');

/**
 * How everything that Temporal keeps is encoded; client and worker must have the same keys.
 * @throws TypeError where the keys cannot be read
 */
export function createDataConverter(payloadKeys: string): DataConverter {
  return { payloadCodecs: [createPayloadCodec(parsePayloadKeys(payloadKeys))], failureConverterPath };
}
