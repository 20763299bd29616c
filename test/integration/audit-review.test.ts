import { createHash, randomUUID } from 'node:crypto';
import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { AuditLog } from '../../src/audit/audit-log.js';
import type { AuditReview } from '../../src/audit/audit-review.js';
import { connectInstitutions, createAuditLogByInstitution, createAuditReviewByInstitution } from '../../src/audit/by-institution.js';
import { eventColumnNames } from '../../src/audit/row.js';
import { auditEventPageSchema } from '../../src/http/answer-schemas.js';
import { exportManifestSchema } from '../../src/http/audit-answer-schemas.js';
import { openCheckpoint } from '../../src/proof/checkpoint.js';
import { readVerifier, verifierKey } from '../../src/proof/signed-note.js';
import { eventually } from '../support/eventually.js';
import { closedRooms, INSTITUTION, openFrontDoor, startForeignIssuer, type ForeignIssuer, type FrontDoor } from '../support/front-door.js';
import { openSealedLog, type SealedLog } from '../support/sealed-log.js';
import { sample } from './audit-samples.js';

const MANY = 60_000;
const OTHER = 'bank-two';
let log: SealedLog;
let issuer: ForeignIssuer;
let audit: AuditLog;
let review: AuditReview;
let door: FrontDoor;
let token: string;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  log = await openSealedLog();
  closers.push(log.close);
  const connected = { databaseUrl: log.url, institutionIds: [INSTITUTION, OTHER] };
  const connections = connectInstitutions({ ...connected, role: 'latchkey_app' });
  const reviewers = connectInstitutions({ ...connected, role: 'latchkey_auditor', connectionsInAll: 4, statementTimeoutMs: 30_000 });
  closers.push(connections.close, reviewers.close);
  audit = createAuditLogByInstitution({ connections });
  review = createAuditReviewByInstitution({ connections: reviewers });
  issuer = await startForeignIssuer();
  closers.push(issuer.stop);
  door = await openFrontDoor({ issuerUrl: issuer.url, audit, review });
  closers.push(door.close);
  token = await issuer.token();
  await log.client.query(
    `INSERT INTO audit_event (id, occurred_at, action, institution_id, customer_id, actor_type, actor_id, lock_status, metadata)
     SELECT gen_random_uuid(), now() - make_interval(secs => n), 'customer.lock_status.viewed', $1, 'customer-' || n % 100, 'user', 'agent-1', 'locked',
       jsonb_build_object('clientId', 'desk', 'n', n) FROM generate_series(1, ${MANY}) n`,
    [INSTITUTION],
  );
  await log.client.query('ANALYZE audit_event');
  for (const reason of ['=HYPERLINK("http://x")', '+1', '-2', '@sum', '"quoted", and more', 'plain', "x;=cmd|'/c calc'!A1;y"]) {
    await audit.append(sample('customer.unlock.requested', { institutionId: INSTITUTION, reason, customerId: 'formula' }));
  }
  await audit.append(sample('customer.unlock.requested', { institutionId: OTHER, customerId: 'formula' }));
  await log.seal();
}, 120_000);

afterAll(async () => {
  for (const close of closers.reverse()) await close();
});

const read = (path: string, at = door) => at.send({ path, token });
const idOf = (link: unknown): string => /exports\/([0-9a-f-]{36})>; rel="describedby"/.exec(String(link))?.[1] ?? '';
const manifest = async (exportId: string) => exportManifestSchema.parse((await read(`/v1/audit/exports/${exportId}`)).body);

describe('an export', () => {
  it('holds exactly what the filtered list shows, oldest first, and of no other institution', async () => {
    const reply = await read('/v1/audit/export?format=ndjson&customerId=formula');
    const lines = reply.text.trimEnd().split('\n');
    const listed = auditEventPageSchema.parse((await read('/v1/audit/events?customerId=formula')).body);
    expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(listed.items.toReversed());
    expect([reply.httpStatus, reply.headers['content-type'], lines.length]).toEqual([200, 'application/x-ndjson', 7]);
  });

  it('as CSV has the columns as its head, and keeps spreadsheets from reading a formula', async () => {
    const reply = await read('/v1/audit/export?format=csv&customerId=formula');
    const [head, ...rows] = reply.text.trimEnd().split('\r\n');
    expect(head).toBe(eventColumnNames.join(','));
    expect(reply.headers['content-type']).toBe('text/csv; charset=utf-8; header=present');
    expect(reply.headers['content-disposition']).toMatch(/^attachment; filename="audit-events-[0-9a-f-]{36}\.csv"$/);
    for (const cell of [
      `"'=HYPERLINK(""http://x"")"`,
      `'+1`,
      `'-2`,
      `'@sum`,
      `"""quoted"", and more"`,
      `plain`,
      `x;'=cmd|'/c calc'!A1;y`,
    ]) {
      expect(rows.filter((row) => row.includes(`,${cell},`))).toHaveLength(1);
    }
  });

  it('is recorded with filters, rows and checkpoint before the first row leaves, and with the digest of the file at its end', async () => {
    const reply = await read('/v1/audit/export?format=ndjson&customerId=formula&action=customer.unlock.requested');
    const told = await manifest(idOf(reply.headers.link));
    expect(told).toMatchObject({
      state: 'complete',
      format: 'ndjson',
      filters: { customerId: 'formula', action: 'customer.unlock.requested' },
      exportedBy: { type: 'user', id: 'agent-7', name: 'Ann Agent' },
      rows: 7,
      sealedRows: 7,
      rowsWritten: 7,
      bytes: Buffer.byteLength(reply.text),
      sha256: createHash('sha256').update(reply.text).digest('hex'),
    });
    const checkpoint = openCheckpoint(told.checkpoint?.note ?? '', [readVerifier(verifierKey(log.signer))]);
    expect(checkpoint).toMatchObject({ size: told.checkpoint?.size, origin: told.checkpoint?.origin });
  });

  it('of many pages is whole, though rows are written meanwhile, and tells how many of its rows are not sealed yet', async () => {
    await audit.append(sample('customer.unlock.requested', { institutionId: INSTITUTION, customerId: 'late' }));
    const before = Number(
      (await log.client.query('SELECT count(*) FROM audit_event WHERE institution_id = $1', [INSTITUTION])).rows[0]?.count,
    );
    const writing = (async () => {
      for (let count = 0; count < 50; count += 1) await audit.append(sample('customer.unlock.requested', { institutionId: INSTITUTION }));
    })();
    const reply = await read('/v1/audit/export?format=ndjson');
    await writing;
    const positions = reply.text
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { position: number }).position);
    expect(positions).toEqual(positions.toSorted((one, other) => one - other));
    expect(new Set(positions).size).toBe(positions.length);
    const told = await manifest(idOf(reply.headers.link));
    expect(told).toMatchObject({ state: 'complete', rowsWritten: told.rows });
    expect(positions).toHaveLength(told.rows);
    expect(told.rows).toBeGreaterThanOrEqual(before);
    expect(told.sealedRows).toBeLessThan(told.rows);
  });

  it('is read no faster than it is taken, and one that the caller breaks off is on record as that', async () => {
    let pages = 0;
    const counting: AuditReview = { ...review, exportPage: (page) => ((pages += 1), review.exportPage(page)) };
    const slow = await openFrontDoor({ issuerUrl: issuer.url, audit, review: counting });
    const { link, hangUp } = await takeNothing(slow.port);
    await eventually(async () => {
      const seen = pages;
      await new Promise((resolve) => setTimeout(resolve, 500));
      expect([pages > 0, pages]).toEqual([true, seen]);
    });
    expect(pages).toBeLessThan(MANY / 2_000 - 5);
    hangUp();
    await eventually(async () => expect(await manifest(idOf(link))).toMatchObject({ state: 'broken_off', sha256: null }));
    await slow.close();
  }, 60_000);

  function takeNothing(port: number): Promise<{ link: string | undefined; hangUp: () => void }> {
    return new Promise((resolve, reject) => {
      const call = request(
        { host: '127.0.0.1', port, path: '/v1/audit/export?format=ndjson', headers: { authorization: `Bearer ${token}` } },
        (response) => {
          response.pause();
          resolve({ link: response.headers.link as string | undefined, hangUp: () => response.destroy() });
        },
      );
      call.on('error', reject);
      call.end();
    });
  }

  it('that cannot be recorded is refused', async () => {
    const recordless = await openFrontDoor({ issuerUrl: issuer.url, audit: closedRooms().audit, review });
    const reply = await read('/v1/audit/export?format=ndjson&customerId=formula', recordless);
    await recordless.close();
    expect([reply.httpStatus, reply.text.includes('customer.unlock')]).toEqual([503, false]);
  });

  it('whose end cannot be recorded has no end', async () => {
    const forgetful = {
      ...audit,
      append: (event: Parameters<AuditLog['append']>[0]) =>
        event.action === 'audit.export_ended' ? Promise.reject(new Error('away')) : audit.append(event),
    };
    const recordless = await openFrontDoor({ issuerUrl: issuer.url, audit: forgetful, review });
    await expect(read('/v1/audit/export?format=ndjson&customerId=formula', recordless)).rejects.toThrow(/aborted|hang up|reset/i);
    await recordless.close();
  });

  it('waits its turn: a fifth one at once is refused, and works once another has ended', async () => {
    const open = await Promise.all([1, 2, 3, 4].map(() => takeNothing(door.port)));
    const reply = await read('/v1/audit/export?format=csv&customerId=formula');
    expect([reply.httpStatus, reply.headers['retry-after']]).toEqual([429, '30']);
    expect(reply.body).toMatchObject({ code: 'too_many_exports' });
    for (const { hangUp } of open) hangUp();
    await eventually(async () => expect((await read('/v1/audit/export?format=csv&customerId=formula')).httpStatus).toBe(200));
  }, 60_000);

  it('takes its turn before it is counted: of many asked for in one moment no more are under way than may be', async () => {
    const replies = await Promise.all(Array.from({ length: 12 }, () => read('/v1/audit/export?format=csv&customerId=formula')));
    const statuses = replies.map(({ httpStatus }) => httpStatus);
    expect([new Set(statuses), statuses.includes(200)]).toEqual([new Set([200, 429]), true]);
  });

  it('asked for by HEAD is not made, and is on record as that', async () => {
    for (let times = 0; times < 6; times += 1) {
      const reply = await door.send({ method: 'HEAD', path: '/v1/audit/export?format=csv', token });
      expect([reply.httpStatus, reply.text]).toEqual([200, '']);
      expect(await manifest(idOf(reply.headers.link))).toMatchObject({ state: 'broken_off', rowsWritten: 0, sha256: null });
    }
  });

  it('that finds fewer rows than were there when it began never ends as whole', async () => {
    const losing: AuditReview = {
      ...review,
      exportPage: async (page) => (page.after === 0n ? review.exportPage({ ...page, limit: 3 }) : null),
    };
    const lossy = await openFrontDoor({ issuerUrl: issuer.url, audit, review: losing });
    await expect(read('/v1/audit/export?format=ndjson&customerId=formula', lossy)).rejects.toThrow(/aborted|hang up|reset/i);
    await lossy.close();
    const { rows } = await log.client.query(
      `SELECT metadata FROM audit_event WHERE action = 'audit.export_ended' ORDER BY position DESC LIMIT 1`,
    );
    expect(rows).toEqual([{ metadata: expect.objectContaining({ complete: false, rows: 3 }) }]);
  });

  it.each(['', '?format=xml', '?format=csv&limit=5', '?format=csv&from=yesterday'])('is refused with the query %j', async (query) => {
    expect((await read(`/v1/audit/export${query}`)).body).toMatchObject({ code: 'validation_failed' });
  });

  it('of another institution has no manifest here, nor has what is no export', async () => {
    const { headers } = await read('/v1/audit/export?format=csv&customerId=formula');
    const foreign = await openFrontDoor({
      issuerUrl: issuer.url,
      audit,
      review: { ...review, eventsById: (ids) => review.eventsById(ids, OTHER) },
    });
    expect((await read(`/v1/audit/exports/${idOf(headers.link)}`, foreign)).httpStatus).toBe(404);
    expect((await read(`/v1/audit/exports/${randomUUID()}`)).httpStatus).toBe(404);
    await foreign.close();
  });
});

describe('a read of the log', () => {
  it('is recorded with its filters and the number of rows that were shown', async () => {
    await read('/v1/audit/events?customerId=formula&limit=4');
    const [viewed] = await review.listEvents({ filters: { institutionId: INSTITUTION, action: 'audit.viewed' }, limit: 1, after: null });
    expect(viewed).toMatchObject({
      actorId: 'agent-7',
      correlationId: null,
      metadata: { clientId: 'desk', filters: { customerId: 'formula' }, limit: 4, rows: 4, after: null },
    });
  });
});
