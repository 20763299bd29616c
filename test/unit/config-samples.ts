import { ConfigError, loadConfig, type Part } from '../../src/config.js';

export const SECRET = 's3cr3t-Value';
type Variables = Record<string, string | undefined>;

export const bank = {
  UPSTREAM_BASE_URL: 'https://api.bank.example/digitalbanking/ux-users',
  UPSTREAM_TOKEN_URL: 'https://api.bank.example/oauth2/v1/token',
  UPSTREAM_CLIENT_ID: 'latchkey',
  UPSTREAM_CLIENT_SECRET: SECRET,
  UPSTREAM_INSTITUTION_ID: '00516',
};
export const production = {
  ...bank,
  NODE_ENV: 'production',
  DATABASE_URL: 'postgres://app:pw@db.example/latchkey',
  TEMPORAL_ADDRESS: 'temporal.example:7233',
  AUTH_ISSUER: 'https://id.example',
  AUTH_AUDIENCE: 'latchkey',
  CUSTOMER_REF_KEY: 'a-key-of-sixteen-characters',
  AUDIT_SIGNING_KEY: SECRET,
  AUDIT_LOG_ORIGIN: 'bank.example/unlock-audit',
  AUDIT_PUBLISH_DIR: '/var/lib/checkpoints',
  PAYLOAD_KEYS: `k1:${'A'.repeat(43)}=`,
};

export function errorOf(variables: Variables, part: Part = 'up'): ConfigError {
  try {
    loadConfig(variables, part);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  throw new Error('the settings were taken');
}

/** The names of the settings that are found at fault, each once. */
export function faulty(variables: Variables, part: Part = 'up'): string[] {
  return [...new Set(errorOf(variables, part).faults.map((fault) => /^[A-Z_]+/.exec(fault)?.[0] ?? fault))].toSorted();
}
