import { afterAll, beforeAll, describe, expect, it, test } from '@jest/globals';
import { randomUUID } from 'node:crypto';
import type { AuditLog } from '../../src/audit/audit-log.js';
import { AuditConflictError, AuditRefusedError } from '../../src/audit/audit-log.js';
import {
  connectInstitutions,
  createAuditLogByInstitution,
  createAuditReviewByInstitution,
  type InstitutionConnections,
} from '../../src/audit/by-institution.js';
import type { AuditReview } from '../../src/audit/audit-review.js';
import { createPace } from '../../src/audit/index.js';
import type { AuditAction } from '../../src/domain/audit-event.js';
import { UnknownInstitutionError } from '../../src/domain/institution.js';
import { createTestDatabase, type TestDatabase } from '../support/database.js';
import { insertOf, sample, sampleClaim, sql } from './audit-samples.js';

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
  for (const institutionId of ['bank-1', 'bank-2', 'other*bank']) {
    for (const action of ['customer.unlock.requested', 'customer.unlock.attempt_started'] as const)
      await asSuperuser(action, institutionId);
    await sql(database.url, 'INSERT INTO upstream_pace VALUES ($1, now())', [institutionId]);
  }
  await asSuperuser('access.denied', null);
});
afterAll(() => database.drop());

async function asSuperuser(action: AuditAction, institutionId: string | null): Promise<void> {
  const { text, values } = insertOf(sample(action, { institutionId }));
  await sql(database.url, text, values);
}

/** A session as this role, for this institution; null: it names none. */
const session = (role: string, institutionId: string | null): string =>
  [`-c role=${role}`, ...(institutionId === null ? [] : [`-c latchkey.institution_id=${institutionId}`])].join(' ');

const institutionsIn = async (relation: string, settings: string): Promise<unknown[]> => {
  const rows = await sql(database.url, `SELECT DISTINCT institution_id AS id FROM ${relation} ORDER BY 1`, [], settings);
  return rows.map(({ id }) => id);
};

const everything = ['bank-1', 'bank-2', 'other*bank', null];
const everyBank = everything.slice(0, 3);

describe('a session sees', () => {
  test.each<[role: string, institutionId: string | null, seen: readonly unknown[]]>([
    ['latchkey_app', null, []],
    ['latchkey_app', 'bank-1', ['bank-1']],
    ['latchkey_app', 'bank-2', ['bank-2']],
    ['latchkey_app', 'bank-3', []],
    ['latchkey_app', '*', []],
    ['latchkey_auditor', 'bank-1', ['bank-1']],
    ['latchkey_auditor', 'bank-3', []],
    ['latchkey_auditor', '*', everything],
    ['latchkey_sealer', null, everything],
    ['latchkey_sealer', 'bank-1', everything],
    ['latchkey_owner', null, everything],
  ])('as %s with the institution %s: %j', async (role, institutionId, seen) => {
    const settings = session(role, institutionId);
    expect(await institutionsIn('audit_event', settings)).toEqual(seen);
    const banks = seen.filter((bank) => bank !== null);
    for (const view of ['unlock_request', 'unlock_attempt']) expect(await institutionsIn(view, settings)).toEqual(banks);
    if (role !== 'latchkey_sealer') expect(await institutionsIn('upstream_pace', settings)).toEqual(banks);
  });

  test.each(['', '-c latchkey.institution_id='])('nothing but an error as an auditor who does not say whose rows (%j)', async (setting) => {
    for (const relation of ['audit_event', 'unlock_request', 'unlock_attempt', 'upstream_pace']) {
      await expect(sql(database.url, `SELECT count(*) FROM ${relation}`, [], `-c role=latchkey_auditor ${setting}`)).rejects.toMatchObject({
        code: 'LK004',
      });
    }
  });

  test.each<[role: string, institutionId: string | null, all: boolean]>([
    ['latchkey_sealer', null, true],
    ['latchkey_owner', null, true],
    ['latchkey_auditor', '*', true],
    ['latchkey_auditor', 'bank-1', false],
    ['latchkey_auditor', null, false],
    ['latchkey_app', 'bank-1', false],
    ['latchkey_app', '*', false],
    ['latchkey_app', null, false],
  ])('every row or is told that it does not: as %s with the institution %s', async (role, institutionId, all) => {
    const asked = sql(database.url, 'SELECT audit_event_require_all_rows()', [], session(role, institutionId));
    if (all) await asked;
    else await expect(asked).rejects.toMatchObject({ code: 'LK005' });
  });

  it('nothing once its institution is taken back', async () => {
    const text = `SET ROLE latchkey_app; SET latchkey.institution_id = 'bank-1'; RESET latchkey.institution_id; TABLE audit_event`;
    const results: unknown = await sql(database.url, text);
    expect(results).toBeUndefined();
    expect(await institutionsIn('audit_event', '-c role=latchkey_app -c latchkey.institution_id=')).toEqual([]);
  });

  it('whether a correlationId is taken, and may not ask so as anybody but the app', async () => {
    const [row] = await sql(database.url, "SELECT correlation_id AS id FROM unlock_request WHERE institution_id = 'bank-1'");
    const ask = 'SELECT correlation_id_is_taken($1) AS taken';
    for (const institutionId of [null, 'bank-1', 'bank-2']) {
      expect(await sql(database.url, ask, [row?.id], session('latchkey_app', institutionId))).toEqual([{ taken: true }]);
    }
    expect(await sql(database.url, ask, [randomUUID()], session('latchkey_app', 'bank-1'))).toEqual([{ taken: false }]);
    await expect(sql(database.url, ask, [row?.id], session('latchkey_auditor', '*'))).rejects.toMatchObject({ code: '42501' });
  });
});

describe('a session writes', () => {
  const DENIED = '42501';
  const write = (action: AuditAction, institutionId: string | null, settings: string): Promise<unknown> => {
    const { text, values } = insertOf(sample(action, { institutionId, id: randomUUID() }));
    return sql(database.url, text, values, settings);
  };

  test.each(['customer.unlock.requested', 'audit.viewed', 'access.denied'] as const)('%s of its own institution alone', async (action) => {
    await write(action, 'bank-1', session('latchkey_app', 'bank-1'));
    for (const [row, institutionId] of [
      ['bank-2', 'bank-1'],
      ['bank-1', null],
      ['bank-1', '*'],
      ['*', 'bank-1'],
    ] as const) {
      await expect(write(action, row, session('latchkey_app', institutionId))).rejects.toMatchObject({ code: DENIED });
    }
  });

  it('of no institution nothing but who was turned away', async () => {
    await write('access.denied', null, session('latchkey_app', 'bank-1'));
    await expect(write('audit.viewed', null, session('latchkey_app', 'bank-1'))).rejects.toMatchObject({ code: DENIED });
  });

  test.each(['latchkey_auditor', 'latchkey_sealer'])('nothing as %s', async (role) => {
    for (const institutionId of ['bank-1', '*']) {
      await expect(write('audit.viewed', 'bank-1', session(role, institutionId))).rejects.toMatchObject({ code: DENIED });
    }
  });

  test.each(['latchkey_app', 'latchkey_auditor', 'latchkey_sealer', 'latchkey_owner'])(
    'no change, as %s, to whosever row',
    async (role) => {
      const before = await sql(database.url, 'SELECT count(*)::int AS rows FROM audit_event');
      for (const change of ["UPDATE audit_event SET reason = 'x'", 'DELETE FROM audit_event', 'TRUNCATE audit_event']) {
        for (const institutionId of [null, 'bank-1', '*']) {
          await expect(sql(database.url, change, [], session(role, institutionId))).rejects.toMatchObject({
            code: role === 'latchkey_owner' ? 'LK000' : DENIED,
          });
        }
      }
      expect(await sql(database.url, 'SELECT count(*)::int AS rows FROM audit_event')).toEqual(before);
    },
  );

  it("the turns of its own institution's bank alone", async () => {
    const delay = "UPDATE upstream_pace SET next_put_at = next_put_at + interval '1 hour' RETURNING institution_id AS id";
    expect(await sql(database.url, delay, [], session('latchkey_app', 'bank-1'))).toEqual([{ id: 'bank-1' }]);
    expect(await sql(database.url, delay, [], session('latchkey_app', null))).toEqual([]);
    const take = "INSERT INTO upstream_pace VALUES ('bank-9', now())";
    await expect(sql(database.url, take, [], session('latchkey_app', 'bank-1'))).rejects.toMatchObject({ code: DENIED });
  });
});

describe('the audit log of several institutions', () => {
  let connections: InstitutionConnections;
  let reviewers: InstitutionConnections;
  let review: AuditReview;
  let audit: AuditLog;
  beforeAll(() => {
    connections = connectInstitutions({
      databaseUrl: database.url,
      role: 'latchkey_app',
      institutionIds: ['bank-1', 'bank-2', 'other*bank'],
    });
    audit = createAuditLogByInstitution({ connections });
    reviewers = connectInstitutions({ databaseUrl: database.url, role: 'latchkey_auditor', institutionIds: connections.institutionIds });
    review = createAuditReviewByInstitution({ connections: reviewers });
  });
  afterAll(() => Promise.all([connections.close(), reviewers.close()]));

  const story = async (institutionId: string) => {
    const correlationId = randomUUID();
    const requested = sample('customer.unlock.requested', { correlationId, institutionId });
    expect(await audit.append(requested)).toBe('written');
    expect(await audit.append(requested)).toBe('already_there');
    expect(await audit.claimAttempt(sampleClaim(correlationId, { institutionId }))).toBe(1);
    expect(await audit.append(sample('customer.unlock.attempt_finished', { correlationId, institutionId }))).toBe('written');
    expect(await audit.append(sample('customer.unlock.completed', { correlationId, institutionId }))).toBe('written');
    return correlationId;
  };

  it('keeps a whole story for each, and tells it to no other', async () => {
    for (const [own, other] of [
      ['bank-1', 'bank-2'],
      ['other*bank', 'bank-1'],
    ] as const) {
      const correlationId = await story(own);
      const told = await audit.eventsOf(correlationId, own);
      expect(told.events.map(({ institutionId }) => institutionId)).toEqual([own, own, own, own]);
      expect(told.takenElsewhere).toBe(false);
      expect(await audit.eventsOf(correlationId, other)).toMatchObject({ events: [], takenElsewhere: true, takesRows: true });
      expect(await audit.eventsOfAll([correlationId], own)).toHaveLength(4);
      expect(await audit.eventsOfAll([correlationId], other)).toEqual([]);
      expect(await audit.eventCounts([correlationId], own)).toEqual(new Map([[correlationId, 4]]));
      expect(await audit.eventCounts([correlationId], other)).toEqual(new Map());
      expect(await audit.holderOf(correlationId)).toBe(own);
      expect(await audit.endingsOf([correlationId])).toEqual([{ correlationId, outcome: 'unlocked', attempts: 1 }]);
    }
    expect(await audit.eventsOf(randomUUID(), 'bank-1')).toMatchObject({ events: [], takenElsewhere: false });
    expect(await audit.holderOf(randomUUID())).toBeNull();
  });

  it('a correlationId that one only looked at a customer under is not taken', async () => {
    const correlationId = randomUUID();
    await audit.append(sample('customer.lock_status.viewed', { correlationId, institutionId: 'bank-1' }));
    for (const institutionId of ['bank-1', 'bank-2']) {
      expect(await audit.eventsOf(correlationId, institutionId)).toMatchObject({ takenElsewhere: false });
    }
  });

  it("a row that stands in another institution's is a conflict, and says nothing of it", async () => {
    const correlationId = await story('bank-1');
    for (const action of ['customer.unlock.requested', 'customer.unlock.attempt_finished', 'customer.unlock.completed'] as const) {
      const error: unknown = await audit.append(sample(action, { correlationId, institutionId: 'bank-2' })).catch((e: unknown) => e);
      expect(error).toBeInstanceOf(AuditConflictError);
      expect(String(error)).not.toMatch(/bank-1|customer-1|agent-1/);
    }
    expect(await audit.claimAttempt(sampleClaim(correlationId, { institutionId: 'bank-2' }))).toBeNull();
    expect((await audit.eventsOf(correlationId, 'bank-2')).events).toEqual([]);
  });

  it("the rules of the record count another institution's rows too", async () => {
    const correlationId = await story('bank-1');
    const started = sample('customer.unlock.attempt_started', { correlationId, institutionId: 'bank-2', attempt: 2 });
    await expect(audit.append(started)).rejects.toThrow(AuditRefusedError);
  });

  it('finds what has no end in each of them, however few rows it looks at in one go', async () => {
    const open = new Map<string, string>();
    for (let count = 0; count < 9; count += 1) {
      for (const institutionId of count < 6 ? ['bank-2'] : ['bank-1', 'bank-2', 'other*bank']) {
        const correlationId = randomUUID();
        await audit.append(sample('customer.unlock.requested', { correlationId, institutionId }));
        open.set(correlationId, institutionId);
      }
    }
    const found = new Set<string>();
    let place = { scannedTo: 0n, more: true };
    while (place.more) {
      const slice = await audit.openRequests({ after: place.scannedTo, olderThanMs: 0, limit: 2 });
      for (const correlationId of slice.correlationIds) found.add(correlationId);
      expect(slice.scannedTo).toBeGreaterThan(place.scannedTo);
      place = slice;
    }
    expect([...found]).toEqual(expect.arrayContaining([...open.keys()]));
  });

  it('takes who was turned away from no institution, and lists it to none', async () => {
    const event = sample('access.denied', { institutionId: null, id: randomUUID() });
    expect(await audit.append(event)).toBe('written');
    for (const institutionId of ['bank-1', 'bank-2']) {
      const rows = await review.listEvents({ filters: { institutionId, action: 'access.denied' }, limit: 200, after: null });
      expect(rows.map(({ id }) => id)).not.toContain(event.id);
    }
  });

  it('knows no institution but those that are served', async () => {
    const event = sample('audit.viewed', { institutionId: 'bank-9' });
    await expect(audit.append(event)).rejects.toThrow(UnknownInstitutionError);
    await expect(audit.eventsOf(randomUUID(), 'bank-9')).rejects.toThrow(UnknownInstitutionError);
    expect(() => connections.of('bank-9')).toThrow(UnknownInstitutionError);
  });

  it('shares out ten connections, and gives each institution two at the least', () => {
    const sizeFor = (count: number): number => {
      const institutionIds = Array.from({ length: count }, (_, index) => `bank-${index}`);
      return connectInstitutions({ databaseUrl: database.url, role: 'latchkey_app', institutionIds }).poolSize;
    };
    expect([1, 2, 3, 5, 6, 40].map(sizeFor)).toEqual([10, 5, 3, 2, 2, 2]);
  });

  it('gives each a pace of its own', async () => {
    const paceOf = (institutionId: string) => createPace({ prisma: connections.of(institutionId), maxPerSecond: 0.1 });
    await sql(database.url, 'DELETE FROM upstream_pace');
    expect(await paceOf('bank-1').takeTurn('bank-1', 0)).toMatchObject({ waitMs: 0 });
    expect(await paceOf('bank-1').takeTurn('bank-1', 0)).toBeNull();
    expect(await paceOf('bank-2').takeTurn('bank-2', 0)).toMatchObject({ waitMs: 0 });
  });
});

test('the samples cover every institution', async () => {
  expect(await institutionsIn('unlock_request', '')).toEqual(expect.arrayContaining(everyBank));
});
