import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { createClosers } from '../../src/cli/closers.js';
import { stopTimes, stopWithin } from '../../src/cli/stopping.js';
import { ConfigError, loadConfig } from '../../src/config.js';

describe('the time of a stop', () => {
  it('is shared out so that a call to the bank that began at the last moment still fits in', () => {
    expect(stopTimes(loadConfig({}, 'up'))).toEqual({ delayMs: 0, drainMs: 10_000, graceMs: 35_000 });
    expect(stopTimes(loadConfig({ SHUTDOWN_LIMIT_MS: '25000' }, 'up'))).toEqual({ delayMs: 0, drainMs: 8_333, graceMs: 1_667 });
    expect(stopTimes(loadConfig({ SHUTDOWN_LIMIT_MS: '12000' }, 'up'))).toEqual({ delayMs: 0, drainMs: 4_000, graceMs: 0 });
  });

  it('is never more than the limit, whatever is set', () => {
    const ms = fc.integer({ min: 1, max: 604_800_000 });
    fc.assert(
      fc.property(ms, ms, ms, (SHUTDOWN_LIMIT_MS, SHUTDOWN_DELAY_MS, UPSTREAM_TIMEOUT_MS) => {
        fc.pre(SHUTDOWN_LIMIT_MS > SHUTDOWN_DELAY_MS + UPSTREAM_TIMEOUT_MS);
        const { delayMs, drainMs, graceMs } = stopTimes({ SHUTDOWN_LIMIT_MS, SHUTDOWN_DELAY_MS, UPSTREAM_TIMEOUT_MS });
        expect(Math.min(delayMs, drainMs, graceMs)).toBeGreaterThanOrEqual(0);
        expect(delayMs + drainMs).toBeLessThanOrEqual(SHUTDOWN_LIMIT_MS);
        expect(graceMs === 0 || delayMs + drainMs + graceMs + UPSTREAM_TIMEOUT_MS + 5_000 <= SHUTDOWN_LIMIT_MS).toBe(true);
      }),
    );
  });

  it('must be longer than what load balancers and one call to the bank take', () => {
    const faults = (variables: Record<string, string>) => {
      try {
        loadConfig(variables, 'up');
        return [];
      } catch (error) {
        return error instanceof ConfigError ? error.faults : [error];
      }
    };
    const fault = 'SHUTDOWN_LIMIT_MS must be longer than SHUTDOWN_DELAY_MS and UPSTREAM_TIMEOUT_MS together';
    expect(faults({ SHUTDOWN_LIMIT_MS: '10000' })).toEqual([fault]);
    expect(faults({ SHUTDOWN_LIMIT_MS: '15000', SHUTDOWN_DELAY_MS: '5000' })).toEqual([fault]);
    expect(faults({ UPSTREAM_TIMEOUT_MS: '60000' })).toEqual([fault]);
    expect(faults({ SHUTDOWN_LIMIT_MS: '15001', SHUTDOWN_DELAY_MS: '5000' })).toEqual([]);
  });
});

describe('a stop', () => {
  it('is over as soon as everything has stopped', async () => {
    const closers = createClosers(() => undefined);
    let stopped = false;
    closers.add(
      'quick',
      async () => void (stopped = true),
      () => expect(stopped).toBe(true),
    );
    await stopWithin(closers, 60_000);
    expect(stopped).toBe(true);
  });

  it('fails where something hangs, and kills what would outlive the process', async () => {
    const closers = createClosers(() => undefined);
    const killed: string[] = [];
    closers.add(
      'server',
      async () => undefined,
      () => killed.push('server'),
    );
    closers.add('hanging', () => new Promise(() => undefined));
    await expect(stopWithin(closers, 20)).rejects.toThrow('stopping took longer than 20 ms');
    expect(killed).toEqual(['server']);
  });
});
