import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const { default: config } = (await import(new URL('../../.dependency-cruiser.mjs', import.meta.url).href)) as {
  default: { forbidden: { name: string }[] };
};
const root = fileURLToPath(new URL('../..', import.meta.url));

/** For each rule the room in which it is broken, and by what. */
const offenders: Readonly<Record<string, readonly [room: string, text: string]>> = {
  'domain-imports-only-its-table': ['src/domain', "import '../audit/target.js';"],
  'workflows-imports-only-its-table': ['workflows', "import '../src/upstream/target.js';"],
  'workflows-imports-types-only': ['workflows', "import { target } from '../src/domain/target.js'; target;"],
  'activities-imports-only-its-table': ['activities', "import '../src/http/target.js';"],
  'proof-imports-only-its-table': ['src/proof', "import '../domain/target.js';"],
  'publication-imports-only-its-table': ['src/publication', "import '../audit/target.js';"],
  'outbound-imports-only-its-table': ['src/outbound', "import '../upstream/target.js';"],
  'webhooks-imports-only-its-table': ['src/webhooks', "import '../audit/target.js';"],
  'upstream-imports-only-its-table': ['src/upstream', "import '../audit/target.js';"],
  'audit-imports-only-its-table': ['src/audit', "import '../upstream/target.js';"],
  'temporal-imports-only-its-table': ['src/temporal', "import '../audit/target.js';"],
  'temporal-imports-types-only': ['src/temporal', "import { target } from '../../workflows/target.js'; target;"],
  'http-imports-only-its-table': ['src/http', "import '../upstream/target.js';"],
  'http-imports-types-only': ['src/http', "import { target } from '../outbound/target.js'; target;"],
  'tracing-imports-only-its-table': ['src/tracing', "import '../audit/target.js';"],
  'tracing-imports-types-only': ['src/tracing', "import { target } from '../temporal/tracing.js'; target;"],
  'web-imports-only-its-table': ['src/web', "import '../audit/target.js';"],
  'web-imports-types-only': ['src/web', "import { target } from '../outbound/target.js'; target;"],
  'metrics-imports-only-its-table': ['src/metrics', "import '../audit/target.js';"],
  'sandbox-imports-only-its-table': ['src/sandbox', "import '../audit/target.js';"],
  'evidence-imports-only-its-table': ['src/evidence', "import '../audit/target.js';"],
  'local-imports-only-its-table': ['src/local', "import '../temporal/target.js';"],
  'config-imports-only-its-table': ['src/config.ts', "import './audit/target.js';"],
  'domain-knows-no-node': ['src/domain', "import 'node:fs';"],
  'workflows-know-only-temporal': ['workflows', "import 'node:fs';"],
  'activities-know-no-other-temporal': ['activities', "import '@temporalio/client';"],
  'upstream-and-audit-know-no-temporal': ['src/upstream', "import '@temporalio/common';"],
  'one-way-out': ['src/upstream', "import 'undici';"],
  'nobody-imports-cli': ['src/http', "import '../cli/target.js';"],
  'embedded-parts-load-lazily': ['src/cli', "import '../local/target.js';"],
  'tracing-loads-lazily': ['src/cli', "import '../tracing/target.js';"],
  'sdk-of-opentelemetry-in-tracing-alone': ['src/http', "import '@opentelemetry/sdk-trace-base';"],
  'spans-are-made-at-the-doors': ['src/audit', "import '@opentelemetry/api';"],
  'product-needs-no-dev-package': ['src/http', "import 'fast-check';"],
  'no-circles': ['src/audit', "import './circle.js';"],
  'nothing-unresolved': ['src/http', "import './nowhere.js';"],
};
const targets = [
  'src/domain',
  'src/audit',
  'src/outbound',
  'src/upstream',
  'src/http',
  'src/temporal',
  'src/tracing',
  'src/local',
  'src/cli',
  'workflows',
];

const fileOf = (rule: string, room: string): string => (room.endsWith('.ts') ? room : `${room}/${rule}.ts`);

let tree: string;
let violations: string;
beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), 'latchkey-test-imports-'));
  for (const file of ['package.json', 'tsconfig.json', 'node_modules', '.dependency-cruiser.mjs'])
    symlinkSync(join(root, file), join(tree, file));
  for (const room of [...targets, 'activities']) put(`${room}/target.ts`, 'export const target = 1;');
  put('src/temporal/tracing.ts', 'export const target = 1;');
  put('src/audit/circle.ts', "import './no-circles.js';");
  for (const [rule, [room, text]] of Object.entries(offenders)) put(fileOf(rule, room), text);
  violations = cruise(tree);
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

function put(file: string, text: string): void {
  mkdirSync(dirname(join(tree, file)), { recursive: true });
  writeFileSync(join(tree, file), `${text}\n`);
}

function cruise(folder: string): string {
  const { stdout, stderr } = spawnSync(
    process.execPath,
    [
      join(root, 'node_modules/dependency-cruiser/bin/dependency-cruise.mjs'),
      '--config',
      '.dependency-cruiser.mjs',
      'src',
      'workflows',
      'activities',
    ],
    { cwd: folder, encoding: 'utf8' },
  );
  return stdout + stderr;
}

describe('the import table', () => {
  it('has an offender for every rule', () => {
    expect(Object.keys(offenders).sort()).toEqual(config.forbidden.map(({ name }) => name).sort());
  });

  it.each(Object.entries(offenders))('%s bites', (rule, [room]) => {
    const first = rule === 'no-circles' ? 'src/audit/' : fileOf(rule, room);
    expect(violations).toContain(`error ${rule}: ${first}`);
  });

  it('is kept by the product', () => {
    expect(cruise(root)).toContain('no dependency violations found');
  });
});
