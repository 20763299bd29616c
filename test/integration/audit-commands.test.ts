import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { unzipSync } from 'fflate';
import type { AuditReview } from '../../src/audit/audit-review.js';
import { connectInstitutions, createAuditLogByInstitution, createAuditReviewByInstitution } from '../../src/audit/by-institution.js';
import { closedRooms, INSTITUTION, openFrontDoor, startForeignIssuer, type ForeignIssuer, type FrontDoor } from '../support/front-door.js';
import { createTestDatabase } from '../support/database.js';
import { startLatchkeyProcess } from '../support/latchkey-process.js';
import { sample } from './audit-samples.js';

const correlationId = randomUUID();
let issuer: ForeignIssuer;
let door: FrontDoor;
let token: string;
let parts: Pick<Parameters<typeof openFrontDoor>[0], 'issuerUrl' | 'audit' | 'executions'> & { readonly review: AuditReview };
let folder: string;
const closers: (() => Promise<unknown>)[] = [];

beforeAll(async () => {
  const database = await createTestDatabase();
  closers.push(database.drop);
  const connected = { databaseUrl: database.url, institutionIds: [INSTITUTION] };
  const connections = connectInstitutions({ ...connected, role: 'latchkey_app' });
  const reviewers = connectInstitutions({ ...connected, role: 'latchkey_auditor' });
  closers.push(connections.close, reviewers.close);
  const audit = createAuditLogByInstitution({ connections });
  issuer = await startForeignIssuer();
  closers.push(issuer.stop);
  token = await issuer.token();
  parts = {
    issuerUrl: issuer.url,
    audit,
    review: createAuditReviewByInstitution({ connections: reviewers }),
    executions: { ...closedRooms().executions, historyOf: async () => null },
  };
  door = await openFrontDoor(parts);
  closers.push(door.close);
  const about = { institutionId: INSTITUTION, correlationId };
  await audit.append(sample('customer.unlock.requested', about));
  await audit.append(
    sample('customer.unlock.completed', { ...about, outcome: 'not_locked', verification: null, metadata: { attempts: 0 } }),
  );
});
afterAll(async () => {
  for (const close of closers.reverse()) await close();
});
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'latchkey-test-commands-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

async function latchkey(args: readonly string[], settings: Readonly<Record<string, string>> = {}) {
  const started = startLatchkeyProcess(['audit', ...args], {
    LATCHKEY_URL: `http://127.0.0.1:${door.port}`,
    LATCHKEY_TOKEN: token,
    ...settings,
  });
  const code = await new Promise<number | null>((resolve) => started.child.once('close', resolve));
  return { code, output: started.output() };
}

const sha256 = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

describe('latchkey audit export', () => {
  it('takes the rows that its filters let through, and says what the front door has on record of the file', async () => {
    const out = join(folder, 'events.ndjson');
    const { code, output } = await latchkey(['export', '--format', 'ndjson', '--correlation-id', correlationId, '--out', out]);
    expect([code, output]).toEqual([0, expect.stringContaining(`${out}: 2 rows, 0 of them sealed; SHA-256 ${sha256(out)}`)]);
    const rows = readFileSync(out, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => (JSON.parse(line) as { action: string }).action);
    expect(rows).toEqual(['customer.unlock.requested', 'customer.unlock.completed']);
    expect(readdirSync(folder)).toEqual(['events.ndjson']);
  });

  it.each(['events.csv', 'events.csv.part'])('leaves alone what is there already: %s', async (name) => {
    writeFileSync(join(folder, name), 'mine');
    const { code, output } = await latchkey(['export', '--format', 'csv', '--out', join(folder, 'events.csv')]);
    expect([code, output]).toEqual([1, expect.stringContaining('is there already: nothing was written')]);
    expect([readdirSync(folder), readFileSync(join(folder, name), 'utf8')]).toEqual([[name], 'mine']);
  });

  it('that the front door breaks off leaves no file', async () => {
    let pages = 0;
    const breaking: AuditReview = {
      ...parts.review,
      exportPage: async (page) => ((pages += 1) > 1 ? Promise.reject(new Error('away')) : parts.review.exportPage(page)),
    };
    const broken = await openFrontDoor({ ...parts, review: breaking });
    const out = ['--out', join(folder, 'events.csv')];
    const { code } = await latchkey(['export', '--format', 'csv', ...out], { LATCHKEY_URL: `http://127.0.0.1:${broken.port}` });
    await broken.close();
    expect([code, readdirSync(folder)]).toEqual([1, []]);
  });

  it('says what the front door has against it, and never the token', async () => {
    const forbidden = await issuer.token({ claims: { scope: 'institution-users:read' } });
    for (const [change, told] of [
      [{ LATCHKEY_TOKEN: forbidden }, /lacks a scope.*\(insufficient_scope\)/],
      [{ LATCHKEY_URL: 'http://127.0.0.1:1' }, /http:\/\/127\.0\.0\.1:1 does not answer: is LATCHKEY_URL right\?/],
    ] as const) {
      const { code, output } = await latchkey(['export', '--format', 'csv', '--out', join(folder, 'x')], change);
      expect([code, output]).toEqual([1, expect.stringMatching(told)]);
      expect(output).not.toContain(forbidden);
    }
    const wrong = await latchkey(['export', '--format', 'xml', '--out', join(folder, 'x')]);
    expect([wrong.code, wrong.output]).toEqual([1, expect.stringContaining('validation_failed')]);
    const without = await latchkey(['export', '--format', 'csv'], { LATCHKEY_TOKEN: '' });
    expect([without.code, without.output]).toEqual([78, expect.stringContaining('LATCHKEY_TOKEN is required')]);
  });
});

describe('latchkey audit evidence', () => {
  it('takes the pack on one request', async () => {
    const out = join(folder, 'case.zip');
    const { code, output } = await latchkey(['evidence', correlationId, '--out', out]);
    expect([code, output]).toEqual([0, expect.stringContaining(`${out}: 2 rows`)]);
    expect(Object.keys(unzipSync(readFileSync(out)))).toEqual(
      expect.arrayContaining(['verify.mjs', 'records.ndjson', 'evidence.json', 'case.html']),
    );
  });

  it('says where there is no such request', async () => {
    const { code, output } = await latchkey(['evidence', randomUUID(), '--out', join(folder, 'case.zip')]);
    expect([code, output]).toEqual([1, expect.stringContaining('No unlock request has this correlationId. (not_found)')]);
  });
});
