import { describe, expect, it } from '@jest/globals';
import type { Attempt } from '../../src/domain/attempt.js';
import { diagnose } from '../../src/domain/diagnosis.js';
import type { Outcome } from '../../src/domain/outcome.js';
import { dropInAnswer } from '../../src/http/drop-in-answer.js';
import type { ErrorCode } from '../../src/http/error-codes.js';
import { bankRefusals, EXAMPLE_CORRELATION_ID, exampleBankError } from '../../src/http/example-errors.js';
import { auditEvent } from '../support/audit-event.js';

function answerFor(outcome: Outcome | null, attempts: Attempt[] = []): unknown {
  const diagnosis = outcome === 'not_locked' ? diagnose({ locked: false, onHold: true }) : null;
  const completed = outcome === null ? null : auditEvent({ action: 'customer.unlock.completed', outcome, metadata: { diagnosis } });
  const record = { requested: null, completed, attempts, statusChecks: [], askedWait: null, approval: null };
  return dropInAnswer(EXAMPLE_CORRELATION_ID, record, { notLockedPolicy: 'reject' }).body;
}

function rejected(answer: Partial<Attempt>): Attempt {
  const moment = new Date('2026-01-31T09:30:00Z');
  const blank = { executionId: null, claimedAt: moment, httpStatus: null, upstreamCode: null, upstreamMessage: null, durationMs: 5 };
  return { attempt: 1, startedAt: moment, finishedAt: moment, result: 'rejected', meaning: null, lateResult: null, ...blank, ...answer };
}

describe("the drop-in's examples", () => {
  it.each<[Outcome | null, ErrorCode]>([
    ['not_locked', 'not_locked'],
    ['cancelled', 'cancelled'],
    ['failed', 'retries_exhausted'],
    ['rejected', 'rejected'],
    [null, 'still_running'],
  ])('for the outcome %s is what is answered', (outcome, code) => {
    expect(exampleBankError(code).value).toEqual(answerFor(outcome));
  });

  it("for the bank's refusals are what is answered", () => {
    for (const { value } of Object.values(bankRefusals)) {
      const upstreamCode = value.code.startsWith('LATCHKEY_') ? null : value.code;
      expect(answerFor('rejected', [rejected({ httpStatus: value.status, upstreamMessage: value.message, upstreamCode })])).toEqual(value);
    }
    expect(answerFor('rejected', [rejected({ httpStatus: 401 })])).toEqual(exampleBankError('upstream_refused').value);
  });
});
