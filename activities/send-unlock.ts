import type { AuditLog } from '../src/audit/audit-log.js';
import { openAttempts, type Attempt } from '../src/domain/attempt.js';
import { attemptResult } from '../src/domain/classification.js';
import type { Outcome } from '../src/domain/outcome.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import { withoutToken, type BankAnswer, type Upstream } from '../src/upstream/index.js';
import type { SendReport, SendTurn } from './contract.js';
import type { Execution } from './execution.js';
import { failureTypes, tryAgain, tryBankAgain } from './failures.js';
import { createRecorder, inFlightMs, type Recorder } from './recorder.js';

interface Parts {
  readonly upstream: Upstream;
  readonly audit: AuditLog;
}

/** A review that leaves the way free for the next PUT. */
interface Clear {
  readonly kind: 'clear';
  readonly previous: Attempt | undefined;
}

/** Lost races for the claim before this execution lets Temporal try again. */
const ROUNDS = 3;
/** Kept free at the end of an execution, so that Temporal hears how it ended. */
const REPORTING_MS = 2_000;
const RECORD_AGAIN_MS = 250;

/** Sends at most one PUT: claims the next attempt, sends, records the answer. */
export async function sendUnlock(parts: Parts, request: UnlockRequest, turn: SendTurn, execution: Execution): Promise<SendReport> {
  const { upstream, audit } = parts;
  const recorder = createRecorder(audit, request, execution);
  const mayPut = () => turn.mayPut && !execution.cancelRequested();
  const expired = () => Date.now() >= Date.parse(request.budget.deadlineAt);

  for (let round = 0; round < ROUNDS; round += 1) {
    // The fast try looks at nothing first: the claim itself is refused where there is anything to look at.
    const unseen = execution.isLocal && round === 0 && mayPut() && !expired();
    const review = unseen ? ({ kind: 'clear', previous: undefined } as const) : await reviewAttempts();
    if (review.kind !== 'clear') return review;

    const got = await upstream.token();
    if (got.kind === 'unavailable') throw tryBankAgain('no token for the bank', withoutToken(got), execution.activityAttempt - 1, request.budget);
    const attempt = await audit.claimAttempt({
      correlationId: request.correlationId,
      institutionId: request.institutionId,
      customerId: request.customerId,
      workflowId: execution.workflowId,
      runId: execution.runId,
      activityAttempt: execution.activityAttempt,
      executionId: execution.id,
      reviewedAttempt: review.previous?.attempt ?? 0,
      maxAttempts: request.budget.maxAttempts,
      occurredAt: new Date(),
    });
    if (attempt === null) continue;
    const claimedMs = execution.elapsedMs();
    // A process that was stopped between claim and PUT must not undo what happened meanwhile.
    const tooLate = () => expired() || execution.elapsedMs() - claimedMs > upstream.timeoutMs / 2;
    const answer = tooLate() ? notSent('the attempt was not sent: its time was over') : await upstream.unlock(request, got.token);
    return concludeAttempt(attempt, review.previous, answer);
  }
  throw tryAgain({ type: failureTypes.attemptInFlight, message: 'another execution holds this unlock', delayMs: upstream.timeoutMs });

  /** Looks at what is on record and at the customer; decides whether another PUT may leave. */
  async function reviewAttempts(): Promise<SendReport | Clear> {
    const { record, readAt } = await recorder.read();
    const { attempts } = record;
    if (record.completed !== null) return { kind: reportOf(record.completed.outcome) };
    if (attempts.some(({ result }) => result === 'succeeded')) return { kind: 'succeeded' };
    if (attempts.some(({ result }) => result === 'rejected')) return { kind: 'rejected' };
    await closeOpenAttempts(recorder, attempts, readAt, upstream.timeoutMs);
    if (!mayPut()) return { kind: 'cancelled' };
    if (expired()) return { kind: 'expired' };
    if (attempts.length >= request.budget.maxAttempts) return { kind: 'exhausted' };
    const previous = attempts.at(-1);
    if (previous === undefined) return { kind: 'clear', previous };

    const reading = await upstream.readLockStatus(request);
    await recorder.statusChecked(reading, previous.attempt);
    if (reading.kind === 'read') return reading.lockStatus === 'not_locked' ? { kind: 'found_not_locked' } : afterReading(previous);
    if (attemptResult(reading.answer.meaning, { meaning: 'stale_token' }) === 'rejected') return { kind: 'rejected' };
    throw tryBankAgain('the lock status could not be read', reading.answer, execution.activityAttempt - 1, request.budget);
  }

  function afterReading(previous: Attempt): SendReport | Clear {
    if (!mayPut()) return { kind: 'cancelled' };
    return expired() ? { kind: 'expired' } : { kind: 'clear', previous };
  }

  async function concludeAttempt(attempt: number, previous: Attempt | undefined, answer: BankAnswer): Promise<SendReport> {
    const result = attemptResult(answer.meaning, previous);
    const inTime = await keepRecording(execution, request, () => recorder.attemptFinished(attempt, result, answer));
    if (result === 'succeeded') return { kind: 'succeeded' };
    if (!inTime) throw tryAgain({ type: failureTypes.attemptInFlight, message: 'the answer came after the attempt was closed', delayMs: 0 });
    if (result === 'rejected') return { kind: 'rejected' };
    if (attempt >= request.budget.maxAttempts) return { kind: 'exhausted' };
    if (!mayPut()) return { kind: 'cancelled' };
    throw tryBankAgain(`attempt ${attempt}`, answer, attempt - 1, request.budget);
  }
}

/**
 * Closes the attempts that a crash left open.
 * @throws ApplicationFailure where one of them may still be on its way; it is tried again when that is over
 */
export async function closeOpenAttempts(recorder: Recorder, attempts: readonly Attempt[], readAt: Date, putTimeoutMs: number): Promise<void> {
  for (const open of openAttempts(attempts)) {
    const delayMs = inFlightMs(open, readAt, putTimeoutMs);
    if (delayMs > 0) {
      throw tryAgain({ type: failureTypes.attemptInFlight, message: `attempt ${open.attempt} may still be on its way`, delayMs });
    }
    await recorder.attemptLost(open.attempt);
  }
}

/** A known answer must not become unknown because the database is away for a moment: retried for as long as this execution may last. */
async function keepRecording(execution: Execution, request: UnlockRequest, write: () => Promise<boolean>): Promise<boolean> {
  for (;;) {
    try {
      return await write();
    } catch (error) {
      if (execution.elapsedMs() + REPORTING_MS > request.budget.activityTimeoutMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, RECORD_AGAIN_MS));
    }
  }
}

function notSent(reason: string): BankAnswer {
  return { meaning: 'not_sent', httpStatus: null, code: null, message: null, reason, retryAfterMs: null, durationMs: 0 };
}

function reportOf(outcome: Outcome | null): SendReport['kind'] {
  if (outcome === 'unlocked') return 'succeeded';
  if (outcome === 'not_locked') return 'found_not_locked';
  if (outcome === 'rejected' || outcome === 'cancelled') return outcome;
  return 'exhausted';
}
