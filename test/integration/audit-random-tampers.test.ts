import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { seeded, type Seeded } from '../chaos/seeded.js';
import { openSealedLog, whileTampered, type SealedLog } from '../support/sealed-log.js';

// In CI some, in the long run thousands.
const TAMPERS = Number(process.env.LATCHKEY_TAMPERS ?? 150);
const CLEAN_RUNS = Number(process.env.LATCHKEY_CLEAN_RUNS ?? 15);
const SEED = Number(process.env.LATCHKEY_TAMPER_SEED ?? 1);
const LIMIT_MS = 3_600_000;

let log: SealedLog;
beforeAll(async () => {
  log = await openSealedLog();
}, 120_000);
afterAll(() => log.close());

const textColumns = [
  'reason',
  'reason_code',
  'ticket',
  'actor_name',
  'customer_id',
  'institution_id',
  'workflow_id',
  'run_id',
  'upstream_message',
];
const numberColumns = ['activity_attempt', 'duration_ms', 'http_status', 'attempt'];

/** One way to falsify sealed rows, as chance has it. */
function tamper(chance: Seeded, leaves: number): readonly string[] {
  const index = chance.between(0, leaves - 1);
  const other = (index + chance.between(1, leaves - 1)) % leaves;
  const row = `(SELECT event_id FROM audit_leaf WHERE index = ${index})`;
  const word = chance.uuid();
  return chance.pick<() => readonly string[]>([
    () => [`UPDATE audit_event SET ${chance.pick(textColumns)} = '${word}' WHERE id = ${row}`],
    () => [`UPDATE audit_event SET ${chance.pick(numberColumns)} = ${chance.between(600, 60_000)} WHERE id = ${row}`],
    () => [`UPDATE audit_event SET metadata = metadata || '{"${word}": ${chance.between(0, 9)}}' WHERE id = ${row}`],
    () => [
      `UPDATE audit_event SET ${chance.pick(['occurred_at', 'recorded_at'])} = now() + interval '${chance.between(1, 100_000)} milliseconds' WHERE id = ${row}`,
    ],
    () => [`DELETE FROM audit_event WHERE id = ${row}`],
    () => [`DELETE FROM audit_event WHERE id = ${row}`, `DELETE FROM audit_leaf WHERE index = ${index}`],
    () => [`UPDATE audit_leaf SET hash = sha256('${word}') WHERE index = ${index}`],
    () => [
      'ALTER TABLE audit_leaf DROP CONSTRAINT audit_leaf_event_id_key',
      `UPDATE audit_leaf l SET event_id = o.event_id, hash = o.hash FROM (SELECT * FROM audit_leaf WHERE index IN (${index}, ${other})) o
       WHERE l.index IN (${index}, ${other}) AND o.index = ${index + other} - l.index`,
    ],
    () => [
      `INSERT INTO audit_event (id, occurred_at, recorded_at, action, institution_id, xid) VALUES ('${word}', now(), now(), 'access.denied', 'bank-1', '${chance.between(3, 700)}')`,
    ],
    () =>
      ['audit_checkpoint', 'audit_tree_head', 'audit_leaf'].map(
        (table) => `DELETE FROM ${table} WHERE ${table === 'audit_leaf' ? 'index >=' : 'size >'} ${index}`,
      ),
  ])();
}

describe('whatever a superuser does to sealed rows', () => {
  it(
    'is found',
    async () => {
      for (let request = 0; request < 20; request += 1) {
        await log.record();
        if (request % 4 === 3) await log.seal();
      }
      const chance = seeded(SEED);
      const missed: string[] = [];
      for (let number = 0; number < TAMPERS; number += 1) {
        const statements = [dropChecks, ...tamper(chance, 120)];
        const { offences } = await whileTampered(log, statements, () => log.check());
        if (offences.length === 0) missed.push(`seed ${SEED}, tamper ${number}: ${statements.slice(1).join('; ')}`);
      }
      expect(missed).toEqual([]);
      expect((await log.check()).offences).toEqual([]);
    },
    LIMIT_MS,
  );
});

const dropChecks = `DO $$ DECLARE c record; BEGIN FOR c IN SELECT conname FROM pg_constraint WHERE conrelid = 'audit_event'::regclass AND contype = 'c' LOOP
  EXECUTE format('ALTER TABLE audit_event DROP CONSTRAINT %I', c.conname); END LOOP; END $$`;

describe('an honest log', () => {
  it(
    'is never taken for a falsified one, and has every row, whatever writers, rollbacks and dying sealers do',
    async () => {
      const chance = seeded(SEED);
      for (let run = 0; run < CLEAN_RUNS; run += 1) {
        await Promise.all([
          ...Array.from({ length: 3 }, () => write(chance.between(1, 6), chance.between(0, 20))),
          roll(chance.between(0, 30)),
          sealWhileDying(chance.between(0, 25), chance.chance(0.5)),
        ]);
        await log.seal();
        const report = await log.check();
        expect({ run, offences: report.offences, unsealed: report.unsealed.rows }).toEqual({ run, offences: [], unsealed: 0 });
        const { rows } = await log.client.query<{ left: number }>(
          'SELECT count(*)::int AS left FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id)',
        );
        expect(rows).toEqual([{ left: 0 }]);
      }
    },
    LIMIT_MS,
  );

  const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
  const plain =
    "INSERT INTO audit_event (id, occurred_at, action, institution_id) VALUES (gen_random_uuid(), now(), 'access.denied', 'bank-1')";

  async function connected<Result>(work: (client: pg.Client) => Promise<Result>): Promise<Result> {
    const client = new pg.Client({ connectionString: log.url });
    client.on('error', () => undefined);
    await client.connect();
    try {
      return await work(client);
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  /** Transactions that take their time between their rows. */
  const write = (rows: number, waitMs: number): Promise<void> =>
    connected(async (client) => {
      await client.query('BEGIN');
      for (let row = 0; row < rows; row += 1) {
        await client.query(plain);
        await pause(waitMs / rows);
      }
      await client.query('COMMIT');
    });

  const roll = (waitMs: number): Promise<void> =>
    connected(async (client) => {
      await client.query('BEGIN');
      await client.query(plain);
      await pause(waitMs);
      await client.query('ROLLBACK');
    });

  /** Seals beside the writers; its connection may be taken away in the middle. */
  async function sealWhileDying(waitMs: number, dies: boolean): Promise<void> {
    const sealing = log.sealer.sealNext().catch(() => null);
    await pause(waitMs);
    if (dies) await log.client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'latchkey-sealer'");
    await sealing;
  }
});
