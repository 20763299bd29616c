import type { RepeatGuard } from '../domain/repeat-guard.js';
import type { RetryBudget } from '../domain/unlock-request.js';

/** What each institution may have its own way. */
export interface InstitutionRules {
  /** What the drop-in endpoint says of a customer who is not locked: 409 or, with `accept`, 204. */
  readonly notLockedPolicy: 'reject' | 'accept';
  /** Whether `POST /v1/unlocks` insists on a reason. */
  readonly reasonRequired: boolean;
  /** The task queue by which PUTs go that must keep to a rate; null: there is no rate. */
  readonly sendQueue: string | null;
  /** How long after an unlock it is looked whether the customer is locked again, in milliseconds; null: not at all. */
  readonly relockWatchMs: number | null;
  /** When a second person must approve an unlock; null: never. */
  readonly repeatGuard: RepeatGuard | null;
}

/** A caller, as its verified token names it. */
export interface KnownCaller {
  readonly institutionId: string;
  readonly clientId: string;
}

/** What the front door is told at start; its own rules hold for institutions that have none of theirs. */
export interface HttpSettings extends InstitutionRules {
  readonly institutions?: ReadonlyMap<string, InstitutionRules>;
  /** How long the drop-in endpoint waits for the outcome, in milliseconds. */
  readonly unlockWaitMs: number;
  /** Who is told that their requests have ended; absent: nobody. */
  readonly webhookCallers?: readonly KnownCaller[];
  /** Which customer ids are let through; holds for the whole id. */
  readonly customerIdPattern: RegExp;
  readonly budget: BudgetSettings;
  /** Where people open the Temporal UI; null: answers carry no link to it. */
  readonly temporalUiUrl: string | null;
  /** The public keys of the audit log's seal, for evidence packs; an examiner gets them from elsewhere too. */
  readonly auditVerifiers: readonly string[];
  /** The Temporal namespace, for that link. */
  readonly namespace: string;
}

/** The rules of one institution. */
export function rulesOf(settings: RuleSettings, institutionId: string): InstitutionRules {
  return settings.institutions?.get(institutionId) ?? settings;
}

/** Those of all institutions that are served. */
export function allRules(settings: RuleSettings): readonly InstitutionRules[] {
  return settings.institutions === undefined ? [settings] : [...settings.institutions.values()];
}

export type RuleSettings = InstitutionRules & Pick<HttpSettings, 'institutions'>;

/** How often and how long an accepted request may try; times in milliseconds. */
export type BudgetSettings = Omit<RetryBudget, 'deadlineAt'> & {
  /** From the moment a request is accepted; past it no PUT is sent. */
  readonly deadlineMs: number;
};

/** Where the front door writes its log; a pino logger fits. */
export interface HttpLog {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** One part without which requests cannot be served. */
export interface ReadinessCheck {
  /** As `/readyz` names it. */
  readonly part: string;
  /** Resolves where the part is there; may be called often. */
  check(): Promise<void>;
}
