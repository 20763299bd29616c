import { log } from '@temporalio/activity';
import type { AuditLog } from '../src/audit/audit-log.js';
import type { Observer } from '../src/domain/observer.js';
import type { ClosedExecution, ComparisonProgress, Executions, ReconcilerProgress, Suspects } from './contract.js';
import type { Execution } from './execution.js';
import { tellPauses } from './out-of-band.js';

interface Parts {
  readonly audit: AuditLog;
  readonly executions: Executions;
  readonly observer: Observer;
  readonly reconciler: { readonly afterMs: number; readonly openAfterMs: number };
}

/** One execution stops here, and the next one goes on. */
const BUDGET_MS = 20_000;
const ENOUGH_FOUND = 200;
/** Beginnings that one statement looks at. */
const SLICE = 2_000;
/** What an unlock leaves whose first PUT succeeded: nothing that is done to a workflow leaves fewer. */
const CLEAN_HISTORY_EVENTS = 9;
const HISTORIES_AT_ONCE = 10;

/** Goes through the workflows that have closed since the last time, page by page, and holds them against the audit log. */
export async function compareWithTemporal(
  { audit, executions, observer, reconciler }: Parts,
  progress: ComparisonProgress,
  execution: Execution,
): Promise<Suspects<ComparisonProgress>> {
  const logNumber = await audit.logNumber();
  const { comparedUntil, under } = fromWhere(progress, logNumber);
  const until = under?.until ?? new Date(Date.now() - reconciler.afterMs).toISOString();
  // A token that the server takes no more must not hold up the rest: the second try begins the stretch anew.
  let pageToken = execution.activityAttempt === 1 ? (under?.pageToken ?? null) : null;
  const found = new Set<string>();
  if (under === null) await tellPauses({ audit, executions, observer }, execution);
  do {
    const page = await executions.listClosed({ since: comparedUntil, until, pageToken });
    for (const correlationId of await suspectsAmong({ audit, executions }, page.executions)) found.add(correlationId);
    pageToken = page.nextPageToken;
  } while (pageToken !== null && goesOn(execution, found));
  const correlationIds = [...found];
  if (pageToken === null) return { correlationIds, progress: { comparedUntil: until, under: null, logNumber }, more: false };
  return { correlationIds, progress: { comparedUntil, under: { until, pageToken }, logNumber }, more: true };
}

/** A log that was restored from a backup may lack what was compared already: everything that Temporal still knows is compared again. */
function fromWhere(progress: ComparisonProgress, logNumber: number | null): ComparisonProgress {
  const before = progress.logNumber ?? null;
  if (before === null || before === logNumber) return progress;
  log.warn('the audit log was restored from a backup: every workflow that Temporal still knows is compared with it', { logNumber });
  return { comparedUntil: null, under: null };
}

async function suspectsAmong(
  { audit, executions }: Pick<Parts, 'audit' | 'executions'>,
  closed: readonly ClosedExecution[],
): Promise<string[]> {
  const carried = closed.filter(({ kind }) => kind === 'unlock');
  const endings = await audit.endingsOf(carried.map(({ correlationId }) => correlationId));
  const operated = await operatedAmong(executions, carried);
  const endingOf = new Map(endings.map((ending) => [ending.correlationId, ending]));
  return closed
    .filter(({ kind, correlationId, completed, outcome, attempts }) => {
      if (kind === 'notification') return !completed;
      if (operated.has(correlationId)) return true;
      const ending = endingOf.get(correlationId);
      if (!completed || ending === undefined) return true;
      return (outcome !== null && outcome !== ending.outcome) || (attempts !== null && attempts !== ending.attempts);
    })
    .map(({ correlationId }) => correlationId);
}

/** Those to which somebody did something; a workflow that did not complete is looked into anyway. */
async function operatedAmong(executions: Executions, closed: readonly ClosedExecution[]): Promise<ReadonlySet<string>> {
  const left = closed.filter(({ completed, historyLength }) => completed && historyLength > CLEAN_HISTORY_EVENTS).values();
  const found = new Set<string>();
  const lookInto = async (): Promise<void> => {
    for (const { correlationId, runId } of left) {
      if ((await executions.operationsOn(correlationId, runId)).length > 0) found.add(correlationId);
    }
  };
  await Promise.all(Array.from({ length: HISTORIES_AT_ONCE }, lookInto));
  return found;
}

/** Goes through what began in the audit log, slice by slice. */
export async function findOpenRequests({ audit, reconciler }: Parts, scannedTo: string, execution: Execution): Promise<Suspects<string>> {
  let after = BigInt(scannedTo);
  let more: boolean;
  const found = new Set<string>();
  do {
    let slice = await audit.openRequests({ after, olderThanMs: reconciler.openAfterMs, limit: SLICE });
    // The log is shorter than it was: restored from a backup. Ends that stood in it may be gone.
    if (slice.newest < after) slice = await audit.openRequests({ after: 0n, olderThanMs: reconciler.openAfterMs, limit: SLICE });
    for (const correlationId of slice.correlationIds) found.add(correlationId);
    ({ scannedTo: after, more } = slice);
  } while (more && goesOn(execution, found));
  return { correlationIds: [...found], progress: String(after), more };
}

/** What began before the place has an end, or waits; so this reads no more than a deadline's worth of beginnings, however long the log is. */
export async function lookAtRunning(
  { audit, observer }: Pick<Parts, 'audit' | 'observer'>,
  { waiting, scannedTo }: Pick<ReconcilerProgress, 'waiting' | 'scannedTo'>,
  execution: Execution,
): Promise<void> {
  const open = new Set(waiting);
  let place = { scannedTo: BigInt(scannedTo), more: true };
  while (place.more) {
    // Half a count would be none.
    if (execution.elapsedMs() > BUDGET_MS || execution.calledOff()) return;
    const slice = await audit.openRequests({ after: place.scannedTo, olderThanMs: 0, limit: SLICE });
    for (const correlationId of slice.correlationIds) open.add(correlationId);
    place = slice;
  }
  observer.requestsRunning(await audit.runningAmong([...open]));
}

function goesOn(execution: Execution, found: ReadonlySet<string>): boolean {
  return found.size < ENOUGH_FOUND && execution.elapsedMs() < BUDGET_MS && !execution.calledOff();
}
