import { UnknownInstitutionError } from '../domain/institution.js';
import { createClassifier, namedCodes, type ClassificationRule } from '../domain/classification.js';
import { silentObserver, type Observer } from '../domain/observer.js';
import { createOutbound, type OutboundPolicy } from '../outbound/index.js';
import { createCustomerUrl } from './customer-url.js';
import { templateBelow } from './call-span.js';
import { createCustomers, type Customers } from './customers.js';
import { basicCredentials, createTokenSource, type TokenSource } from './token.js';

export type { BankAnswer } from '../domain/bank-answer.js';
export type { StatusReading } from './customers.js';
export { noAnswer, withoutToken } from './customers.js';
export type { BankToken } from './token.js';

export interface UpstreamSettings {
  readonly baseUrl: string;
  readonly unlockPath: string;
  readonly statusPath: string;
  readonly statusFlagsField: string;
  /** Flags that may stand in a status besides those that mean something to us. */
  readonly knownFlags?: readonly string[];
  readonly classificationOverrides: readonly ClassificationRule[];
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly institutionId: string;
  readonly customerIdPattern: RegExp;
  /** For one call, from connecting to the last byte. */
  readonly timeoutMs: number;
  readonly outbound: OutboundPolicy;
  /** Whether the bank is told of the trace that a call belongs to; false by default. */
  readonly tellsTrace?: boolean;
  readonly observer?: Observer;
}

/**
 * The bank, as the worker sees it. Each institution has credentials, connections and limits of its own; calls that name one which is not
 * served reject with `UnknownInstitutionError`.
 */
export interface Upstream extends Customers {
  /** A token for the institution's next PUT. */
  token(institutionId: string): ReturnType<TokenSource['get']>;
  /** The longest that one call may take, in milliseconds. */
  readonly timeoutMs: number;
  close(): Promise<void>;
}

const CONNECT_TIMEOUT_MS = 5_000;

/**
 * The bank of one institution.
 * @throws TypeError where a URL or a path template cannot be used
 */
export function createUpstream(settings: UpstreamSettings): Upstream {
  const dispatcher = createOutbound({
    policy: settings.outbound,
    urls: [settings.baseUrl, settings.tokenUrl],
    connectTimeoutMs: Math.min(CONNECT_TIMEOUT_MS, settings.timeoutMs),
  });
  const { observer = silentObserver, tellsTrace = false } = settings;
  const tokens = createTokenSource({ ...settings, tellsTrace, observer }, dispatcher);
  const customers = createCustomers({
    dispatcher,
    tokens,
    unlockUrl: createCustomerUrl(settings.baseUrl, settings.unlockPath, settings.customerIdPattern),
    statusUrl: createCustomerUrl(settings.baseUrl, settings.statusPath, settings.customerIdPattern),
    templates: { PUT: templateBelow(settings.baseUrl, settings.unlockPath), GET: templateBelow(settings.baseUrl, settings.statusPath) },
    statusFlagsField: settings.statusFlagsField,
    harmlessFlags: new Set(settings.knownFlags),
    classify: createClassifier(settings.classificationOverrides),
    knownCodes: namedCodes(settings.classificationOverrides),
    institutionId: settings.institutionId,
    secrets: [basicCredentials(settings), settings.clientSecret],
    timeoutMs: settings.timeoutMs,
    tellsTrace,
    observer,
  });
  const own = (institutionId: string): void => {
    if (institutionId !== settings.institutionId) throw new UnknownInstitutionError();
  };
  return {
    async token(institutionId) {
      own(institutionId);
      return tokens.get();
    },
    async readLockStatus(call) {
      own(call.institutionId);
      return customers.readLockStatus(call);
    },
    async unlock(call, token) {
      own(call.institutionId);
      return customers.unlock(call, token);
    },
    timeoutMs: settings.timeoutMs,
    close: () => dispatcher.destroy(),
  };
}
