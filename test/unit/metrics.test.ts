import { describe, expect, it, jest } from '@jest/globals';
import { attemptResults } from '../../src/domain/attempt.js';
import { auditActions } from '../../src/domain/audit-event.js';
import { auditWriteResults, bankEndpoints, reconcilerFindings } from '../../src/domain/observer.js';
import { outcomes } from '../../src/domain/outcome.js';
import { createMetrics, type Metrics } from '../../src/metrics/index.js';
import { parseExposition } from '../support/prometheus.js';

async function valuesOf(metrics: Metrics, name: string): Promise<Record<string, number>> {
  const samples = parseExposition(await metrics.text()).filter((sample) => sample.name === name);
  return Object.fromEntries(samples.map(({ labels, value }) => [Object.values(labels).join(' '), value]));
}

const everything = ({ observer }: Metrics): void => {
  for (const result of attemptResults) observer.attemptFinished(result);
  for (const outcome of outcomes) observer.requestCompleted(outcome);
  for (const finding of reconcilerFindings) observer.reconcilerFound(finding);
  observer.requestsRunning({ count: 2, oldestMs: 1_000, overdueMs: 0 });
  for (const endpoint of bankEndpoints) {
    for (let answer = 100; answer < 600; answer += 1) observer.bankCalled({ endpoint, answer, durationMs: answer });
    for (const answer of ['not_sent', 'no_answer'] as const) observer.bankCalled({ endpoint, answer, durationMs: 0 });
  }
  for (const action of auditActions) for (const result of auditWriteResults) observer.auditWritten({ action, result, durationMs: 3 });
};

describe('the metrics of a process', () => {
  it('tell of each outcome, result and finding from the start, as zero', async () => {
    const metrics = createMetrics({ ofProcess: false });
    const zeros = (names: readonly string[]) => Object.fromEntries(names.map((name) => [name, 0]));
    expect(await valuesOf(metrics, 'latchkey_unlock_requests_completed_total')).toEqual(zeros(outcomes));
    expect(await valuesOf(metrics, 'latchkey_unlock_attempts_total')).toEqual(zeros(attemptResults));
    expect(await valuesOf(metrics, 'latchkey_reconciler_findings_total')).toEqual(zeros(reconcilerFindings));
    expect(await valuesOf(metrics, 'latchkey_bank_call_duration_seconds_count')).toMatchObject({ 'unlock 2xx': 0, 'token no_answer': 0 });
  });

  it('count what they are told, in seconds', async () => {
    const metrics = createMetrics({ ofProcess: false });
    metrics.observer.requestCompleted('unlocked');
    metrics.observer.requestCompleted('unlocked');
    metrics.observer.bankCalled({ endpoint: 'unlock', answer: 503, durationMs: 1_250 });
    metrics.observer.auditWritten({ action: 'customer.unlock.completed', result: 'written', durationMs: 4 });
    expect(await valuesOf(metrics, 'latchkey_unlock_requests_completed_total')).toMatchObject({ unlocked: 2, failed: 0 });
    expect(await valuesOf(metrics, 'latchkey_bank_call_duration_seconds_sum')).toMatchObject({ 'unlock 5xx': 1.25 });
    expect(await valuesOf(metrics, 'latchkey_audit_write_duration_seconds_sum')).toMatchObject({
      'customer.unlock.completed written': 0.004,
      'customer.unlock.completed failed': 0,
    });
  });

  it('tell how many requests are running and since when, once somebody has looked and for some minutes', async () => {
    const metrics = createMetrics({ ofProcess: false });
    const names = ['latchkey_requests_running', 'latchkey_oldest_running_request_seconds', 'latchkey_running_request_overdue_seconds'];
    const told = async () => {
      const samples = parseExposition(await metrics.text());
      return names.flatMap((wanted) => samples.filter(({ name }) => name === wanted).map(({ value }) => value));
    };
    const now = jest.spyOn(performance, 'now');
    try {
      expect(await told()).toEqual([]);
      metrics.observer.requestsRunning({ count: 3, oldestMs: 90_000, overdueMs: 1_500 });
      expect(await told()).toEqual([3, 90, 1.5]);
      now.mockImplementation(() => Number.MAX_SAFE_INTEGER);
      expect(await told()).toEqual([]);
      now.mockRestore();
      metrics.observer.requestsRunning({ count: 0, oldestMs: 0, overdueMs: 0 });
      expect(await told()).toEqual([0, 0, 0]);
    } finally {
      now.mockRestore();
    }
  });

  it('tell how the seal of the audit log fares', async () => {
    const metrics = createMetrics({ ofProcess: false });
    metrics.observer.auditSealed({ rows: 3, lagMs: 0 });
    metrics.observer.auditSealed({ rows: 2, lagMs: 1_500 });
    metrics.observer.checkpointPublished();
    metrics.observer.sealBroken();
    const told = parseExposition(await metrics.text());
    const valueOf = (name: string) => told.find((sample) => sample.name === name)?.value;
    expect(valueOf('latchkey_audit_sealed_rows_total')).toBe(5);
    expect(valueOf('latchkey_audit_sealing_lag_seconds')).toBe(1.5);
    expect(valueOf('latchkey_audit_checkpoints_published_total')).toBe(1);
    expect(valueOf('latchkey_audit_seal_broken_total')).toBe(1);
    expect(valueOf('latchkey_audit_last_sealing_timestamp_seconds')).toBeGreaterThan(1_700_000_000);
  });

  it('can be read by the rules of the format, and are named and bounded as they should be, whatever they were told', async () => {
    const metrics = createMetrics({ ofProcess: true });
    everything(metrics);
    const samples = parseExposition(await metrics.text());
    const ours = samples.filter(({ name }) => name.startsWith('latchkey_'));
    const names = [...new Set(ours.map(({ name }) => name))];
    expect(
      names.filter((name) => !/(_total|_seconds_(bucket|sum|count)|_(lag|timestamp|request|overdue)_seconds|_running)$/.test(name)),
    ).toEqual([]);
    const calls = ours.filter(({ name }) => name === 'latchkey_bank_call_duration_seconds_count');
    expect(calls).toHaveLength(bankEndpoints.length * 7);
    expect(ours.length).toBeLessThan(1_900);
    expect(samples.map(({ name }) => name)).toEqual(expect.arrayContaining(['process_cpu_seconds_total', 'process_resident_memory_bytes']));
  });

  it('are those of one registry alone: two share nothing', async () => {
    const [one, other] = [createMetrics({ ofProcess: false }), createMetrics({ ofProcess: false })];
    everything(one);
    expect(await valuesOf(other, 'latchkey_unlock_attempts_total')).toEqual(Object.fromEntries(attemptResults.map((each) => [each, 0])));
  });
});
