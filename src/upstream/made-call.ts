import type { BankCallMade, BankEndpoint } from '../domain/observer.js';
import type { Exchange } from '../outbound/index.js';

/** An exchange, as the observer hears of it. */
export function madeCall(endpoint: BankEndpoint, got: Exchange): BankCallMade {
  return { endpoint, answer: got.kind === 'answered' ? got.httpStatus : got.kind, durationMs: got.durationMs };
}
