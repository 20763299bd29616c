import type { AuditLog } from '../src/audit/audit-log.js';
import type { Pace } from '../src/audit/pace.js';
import { hasSucceeded, type Attempt } from '../src/domain/attempt.js';
import { attemptResult, refusesReading } from '../src/domain/classification.js';
import type { Outcome } from '../src/domain/outcome.js';
import { foundNotLocked, waitLeftMs, type UnlockRecord } from '../src/domain/unlock-record.js';
import type { UnlockRequest } from '../src/domain/unlock-request.js';
import { noAnswer, withoutToken, type BankAnswer, type BankToken, type Upstream } from '../src/upstream/index.js';
import { isOnRecord, putOnRecord } from './answer.js';
import type { Executions, SendReport, SendTurn, UnrecordedAnswer } from './contract.js';
import type { Execution } from './execution.js';
import { failureTypes, tryAgain, tryBankAgain, waitAsAsked } from './failures.js';
import { closeOpenAttempts, PUT_LEAVES_WITHIN_MS } from './in-flight.js';
import { createRecorder } from './recorder.js';
import { takeTurn, takeTurnOrTryAgain, type BankTurn } from './turn-at-the-bank.js';

interface Parts {
  readonly upstream: Upstream;
  readonly audit: AuditLog;
  readonly executions: Pick<Executions, 'lastFailureOf'>;
  readonly paceOf?: (institutionId: string) => Pace | undefined;
}

/** A review that leaves the way free for the next PUT. */
interface Clear {
  readonly kind: 'clear';
  readonly previous: Attempt | undefined;
}

/** Lost races for the claim before this execution lets Temporal try again. */
const ROUNDS = 3;
/** Before its turn at the bank an attempt is claimed, so that a slow claim does not cost the turn. */
const CLAIM_AHEAD_MS = 500;

/** Sends at most one PUT: claims the next attempt, sends, records the answer. */
export async function sendUnlock(parts: Parts, request: UnlockRequest, turn: SendTurn, execution: Execution): Promise<SendReport> {
  const { upstream, audit } = parts;
  const recorder = createRecorder(audit, request, execution);
  const { customerId, correlationId, institutionId } = request;
  const pace = parts.paceOf?.(institutionId);
  const timeLeftMs = () => Date.parse(request.budget.deadlineAt) - Date.now();
  const expired = () => timeLeftMs() <= 0;

  const held = execution.unrecorded();
  if (held !== null && !isOnRecord((await recorder.read()).record, held)) return concludeAttempt(held);
  execution.hold(null);

  for (let round = 0; round < ROUNDS; round += 1) {
    // The fast try looks at nothing first: the claim itself is refused where there is anything to look at.
    const unseen = execution.isLocal && round === 0 && whyNot() === null;
    const review = unseen ? ({ kind: 'clear', previous: undefined } as const) : await reviewAttempts();
    if (review.kind !== 'clear') return review;

    const got = await upstream.token(institutionId);
    if (got.kind === 'unavailable')
      throw tryBankAgain('no token for the bank', withoutToken(got), execution.activityAttempt - 1, request.budget);
    const turnAtBank = await takeTurnOrTryAgain(pace, institutionId, request.budget);
    await turnAtBank.comes(CLAIM_AHEAD_MS);
    const barred = whyNot();
    if (barred !== null) return barred;
    execution.throwIfHandingOver();
    // Before the claim, whose reply may have been long in coming.
    const claimingMs = execution.elapsedMs();
    const attempt = await audit.claimAttempt({
      correlationId,
      institutionId,
      customerId,
      workflowId: execution.workflowId,
      runId: execution.runId,
      activityAttempt: execution.activityAttempt,
      executionId: execution.id,
      reviewedAttempt: review.previous?.attempt ?? 0,
      maxAttempts: request.budget.maxAttempts,
      occurredAt: new Date(),
    });
    if (attempt === null) continue;
    const answer = await putInTurn(attempt, turnAtBank, got.token, () =>
      Math.min(PUT_LEAVES_WITHIN_MS - (execution.elapsedMs() - claimingMs), timeLeftMs()),
    );
    const result = attemptResult(answer.meaning, review.previous);
    return concludeAttempt({ attempt, result, answer, answeredAt: new Date().toISOString() });
  }
  throw tryAgain({ type: failureTypes.attemptInFlight, message: 'another execution holds this unlock', delayMs: upstream.timeoutMs });

  /**
   * Sends the claimed attempt's PUT in its turn. Where the turn is over before the PUT is on its way, by a slow claim or while it waited for a
   * connection, it takes another one: no byte has left then. What was stopped between claim and PUT must not undo what happened meanwhile.
   */
  async function putInTurn(attempt: number, firstTurn: BankTurn, token: BankToken, leftMs: () => number): Promise<BankAnswer> {
    let answer = noAnswer('not_sent', 'the attempt was not sent: its time was over', 0);
    for (let bankTurn: BankTurn | null = firstTurn; bankTurn !== null;) {
      await bankTurn.comes(0);
      const leavesWithinMs = Math.min(leftMs(), bankTurn.leftMs());
      if (leavesWithinMs >= 0) answer = await upstream.unlock({ institutionId, customerId, correlationId, attempt, leavesWithinMs }, token);
      if (answer.meaning !== 'not_sent' || bankTurn.leftMs() >= 0 || leftMs() <= 0) break;
      bankTurn = await takeTurn(pace, institutionId, leftMs()).catch(() => null);
    }
    return answer;
  }

  /** What stands in the way of a PUT whatever is on record; null: nothing. */
  function whyNot(): SendReport | null {
    if (!turn.mayPut || execution.calledOff()) return { kind: 'cancelled' };
    return expired() ? { kind: 'expired' } : null;
  }

  /** Looks at what is on record and at the customer; decides whether another PUT may leave. */
  async function reviewAttempts(): Promise<SendReport | Clear> {
    const { record, readAt } = await recorder.read();
    const { attempts } = record;
    if (record.completed !== null) return { kind: reportOf(record.completed.outcome) };
    if (attempts.some(hasSucceeded)) return { kind: 'succeeded' };
    if (attempts.some(({ result }) => result === 'rejected')) return { kind: 'rejected' };
    await closeOpenAttempts(recorder, attempts, readAt, upstream.timeoutMs);
    // A crash may have come between that look and its report: a lock that was put on since is not ours to take away.
    if (foundNotLocked(record)) return { kind: 'found_not_locked' };
    const barred = whyNot();
    if (barred !== null) return barred;
    if (attempts.length >= request.budget.maxAttempts) return { kind: 'exhausted' };
    const previous = attempts.at(-1);
    if (previous === undefined) return { kind: 'clear', previous };
    await throwIfTooEarly(record, previous.attempt);

    const reading = await upstream.readLockStatus(request);
    await recorder.statusChecked(reading, previous.attempt);
    if (reading.kind === 'read') return reading.lockStatus === 'not_locked' ? { kind: 'found_not_locked' } : { kind: 'clear', previous };
    if (refusesReading(reading.answer.meaning)) return { kind: 'rejected' };
    throw tryBankAgain('the lock status could not be read', reading.answer, execution.activityAttempt - 1, request.budget);
  }

  /**
   * The wait that the bank asked for travels in a failure, which can get lost, and Temporal may run an activity before its time; the record
   * keeps the wait. An operator has the last word: by a row, or by Temporal's own means.
   */
  async function throwIfTooEarly(record: UnlockRecord, attempt: number): Promise<void> {
    const leftMs = waitLeftMs(record, request.budget.retryAfterMaxMs, Date.now());
    if (record.askedWait === null || leftMs === 0) return;
    if (!execution.isLocal && (await wasHurried())) return;
    throw waitAsAsked(record.askedWait, leftMs, attempt - 1, request.budget);
  }

  /** By Temporal's own means: those take the failure away, where a busy server that runs a step early leaves it. */
  async function wasHurried(): Promise<boolean> {
    const last = await parts.executions.lastFailureOf(execution).catch(() => null);
    // The rate is met by none but those who had come this far.
    return last?.kind === 'taken_away' || (last?.kind === 'kept' && last.type === failureTypes.rate);
  }

  async function concludeAttempt(answered: UnrecordedAnswer): Promise<SendReport> {
    const { attempt, result, answer } = answered;
    const inTime = await putOnRecord(recorder, answered, execution, request.budget);
    if (result === 'succeeded') return { kind: 'succeeded' };
    if (!inTime)
      throw tryAgain({ type: failureTypes.attemptInFlight, message: 'the answer came after the attempt was closed', delayMs: 0 });
    if (result === 'rejected') return { kind: 'rejected' };
    if (attempt >= request.budget.maxAttempts) return { kind: 'exhausted' };
    if (!turn.mayPut || execution.calledOff()) return { kind: 'cancelled' };
    throw tryBankAgain(`attempt ${attempt}`, answer, attempt - 1, request.budget);
  }
}

function reportOf(outcome: Outcome | null): SendReport['kind'] {
  if (outcome === 'unlocked') return 'succeeded';
  if (outcome === 'not_locked') return 'found_not_locked';
  if (outcome === 'rejected' || outcome === 'cancelled') return outcome;
  return 'exhausted';
}
