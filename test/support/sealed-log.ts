import { generateKeyPairSync, randomUUID } from 'node:crypto';
import pg from 'pg';
import { connectAudit } from '../../src/audit/connection.js';
import { createSealer, type Sealer } from '../../src/audit/seal.js';
import { verify, type VerifyReport, type VerifyWishes } from '../../src/audit/verify.js';
import { signCheckpoint } from '../../src/proof/checkpoint.js';
import { readSigner, readVerifier, verifierKey, type NoteSigner } from '../../src/proof/signed-note.js';
import { insertOf, sample, sql } from '../integration/audit-samples.js';
import { createLoneDatabase } from './database.js';

export const ORIGIN = 'latchkey.test/audit';

export function newSigner(name = ORIGIN): NoteSigner {
  return readSigner(generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(), name);
}

export interface SealedLog {
  readonly url: string;
  readonly signer: NoteSigner;
  readonly sealer: Sealer;
  /** Published outside the database, oldest first. */
  readonly published: { where: string; note: string }[];
  /** A connection as superuser. */
  readonly client: pg.Client;
  /** Records one unlock request: six rows. */
  record(): Promise<void>;
  /** Seals what there is, and publishes a checkpoint. */
  seal(): Promise<void>;
  check(wishes?: Partial<VerifyWishes>): Promise<VerifyReport>;
  close(): Promise<void>;
}

/** A database of its own, with a sealer and a place for its checkpoints. */
export async function openSealedLog(): Promise<SealedLog> {
  const database = await createLoneDatabase();
  const connection = connectAudit({ databaseUrl: database.url, role: 'latchkey_sealer', plansAnew: true, statementTimeoutMs: 30_000 });
  const sealer = createSealer({ prisma: connection.prisma, origin: ORIGIN });
  const signer = newSigner();
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  const published: { where: string; note: string }[] = [];
  return {
    url: database.url,
    signer,
    sealer,
    published,
    client,
    async record() {
      const correlationId = randomUUID();
      const common = { correlationId, customerId: `c-${correlationId.slice(0, 8)}` };
      for (const event of [
        sample('customer.unlock.requested', { ...common, reason: 'calls us', ticket: 'T-1', source: { component: 'api' } }),
        sample('customer.unlock.status_checked', { ...common, metadata: { flags: { onHold: false }, diagnosis: null } }),
        sample('customer.unlock.attempt_started', common),
        sample('customer.unlock.attempt_finished', { ...common, upstreamMessage: 'äöü "quoted"' }),
        sample('customer.unlock.completed', { ...common, metadata: { attempts: 1 } }),
        sample('access.denied', { correlationId: null, customerId: null, workflowId: null, runId: null, activityAttempt: null }),
      ]) {
        const { text, values } = insertOf({ ...event, id: event.action === 'access.denied' ? randomUUID() : event.id });
        await sql(database.url, text, values);
      }
    },
    async seal() {
      while ((await sealer.sealNext())?.more !== false);
      const head = await sealer.unsignedHead();
      if (head === null) return;
      const note = signCheckpoint(head, signer);
      published.push({ where: `${head.size}.checkpoint`, note });
      await sealer.keepCheckpoint(head, note);
    },
    check: (wishes = {}) => verify({ client, trusted: [readVerifier(verifierKey(signer))], published, ...wishes }),
    async close() {
      await client.end();
      await connection.close();
      await database.drop();
    },
  };
}

const tables = ['audit_event', 'audit_tree', 'audit_leaf', 'audit_node', 'audit_tree_head', 'audit_checkpoint'];

/** Does something to the log as a superuser whom no trigger stops, looks at it, and takes it back. */
export async function whileTampered<Result>(
  { client }: SealedLog,
  statements: readonly string[],
  look: () => Promise<Result>,
): Promise<Result> {
  await client.query('BEGIN');
  try {
    await client.query("SET LOCAL timezone = 'UTC'");
    for (const table of tables) await client.query(`ALTER TABLE ${table} DISABLE TRIGGER ALL`);
    for (const statement of statements) await client.query(statement);
    return await look();
  } finally {
    await client.query('ROLLBACK');
  }
}
