/** What a test tells the process of a part: where a request is to be held, that it may go on. */
export type Order =
  | { readonly kind: 'hold'; readonly correlationId: string; readonly place: string }
  | { readonly kind: 'go'; readonly correlationId: string }
  | { readonly kind: 'stop' };

/** What such a process tells the test. */
export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'holding'; readonly correlationId: string }
  | { readonly kind: 'passing' | 'held'; readonly correlationId: string; readonly place: string };

/** Where the parts of a process are; tests hand it over in the environment. */
export interface PartSettings {
  readonly databaseUrl: string;
  readonly temporalAddress: string;
  readonly taskQueue: string;
  readonly workflowBundle: string;
  readonly payloadKeys: string;
  readonly apiPort: number;
  readonly bankBaseUrl: string;
  readonly bankTokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly institutionId: string;
  readonly issuerUrl: string;
  readonly audience: string;
}

export const SETTINGS_VARIABLE = 'LATCHKEY_TEST_PARTS';

/** @throws where the process was not started by a test */
export function readPartSettings(): PartSettings {
  const text = process.env[SETTINGS_VARIABLE];
  if (text === undefined) throw new Error(`${SETTINGS_VARIABLE} is not set: tests start this process`);
  return JSON.parse(text) as PartSettings;
}
