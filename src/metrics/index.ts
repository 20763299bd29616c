import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { approvalEvents } from '../domain/approval.js';
import { attemptResults } from '../domain/attempt.js';
import { auditActions } from '../domain/audit-event.js';
import { notificationResults } from '../domain/notification.js';
import { bankEndpoints, denialRecords, reconcilerFindings, type BankCallMade, type Observer } from '../domain/observer.js';
import { driftKinds } from '../domain/bank-drift.js';
import { outOfBandOperations } from '../domain/out-of-band.js';
import { outcomes } from '../domain/outcome.js';
import { createFadingGauge } from './fading-gauge.js';

/** What one process tells of its work, in Prometheus' text format. */
export interface Metrics {
  /** Counts what the parts tell. */
  readonly observer: Observer;
  readonly contentType: string;
  text(): Promise<string>;
}

// A bank answers in tens of milliseconds to seconds; beyond the default UPSTREAM_TIMEOUT_MS (10 s) nothing is waited for.
const BANK_BUCKETS_SECONDS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
// A row takes some milliseconds; a statement is given up after 5 s, and a connection after 3 s.
// From a look into the log to the longest wait that a caller may ask for.
const HTTP_BUCKETS_SECONDS = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
const AUDIT_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/**
 * A registry of its own: two in one process share nothing but, with `ofProcess`, the process that they tell of.
 * Names and units follow Prometheus' conventions; every label has a bounded set of values.
 * @param ofProcess also CPU, memory, event loop and garbage collection; these are watched until the process ends
 */
export function createMetrics({ ofProcess }: { readonly ofProcess: boolean }): Metrics {
  const registry = new Registry();
  const registers = [registry];
  if (ofProcess) collectDefaultMetrics({ register: registry });

  const answers = new Histogram({
    name: 'latchkey_http_request_duration_seconds',
    help: 'Requests that the front door answered, by route pattern; one whose caller hung up counts with the status that it would have had.',
    labelNames: ['method', 'route', 'status_class'],
    buckets: HTTP_BUCKETS_SECONDS,
    registers,
  });
  const completed = new Counter({
    name: 'latchkey_unlock_requests_completed_total',
    help: 'Unlock requests whose outcome this process committed to the audit log.',
    labelNames: ['outcome'],
    registers,
  });
  const attempts = new Counter({
    name: 'latchkey_unlock_attempts_total',
    help: 'Attempts whose result this process committed to the audit log.',
    labelNames: ['result'],
    registers,
  });
  const bankCalls = new Histogram({
    name: 'latchkey_bank_call_duration_seconds',
    help: 'Calls to the bank, from connecting to the last byte; a call that was not answered counts as no_answer, or not_sent.',
    labelNames: ['endpoint', 'status_class'],
    buckets: BANK_BUCKETS_SECONDS,
    registers,
  });
  const auditWrites = new Histogram({
    name: 'latchkey_audit_write_duration_seconds',
    help: 'Writes to the audit log, waiting for a connection included; after a failed one it is not known whether the row was written.',
    labelNames: ['action', 'result'],
    buckets: AUDIT_BUCKETS_SECONDS,
    registers,
  });
  const findings = new Counter({
    name: 'latchkey_reconciler_findings_total',
    help: 'What the reconciler found, by kind.',
    labelNames: ['finding'],
    registers,
  });
  const denied = new Counter({
    name: 'latchkey_access_denied_total',
    help: 'Requests refused as 401 or 403 where that is recorded, by how it went on record.',
    labelNames: ['status', 'record'],
    registers,
  });
  const drift = new Counter({
    name: 'latchkey_bank_drift_total',
    help: 'Answers of the bank that were otherwise than they are known to be, by endpoint and kind; which code or flag stands in the log and in the audit rows.',
    labelNames: ['endpoint', 'kind'],
    registers,
  });
  const outOfBand = new Counter({
    name: 'latchkey_out_of_band_operations_total',
    help: 'What was done to unlock workflows directly in Temporal, by operation, as it was noticed.',
    labelNames: ['operation'],
    registers,
  });
  const approvals = new Counter({
    name: 'latchkey_approvals_total',
    help: 'Unlocks that had to wait for a second person, by what became of it; required: began to wait.',
    labelNames: ['event'],
    registers,
  });
  const relocks = new Counter({
    name: 'latchkey_relock_checks_total',
    help: 'Customers looked after some time after an unlock, by what was found; locked: again.',
    labelNames: ['lock_status'],
    registers,
  });
  const deliveries = new Counter({
    name: 'latchkey_webhook_deliveries_total',
    help: 'Callers told that their requests have ended, by how that ended; failed: tries in vain that are followed by another one.',
    labelNames: ['result'],
    registers,
  });
  const sealedRows = new Counter({
    name: 'latchkey_audit_sealed_rows_total',
    help: 'Audit rows that this process sealed.',
    registers,
  });
  const sealingLag = new Gauge({
    name: 'latchkey_audit_sealing_lag_seconds',
    help: 'Age of the oldest audit row that a transaction under way kept from being sealed, when the sealer last looked; 0 where there is none.',
    registers,
  });
  const lastSealing = new Gauge({
    name: 'latchkey_audit_last_sealing_timestamp_seconds',
    help: 'When the sealer of this process last looked for rows to seal, whether there were any or not.',
    registers,
  });
  const checkpoints = new Counter({
    name: 'latchkey_audit_checkpoints_published_total',
    help: 'Checkpoints of the audit log that this process signed and published.',
    registers,
  });
  const brokenSeals = new Counter({
    name: 'latchkey_audit_seal_broken_total',
    help: 'Runs of the sealer that ended because the database does not hold the log that was published.',
    registers,
  });

  const running = createFadingGauge({
    name: 'latchkey_requests_running',
    help: 'Unlock requests that had begun and not ended when the reconciler last looked.',
    registers,
  });
  const oldestRunning = createFadingGauge({
    name: 'latchkey_oldest_running_request_seconds',
    help: 'Age of the oldest unlock request that was running when the reconciler last looked; 0 where there was none.',
    registers,
  });
  const overdue = createFadingGauge({
    name: 'latchkey_running_request_overdue_seconds',
    help: 'How long the first deadline of a running unlock request had passed when the reconciler last looked; 0 where none had.',
    registers,
  });

  // A series that begins with its first event hides that event from rate() and from alarms.
  for (const outcome of outcomes) completed.inc({ outcome }, 0);
  for (const result of attemptResults) attempts.inc({ result }, 0);
  for (const finding of reconcilerFindings) findings.inc({ finding }, 0);
  for (const event of approvalEvents) approvals.inc({ event }, 0);
  for (const lock_status of ['locked', 'not_locked', 'unknown']) relocks.inc({ lock_status }, 0);
  for (const result of [...notificationResults, 'failed']) deliveries.inc({ result }, 0);
  for (const operation of outOfBandOperations) outOfBand.inc({ operation }, 0);
  for (const endpoint of ['unlock', 'status']) for (const kind of driftKinds) drift.inc({ endpoint, kind }, 0);
  for (const action of auditActions) auditWrites.zero({ action, result: 'failed' });
  for (const status of [401, 403]) for (const record of denialRecords) denied.inc({ status, record }, 0);
  for (const endpoint of bankEndpoints) for (const status_class of usualAnswers) bankCalls.zero({ endpoint, status_class });

  return {
    observer: {
      requestAnswered: ({ method, route, httpStatus, durationMs }) =>
        answers.observe(
          { method: usualMethods.has(method) ? method : 'other', route, status_class: statusClass(httpStatus) },
          durationMs / 1000,
        ),
      attemptFinished: (result) => attempts.inc({ result }),
      requestCompleted: (outcome) => completed.inc({ outcome }),
      bankCalled: ({ endpoint, answer, durationMs }) =>
        bankCalls.observe({ endpoint, status_class: statusClass(answer) }, durationMs / 1000),
      auditWritten: ({ action, result, durationMs }) => auditWrites.observe({ action, result }, durationMs / 1000),
      reconcilerFound: (finding) => findings.inc({ finding }),
      requestsRunning: ({ count, oldestMs, overdueMs }) => {
        running.set(count);
        oldestRunning.set(oldestMs / 1000);
        overdue.set(overdueMs / 1000);
      },
      bankDrifted: (endpoint, { kind }) => drift.inc({ endpoint, kind }),
      approvalChanged: (event) => approvals.inc({ event }),
      relockChecked: (found) => relocks.inc({ lock_status: found }),
      tellingCallerFailed: () => deliveries.inc({ result: 'failed' }),
      callerTold: (result) => deliveries.inc({ result }),
      operatedOutOfBand: (operation) => outOfBand.inc({ operation }),
      accessDenied: ({ httpStatus, record }) => denied.inc({ status: httpStatus, record }),
      auditSealed: ({ rows, lagMs }) => {
        sealedRows.inc(rows);
        sealingLag.set(lagMs / 1000);
        lastSealing.setToCurrentTime();
      },
      checkpointPublished: () => checkpoints.inc(),
      sealBroken: () => brokenSeals.inc(),
    },
    contentType: registry.contentType,
    text: () => registry.metrics(),
  };
}

/** Callers may make methods up; routes are ours. */
const usualMethods = new Set(['GET', 'HEAD', 'POST', 'PUT']);
const usualAnswers = ['2xx', '4xx', '5xx', 'no_answer', 'not_sent'] as const;

/** A bank that makes statuses up must not make series up. */
function statusClass(answer: BankCallMade['answer']): string {
  return typeof answer === 'number' ? `${Math.floor(answer / 100)}xx` : answer;
}
