import { startLatchkeyProcess, type LatchkeyProcess } from './latchkey-process.js';
import { PAYLOAD_KEYS, type Latchkey } from './latchkey.js';
import { testTemporal } from './temporal.js';

const begun = { api: /"url":"(http:[^"]+)","msg":"the front door listens"/, worker: /the worker polls/ };

/** A part of Latchkey as a process of its own, beside the sandbox and on the database of a house that has no worker. */
export async function startPart(
  part: keyof typeof begun,
  { sandbox, database, namespace }: Latchkey,
  change: Readonly<Record<string, string>> = {},
): Promise<{ readonly process: LatchkeyProcess; readonly url: string }> {
  const common = {
    DATABASE_URL: database.url,
    TEMPORAL_ADDRESS: testTemporal().address,
    TEMPORAL_NAMESPACE: namespace,
    PAYLOAD_KEYS,
    UPSTREAM_TIMEOUT_MS: '4000',
  };
  const own = {
    api: {
      AUTH_ISSUER: sandbox.issuerUrl,
      AUTH_AUDIENCE: sandbox.audience,
      CUSTOMER_REF_KEY: 'a key for tests only',
      PORT: '0',
    },
    worker: {
      UPSTREAM_BASE_URL: sandbox.bankBaseUrl,
      UPSTREAM_TOKEN_URL: sandbox.bankTokenUrl,
      UPSTREAM_CLIENT_ID: sandbox.clientId,
      UPSTREAM_CLIENT_SECRET: sandbox.clientSecret,
    },
  };
  const started = startLatchkeyProcess([part], {
    ...common,
    ...own[part],
    UPSTREAM_INSTITUTION_ID: sandbox.institutionId,
    ...change,
  });
  const [, url = ''] = await started.says(begun[part], 120_000);
  return { process: started, url };
}
