import type { Logger } from 'pino';
import type { Observer } from '../domain/observer.js';

/** A bank that makes up its codes must not fill the log, nor the memory. */
const TOLD_AT_MOST = 200;

/** Besides counting, says in the log in what the bank has become otherwise: each thing once in a process. */
export function tellingDrift(observer: Observer, log: Pick<Logger, 'warn'>): Observer {
  const told = new Set<string>();
  return {
    ...observer,
    bankDrifted(endpoint, drift) {
      observer.bankDrifted(endpoint, drift);
      const key = `${endpoint} ${drift.kind} ${drift.what}`;
      if (told.has(key) || told.size >= TOLD_AT_MOST) return;
      told.add(key);
      log.warn({ endpoint, drift: drift.kind, what: drift.what }, 'the bank answers otherwise than is known of it');
    },
  };
}
