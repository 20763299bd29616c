import { readEnvFile } from './compose-file.js';

/** What `docker-compose.yml` must be told, made up. */
export const composeVariables = readEnvFile('compose.env.example', {
  POSTGRES_PASSWORD: 'superuser-password',
  LATCHKEY_MIGRATOR_PASSWORD: 'migrator-password',
  LATCHKEY_SERVICE_PASSWORD: 'service-password',
  LATCHKEY_REVIEWER_PASSWORD: 'reviewer-password',
  LATCHKEY_NOTARY_PASSWORD: 'notary-password',
  TEMPORAL_DATABASE_PASSWORD: 'temporal-password',
  CUSTOMER_REF_KEY: 'a-key-of-sixteen-characters',
  PAYLOAD_KEYS: `k1:${'A'.repeat(43)}=`,
  AUDIT_SIGNING_KEY: 'a-signing-key',
  AUDIT_LOG_ORIGIN: 'bank.example/unlock-audit',
  UPSTREAM_BASE_URL: 'https://bank.example/api',
  UPSTREAM_TOKEN_URL: 'https://bank.example/token',
  UPSTREAM_CLIENT_ID: 'client',
  UPSTREAM_CLIENT_SECRET: 'client-secret',
  UPSTREAM_INSTITUTION_ID: '00516',
  AUTH_ISSUER: 'https://id.example',
  AUTH_AUDIENCE: 'latchkey',
});
