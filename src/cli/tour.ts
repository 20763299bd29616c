import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { connectAudit } from '../audit/connection.js';
import { table } from './table.js';

interface TourParts {
  readonly apiUrl: string;
  readonly databaseUrl: string;
  readonly token: string;
  readonly say: (line: string) => void;
}

interface Stop {
  readonly title: string;
  readonly customerId: string;
}

/** Customers of the sandbox bank, each with a way of its own. */
const stops: readonly Stop[] = [
  { title: 'a locked customer', customerId: 'locked-1' },
  { title: 'a bank that answers 503 twice', customerId: 'two-503' },
  { title: 'a customer who is not locked', customerId: 'open-1' },
  { title: 'a customer whom the bank refuses to unlock', customerId: 'forbidden-403' },
];

const finished = z.object({
  correlationId: z.string(),
  state: z.string(),
  outcome: z.string().nullable(),
  diagnosis: z.string().nullable(),
});

const MARK = 'tour-done';

/** The tour is for the first run on this data directory. */
export function isTourDue(dataDir: string): boolean {
  return !existsSync(join(dataDir, MARK));
}

export async function markTourDone(dataDir: string): Promise<void> {
  await mkdir(dataDir, { recursive: true });
  await writeFile(join(dataDir, MARK), `${new Date().toISOString()}\n`);
}

/**
 * Four real unlocks through HTTP, then their attempts as Postgres has them.
 * @returns the correlationIds, in the order of the stops
 */
export async function tour({ apiUrl, databaseUrl, token, say }: TourParts): Promise<string[]> {
  say('A short tour: four real unlocks through HTTP, Temporal and Postgres against the sandbox bank.');
  const unlocks = await Promise.all(
    stops.map(async ({ title, customerId }) => {
      const correlationId = randomUUID();
      const response = await fetch(`${apiUrl}/v1/unlocks`, {
        method: 'POST',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', correlationId, prefer: 'wait=60' },
        body: JSON.stringify({ customerId, reason: 'Customer called: locked out after failed logins', ticket: 'TOUR-1' }),
      });
      const body = finished.parse(await response.json());
      return { title, ...body, httpStatus: response.status };
    }),
  );
  say('');
  say(
    table(
      ['unlock request', 'HTTP', 'outcome', 'correlationId'],
      unlocks.map((each) => [each.title, each.httpStatus, each.outcome, each.correlationId]),
    ),
  );
  for (const { title, diagnosis } of unlocks) if (diagnosis !== null) say(`  ${title}: ${diagnosis}`);
  say('');
  say('Their attempts, from the view unlock_attempt:');
  say(
    await attemptTable(
      databaseUrl,
      unlocks.map(({ correlationId }) => correlationId),
    ),
  );
  return unlocks.map(({ correlationId }) => correlationId);
}

async function attemptTable(databaseUrl: string, correlationIds: readonly string[]): Promise<string> {
  const { prisma, close } = connectAudit({ databaseUrl, role: null, poolSize: 1 });
  try {
    const rows = await prisma.unlockAttempt.findMany({
      where: { correlationId: { in: [...correlationIds] } },
      orderBy: [{ startedAt: 'asc' }],
    });
    return table(
      ['customer_id', 'attempt', 'result', 'http_status', 'upstream_code', 'duration_ms', 'correlation_id'],
      rows.map((row) => [row.customerId, row.attempt, row.result, row.httpStatus, row.upstreamCode, row.durationMs, row.correlationId]),
    );
  } finally {
    await close();
  }
}
