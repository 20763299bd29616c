import type { AttemptResult } from '../domain/attempt.js';
import type { Outcome, Verification } from '../domain/outcome.js';
import type { UnlockAnswer } from '../http/answer-schemas.js';
import { moment, span, wholeSpan } from './times.js';

export type Attempt = UnlockAnswer['attempts'][number];

/** Something that happened to an unlock request. */
export interface Happening {
  /** Null: it is seen, and nobody says when it happened. */
  readonly at: string | null;
  readonly words: string;
}

interface OutcomeWords {
  readonly colour: 'green' | 'yellow' | 'red';
  readonly says: (unlock: UnlockAnswer) => string;
}

export const outcomeWords: Readonly<Record<Outcome, OutcomeWords>> = {
  unlocked: { colour: 'green', says: (unlock) => `the customer is unlocked, ${after(unlock)}` },
  not_locked: { colour: 'yellow', says: (unlock) => `the customer was not locked: there was nothing to unlock, ${after(unlock)}` },
  rejected: {
    colour: 'red',
    says: (unlock) => `the bank refused the unlock for good${answerOf(unlock.attempts.at(-1))}, ${after(unlock)}`,
  },
  failed: { colour: 'red', says: (unlock) => `the bank could not be brought to unlock the customer, ${after(unlock)}` },
  cancelled: { colour: 'yellow', says: (unlock) => `the request was stopped and no attempt succeeded, ${after(unlock)}` },
};

export const verificationWords: Readonly<Record<Verification, string>> = {
  confirmed: 'the bank, asked afterwards, says that the customer is no longer locked',
  attributed: 'the answer to an attempt was lost, and the bank, asked afterwards, says that the customer is no longer locked',
  still_locked: 'the bank, asked afterwards, says that the customer is locked',
  unavailable: 'the bank could not be asked afterwards',
};

const resultWords: Readonly<Record<AttemptResult, string>> = {
  succeeded: 'the bank did it',
  rejected: 'the bank refused for good',
  retryable: 'the bank did not do it',
  unknown: 'no telling whether the bank did it',
};

/** How an attempt went, or that its answer is out. */
export function attemptWords(attempt: Attempt): string {
  const { result, durationMs } = attempt;
  if (result === null) return `attempt ${attempt.attempt} is out`;
  const took = durationMs === null ? '' : `, after ${span(durationMs)}`;
  return `attempt ${attempt.attempt}: ${resultWords[result]}${answerOf(attempt)}${took}`;
}

/** What a request that is under way waits for, as of now. */
export function waitingWords(unlock: UnlockAnswer, nowMs: number): string {
  const { approval, paused, nextAttemptAt, attempts } = unlock;
  if (approval?.state === 'waiting') {
    return `waiting for a second person to approve, ${left(approval.expiresAt, nowMs)} left`;
  }
  if (paused === true) return 'paused by an operator: no attempt is made until somebody resumes it';
  const open = attempts.find(({ result }) => result === null);
  if (open !== undefined) return `attempt ${open.attempt} is out: waiting for the bank's answer`;
  const due = nextAttemptAt === null ? 0 : Date.parse(nextAttemptAt) - nowMs;
  return due > 0 ? `attempt ${attempts.length + 1} in ${wholeSpan(Math.max(1_000, due))}` : 'under way';
}

/** What has happened since it was last looked at; all of it where it never was. */
export function happenings(before: UnlockAnswer | null, now: UnlockAnswer): Happening[] {
  return [
    ...approvalHappenings(before, now),
    ...now.attempts.flatMap((attempt): Happening[] => {
      const known = before?.attempts.find((each) => each.attempt === attempt.attempt);
      if (known?.result === attempt.result) return [];
      return [{ at: attempt.finishedAt ?? attempt.startedAt, words: attemptWords(attempt) }];
    }),
    ...waitHappenings(before, now),
  ];
}

function approvalHappenings(before: UnlockAnswer | null, now: UnlockAnswer): Happening[] {
  const { approval, correlationId } = now;
  if (approval === null) return [];
  const told: Happening[] = [];
  if (before?.approval == null) {
    const often = approval.unlocks === 1 ? 'once' : `${approval.unlocks} times`;
    told.push({
      at: approval.requiredAt,
      words: `unlocked ${often} in ${wholeSpan(approval.windowMs)}: a second person must approve by ${moment(approval.expiresAt)}`,
    });
    if (approval.state === 'waiting') {
      told.push({ at: null, words: `they approve with: latchkey approve ${correlationId} --reason TEXT` });
    }
  }
  if (approval.state === 'waiting' || approval.state === before?.approval?.state) return told;
  const who = approval.decidedBy === null ? '' : ` by ${approval.decidedBy.name ?? approval.decidedBy.id}`;
  const why = approval.reason === null ? '' : `: ${approval.reason}`;
  const words =
    approval.state === 'expired'
      ? 'nobody approved in time'
      : approval.state === 'cancelled'
        ? 'ended while it waited for a second person'
        : `${approval.state}${who}${why}`;
  return [...told, { at: approval.decidedAt, words }];
}

function waitHappenings(before: UnlockAnswer | null, now: UnlockAnswer): Happening[] {
  if (now.state === 'completed') return [];
  const told: Happening[] = [];
  if (now.paused === true && before?.paused !== true) told.push({ at: null, words: 'paused by an operator' });
  if (now.paused === false && before?.paused === true) told.push({ at: null, words: 'resumed' });
  const { nextAttemptAt, attempts } = now;
  const isNew = before?.nextAttemptAt == null || before.attempts.length !== attempts.length;
  if (nextAttemptAt !== null && now.paused !== true && now.approval?.state !== 'waiting' && (isNew || before.paused === true)) {
    told.push({ at: null, words: `attempt ${attempts.length + 1} is due at ${moment(nextAttemptAt)}` });
  }
  return told;
}

/** What the bank answered, with a blank before it; nothing where no answer came. */
function answerOf(attempt: Attempt | undefined): string {
  if (attempt === undefined) return '';
  const parts = [attempt.httpStatus, attempt.upstreamCode].filter((part) => part !== null).join(' ');
  const message = attempt.upstreamMessage ?? '';
  const told = [parts, message === '' ? '' : `"${message}"`].filter((part) => part !== '').join(' ');
  return told === '' ? '' : ` (${told})`;
}

function after({ attempts: { length }, requestedAt, completedAt }: UnlockAnswer): string {
  const count = length === 0 ? 'without an attempt' : length === 1 ? 'after 1 attempt' : `after ${length} attempts`;
  return completedAt === null ? count : `${count}, in ${span(Date.parse(completedAt) - Date.parse(requestedAt))}`;
}

function left(time: string, nowMs: number): string {
  return wholeSpan(Math.max(0, Date.parse(time) - nowMs));
}
