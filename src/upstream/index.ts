import { Agent } from 'undici';
import { createClassifier, type ClassificationRule } from '../domain/classification.js';
import { silentObserver, type Observer } from '../domain/observer.js';
import { createCustomerUrl } from './customer-url.js';
import { createCustomers, type Customers } from './customers.js';
import { createTokenSource, type TokenSource } from './token.js';

export type { BankAnswer } from '../domain/bank-answer.js';
export type { StatusReading } from './customers.js';
export { noAnswer, withoutToken } from './customers.js';

export interface UpstreamSettings {
  readonly baseUrl: string;
  readonly unlockPath: string;
  readonly statusPath: string;
  readonly statusFlagsField: string;
  readonly classificationOverrides: readonly ClassificationRule[];
  readonly tokenUrl: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly institutionId: string;
  readonly customerIdPattern: RegExp;
  /** For one call, from connecting to the last byte. */
  readonly timeoutMs: number;
  /** PEM of a private certificate authority; null: the system's. */
  readonly ca: string | null;
  readonly observer?: Observer;
}

/** The bank, as the worker sees it. */
export interface Upstream extends Customers {
  /** A token for the next PUT. */
  token: TokenSource['get'];
  /** The longest that one call may take, in milliseconds. */
  readonly timeoutMs: number;
  close(): Promise<void>;
}

/** @throws TypeError where a URL or a path template cannot be used */
export function createUpstream(settings: UpstreamSettings): Upstream {
  const dispatcher = new Agent({
    connections: 512,
    pipelining: 1,
    connect: { timeout: Math.min(5_000, settings.timeoutMs), ...(settings.ca === null ? {} : { ca: settings.ca }) },
  });
  const { observer = silentObserver } = settings;
  const tokens = createTokenSource({ ...settings, observer }, dispatcher);
  const customers = createCustomers({
    dispatcher,
    tokens,
    unlockUrl: createCustomerUrl(settings.baseUrl, settings.unlockPath, settings.customerIdPattern),
    statusUrl: createCustomerUrl(settings.baseUrl, settings.statusPath, settings.customerIdPattern),
    statusFlagsField: settings.statusFlagsField,
    classify: createClassifier(settings.classificationOverrides),
    institutionId: settings.institutionId,
    timeoutMs: settings.timeoutMs,
    observer,
  });
  return { ...customers, token: () => tokens.get(), timeoutMs: settings.timeoutMs, close: () => dispatcher.destroy() };
}
