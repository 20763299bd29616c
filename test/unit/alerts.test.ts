import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { z } from 'zod';
import { createMetrics } from '../../src/metrics/index.js';
import { parseExposition } from '../support/prometheus.js';

const folder = fileURLToPath(new URL('../../ops/', import.meta.url));
const read = (path: string): string => readFileSync(fileURLToPath(new URL(`../../${path}`, import.meta.url)), 'utf8');

const { groups } = z
  .object({
    groups: z.array(
      z.object({
        rules: z.array(
          z.object({
            alert: z.string(),
            expr: z.string(),
            labels: z.object({ severity: z.enum(['warning', 'critical']) }),
            annotations: z.object({ summary: z.string(), runbook: z.string() }),
          }),
        ),
      }),
    ),
  })
  .parse(parse(read('ops/alerts.yml')));
const rules = groups.flatMap((group) => group.rules);

const { tests } = z
  .object({
    tests: z.array(z.object({ alert_rule_test: z.array(z.object({ alertname: z.string(), exp_alerts: z.array(z.unknown()) })) })),
  })
  .parse(parse(read('ops/alerts.test.yml')));
const cases = tests.flatMap(({ alert_rule_test: tried }) => tried);

const dashboard = z.object({ panels: z.array(z.object({ targets: z.array(z.object({ expr: z.string() })).default([]) })) });

const promtool = spawnSync('promtool', ['--version']).status === 0;
const withPromtool = promtool ? it : it.skip;

describe('the alert rules', () => {
  let series: ReadonlyMap<string, ReadonlySet<string>>;
  beforeAll(async () => {
    const metrics = createMetrics({ ofProcess: false });
    metrics.observer.requestAnswered({ method: 'GET', route: '/v1/unlocks', httpStatus: 200, durationMs: 1 });
    metrics.observer.requestsRunning({ count: 1, oldestMs: 1, overdueMs: 0 });
    metrics.observer.auditWritten({ action: 'audit.viewed', result: 'failed', durationMs: 1 });
    const found = new Map<string, Set<string>>();
    for (const { name, labels } of parseExposition(await metrics.text())) {
      const known = found.get(name) ?? new Set();
      for (const label of Object.keys(labels)) known.add(label);
      found.set(name, known);
    }
    series = found;
  });

  function expectToBeKnown(expr: string): void {
    for (const [, name = '', matchers = ''] of expr.matchAll(/\b(latchkey_\w+)(?:\{([^}]*)\})?/g)) {
      expect([...series.keys()]).toContain(name);
      for (const [, label] of matchers.matchAll(/(\w+)\s*[=!]/g)) expect([...(series.get(name) ?? [])]).toContain(label);
    }
  }

  it.each(rules)('$alert asks for metrics and labels that there are', ({ expr }) => expectToBeKnown(expr));

  it('and so does the dashboard, which shows every metric of ours', () => {
    const { panels } = dashboard.parse(JSON.parse(read('ops/grafana-dashboard.json')));
    const expressions = panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
    expressions.forEach(expectToBeKnown);
    const shown = expressions.join('\n');
    const families = new Set([...series.keys()].map((name) => name.replace(/_(bucket|count|sum)$/, '')));
    // Rates of what the sealer does say less than how far it is behind.
    const quiet = ['latchkey_audit_sealed_rows_total', 'latchkey_audit_checkpoints_published_total'];
    expect([...families].filter((name) => !shown.includes(name))).toEqual(quiet);
  });

  it.each(rules)('$alert has a section in the runbook, and is tried where it fires and where it is silent', ({ alert, annotations }) => {
    expect(annotations.runbook).toBe(`docs/runbook.md#${alert.toLowerCase()}`);
    expect(read('docs/runbook.md').match(new RegExp(`^## ${alert}$`, 'gm'))).toHaveLength(1);
    const tried = cases.filter(({ alertname }) => alertname === alert).map(({ exp_alerts: expected }) => expected.length > 0);
    expect(new Set(tried)).toEqual(new Set([true, false]));
  });

  it('are all that the runbook knows', () => {
    const sections = [...read('docs/runbook.md').matchAll(/^## (\S+)$/gm)].map(([, name]) => name);
    expect(sections.toSorted()).toEqual(rules.map(({ alert }) => alert).toSorted());
  });

  it("are tried with Prometheus' own tool in CI (Debian: apt-get install prometheus)", () => {
    expect({ inCi: process.env.CI === 'true', promtool }).not.toEqual({ inCi: true, promtool: false });
  });

  withPromtool('pass their tests', () => {
    const { status, stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'alerts.test.yml'], { cwd: folder, encoding: 'utf8' });
    expect([status, stdout + stderr]).toEqual([0, expect.stringContaining('SUCCESS')]);
  });

  withPromtool.each([
    ['never fires', 'vector(1) > 2'],
    ['always fires', 'vector(1)'],
  ])('have tests that find each rule that %s', (_what, expression) => {
    const folderOfAll = mkdtempSync(join(tmpdir(), 'latchkey-test-alerts-'));
    const changed = read('ops/alerts.yml').replace(/(\n +expr: )(?:.|\n)*?(\n +(?:for|labels):)/g, `$1${expression}$2`);
    expect(changed.split(expression)).toHaveLength(rules.length + 1);
    writeFileSync(join(folderOfAll, 'alerts.yml'), changed);
    writeFileSync(join(folderOfAll, 'alerts.test.yml'), read('ops/alerts.test.yml'));
    const { stdout, stderr } = spawnSync('promtool', ['test', 'rules', 'alerts.test.yml'], { cwd: folderOfAll, encoding: 'utf8' });
    rmSync(folderOfAll, { recursive: true });
    const found = new Set([...(stdout + stderr).matchAll(/alertname: ?(\w+)/g)].map(([, name]) => name));
    expect(rules.map(({ alert }) => alert).filter((alert) => !found.has(alert))).toEqual([]);
  });
});
