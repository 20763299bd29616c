import { createHash } from 'node:crypto';
import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient } from '../../generated/prisma/client.js';

/** The roles that a process may take; null: as the login itself. */
export type AuditRole = 'latchkey_app' | 'latchkey_auditor' | 'latchkey_sealer';

export interface ConnectionSettings {
  readonly databaseUrl: string;
  readonly role: AuditRole | null;
  /** Whose rows are seen and written; left out: none, but for roles that see all. */
  readonly institutionId?: string;
  /** Connections at most; 10 by default. */
  readonly poolSize?: number;
  /** How long to wait for a connection, a free one of the pool included; 3000 by default. */
  readonly connectTimeoutMs?: number;
  /** How long a statement may take; 5000 by default. A lock is awaited no longer than this less a second. */
  readonly statementTimeoutMs?: number;
  /** Every statement is planned when it runs: for tables that grow from nothing to millions of rows while the process lives. */
  readonly plansAnew?: boolean;
  /** Told of connections that broke while idle; the pool replaces them. */
  readonly onError?: (error: Error) => void;
}

export interface AuditConnection {
  readonly prisma: PrismaClient;
  /** Resolves once every connection is closed; statements under way are awaited. */
  close(): Promise<void>;
}

/** Opens no connection by itself: the first statement does. */
export function connectAudit(settings: ConnectionSettings): AuditConnection {
  const {
    databaseUrl,
    role,
    institutionId,
    poolSize = 10,
    connectTimeoutMs = 3000,
    statementTimeoutMs = 5000,
    plansAnew = false,
    onError = () => {},
  } = settings;
  const { connectionString, options } = apartFromOptions(databaseUrl);
  const adapter = new PrismaPg(
    {
      connectionString,
      // The server applies the last of two: the role that a process is meant to run as wins over the URL's.
      options: [
        options,
        role && `-c role=${role}`,
        institutionId && `-c latchkey.institution_id=${quotedOption(institutionId)}`,
        '-c default_transaction_isolation=read\\ committed',
        plansAnew && '-c plan_cache_mode=force_custom_plan',
        // A row is sealed as this server writes it as JSON, and the adapter takes every time for one in UTC.
        '-c timezone=UTC',
      ]
        .filter(Boolean)
        .join(' '),
      application_name: role?.replace('_', '-') ?? 'latchkey',
      max: poolSize,
      connectionTimeoutMillis: connectTimeoutMs,
      idleTimeoutMillis: 30_000,
      // A server that vanished without a word is noticed in some fifteen seconds, also by connections that nobody uses.
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      statement_timeout: statementTimeoutMs,
      lock_timeout: Math.max(1, statementTimeoutMs - 1000),
      idle_in_transaction_session_timeout: statementTimeoutMs,
      // The server ends a slow statement by itself; this ends the wait for a server that is gone without a word.
      query_timeout: statementTimeoutMs + 1000,
    },
    { onPoolError: onError, onConnectionError: onError, statementNameGenerator: statementName },
  );
  const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' });
  return { prisma, close: () => prisma.$disconnect() };
}

// Blanks part the options, and a backslash takes the next character as it stands.
function quotedOption(value: string): string {
  return value.replace(/[\s\\]/g, String.raw`\$&`);
}

// In the driver the URL's own `options` would replace the ones given beside it, the role among them.
function apartFromOptions(databaseUrl: string): { connectionString: string; options: string | null } {
  if (!/[?&]options=/.test(databaseUrl)) return { connectionString: databaseUrl, options: null };
  const url = new URL(databaseUrl);
  const options = url.searchParams.get('options');
  url.searchParams.delete('options');
  return { connectionString: url.href, options };
}

/** One name for each text, so that a connection parses and plans a statement once. The texts are few: ours, and one for each set of filters. */
function statementName({ sql }: { readonly sql: string }): string {
  return `lk_${createHash('sha1').update(sql).digest('base64url')}`;
}
