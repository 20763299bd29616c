import { casesOf, type Case } from './case.js';
import { checkAnswers } from './checks/answers.js';
import { checkAttempts } from './checks/attempts.js';
import { checkOutcome } from './checks/outcome.js';
import type { Evidence, Rule, Violation } from './evidence.js';

/** Says that a rule was broken. */
export type Blame = (rule: Rule, detail: string) => void;
export type Check = (unlock: Case, blame: Blame) => void;

const checks: readonly Check[] = [checkAttempts, checkOutcome, checkAnswers];

/**
 * Compares what the bank, the wire, the audit table, Temporal and the callers say of every unlock request. A pure function that shares
 * no code with the product.
 */
export function check(evidence: Evidence): Violation[] {
  const violations: Violation[] = [];
  for (const unlock of casesOf(evidence)) {
    const { correlationId } = unlock;
    for (const one of checks) one(unlock, (rule, detail) => void violations.push({ rule, correlationId, detail }));
  }
  return violations;
}
