import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { loadConfig, settings, type Part } from '../../src/config.js';
import { institutionsOf } from '../../src/institutions.js';
import { fileTwin, secretSettings } from '../../src/secret-files.js';
import { readCompose, readRepositoryFile, serviceOf } from '../support/compose-file.js';
import { composeVariables } from '../support/compose-variables.js';

const compose = readCompose(composeVariables);
const services = Object.entries(compose.services);
const ours = {
  api: 'api',
  worker: 'worker',
  sealer: 'sealer',
  codec: 'codec',
  migrate: 'migrate',
  'temporal-setup': 'temporal',
  sandbox: 'sandbox',
} as const satisfies Record<string, Part>;
const ourServices = Object.entries(ours);
const { version } = JSON.parse(readRepositoryFile('package.json')) as { version: string };
const seconds = (duration = '10s'): number => Number(/^\d+/.exec(duration)?.[0]) * (duration.endsWith('m') ? 60 : 1);
const envOf = (name: string): Record<string, string> => serviceOf(compose, name).environment;

describe('each of our services', () => {
  it('runs our image, of the version of the package', () => {
    const images = services.filter(([, { build }]) => build !== undefined).map(([name, { image, build }]) => [name, image, build?.target]);
    expect(images.toSorted()).toEqual(
      ourServices
        .map(([name]) =>
          name === 'sandbox' ? [name, `latchkey-sandbox:${version}`, 'sandbox'] : [name, `latchkey:${version}`, 'production'],
        )
        .toSorted(),
    );
  });

  it.each(ourServices)('%s gets settings that the code knows and takes', (name, part) => {
    const known = [...Object.keys(settings.shape), ...secretSettings.map(fileTwin), 'NODE_EXTRA_CA_CERTS'];
    expect(Object.keys(envOf(name)).filter((variable) => !known.includes(variable))).toEqual([]);
    expect(() => loadConfig(envOf(name), part, 1000)).not.toThrow();
  });

  it.each(ourServices)('%s runs with the defaults of the code where the operator says nothing', (name, part) => {
    const environment = { ...envOf(name), HOST: '' };
    const told = Object.values(composeVariables).concat('production', 'development', 'temporal:7233');
    const asTold = Object.entries(environment).filter(
      ([variable, value]) => told.some((each) => value.includes(each)) || /PORT$|_UI_URL$/.test(variable),
    );
    expect(loadConfig(environment, part, 1000)).toEqual(loadConfig(Object.fromEntries(asTold), part, 1000));
  });

  it.each(ourServices)('%s is in production, but for the sandbox', (name) => {
    expect(envOf(name).NODE_ENV).toBe(name === 'sandbox' ? 'development' : 'production');
  });
});

describe('every setting', () => {
  it('reaches a service, unless it is for embedded parts or for the commands of people', () => {
    const elsewhere = ['LATCHKEY_URL', 'LATCHKEY_TOKEN', 'TEMPORAL_CLI_PATH', 'LATCHKEY_TOUR', 'DATA_DIR'];
    const passed = ourServices.flatMap(([name]) => Object.keys(envOf(name)));
    expect(Object.keys(settings.shape).filter((name) => !passed.includes(name))).toEqual(elsewhere);
  });

  it('that an operator may give stands in compose.env.example or in docs/deployment.md', () => {
    const asked = new Set([...readRepositoryFile('docker-compose.yml').matchAll(/\$\{(\w+)/g)].map(([, name = '']) => name));
    const told = readRepositoryFile('docs/deployment.md');
    expect([...asked].filter((name) => !(name in composeVariables) && !told.includes(`\`${name}\``))).toEqual([]);
    expect(Object.keys(composeVariables).filter((name) => !asked.has(name))).toEqual([]);
  });

  it('that is a secret has no default, and is known to those alone who need it', () => {
    const whoKnows = (value = ''): string[] =>
      services.filter(([, { environment }]) => JSON.stringify(environment).includes(value)).map(([name]) => name);
    expect(whoKnows(composeVariables.POSTGRES_PASSWORD)).toEqual(['postgres', 'database-logins']);
    expect(whoKnows(composeVariables.LATCHKEY_MIGRATOR_PASSWORD)).toEqual(['database-logins', 'migrate']);
    expect(whoKnows(composeVariables.LATCHKEY_SERVICE_PASSWORD)).toEqual(['database-logins', 'api', 'worker']);
    expect(whoKnows(composeVariables.LATCHKEY_REVIEWER_PASSWORD)).toEqual(['database-logins', 'api']);
    expect(whoKnows(composeVariables.LATCHKEY_NOTARY_PASSWORD)).toEqual(['database-logins', 'sealer']);
    expect(whoKnows(composeVariables.TEMPORAL_DATABASE_PASSWORD)).toEqual(['database-logins', 'temporal-schema', 'temporal']);
    expect(whoKnows(composeVariables.UPSTREAM_CLIENT_SECRET)).toEqual(['worker']);
    expect(whoKnows(composeVariables.CUSTOMER_REF_KEY)).toEqual(['api']);
    expect(whoKnows(composeVariables.PAYLOAD_KEYS)).toEqual(['api', 'worker', 'sealer', 'codec']);
    const defaults = [...readRepositoryFile('docker-compose.yml').matchAll(/\$\{(\w*(?:PASSWORD|SECRET|KEYS?))(:?-)([^}]*)\}/g)];
    expect(defaults.filter(([, , , value]) => value !== '').map(([, name]) => name)).toEqual([]);
  });
});

describe('a secret of ours that an operator gives', () => {
  const given = secretSettings.filter((name) => name in composeVariables);
  const known = given.flatMap((name) => ourServices.filter(([service]) => name in envOf(service)).map((ours) => [name, ...ours] as const));

  it.each(known)('%s may be given to %s as a file, and is missed where it is not', (name, service, part) => {
    const twin = fileTwin(name);
    expect(envOf(service)[twin]).toBe('');
    const others = Object.fromEntries(Object.entries(composeVariables).filter(([each]) => each !== name));
    const named = serviceOf(readCompose({ ...others, [twin]: '/etc/latchkey/absent' }), service).environment;
    expect(() => loadConfig(named, part, 1000)).toThrow(`${twin}: the file cannot be read`);
    expect(() => loadConfig(serviceOf(readCompose(others), service).environment, part, 1000)).toThrow(`${name} is required`);
  });
});

describe('several institutions', () => {
  const single = ['UPSTREAM_INSTITUTION_ID', 'UPSTREAM_CLIENT_ID', 'UPSTREAM_CLIENT_SECRET'];
  const others = Object.fromEntries(Object.entries(composeVariables).filter(([name]) => !single.includes(name)));
  const path = fileURLToPath(new URL('../support/institutions.json', import.meta.url));

  it.each(['api', 'worker', 'codec'] as const)('are served by %s where their file is named', (part) => {
    const { environment } = serviceOf(readCompose({ ...others, INSTITUTIONS_FILE: path }), part);
    const config = loadConfig({ ...environment, SECOND_BANK_SECRET: 'the secret of the second' }, part, 1000);
    expect(institutionsOf(config).map(({ institutionId }) => institutionId)).toEqual(['first-bank', 'second-bank']);
  });

  it.each(['api', 'worker', 'codec'] as const)('or the one that is, are missed by %s where neither is named', (part) => {
    expect(() => loadConfig(serviceOf(readCompose(others), part).environment, part, 1000)).toThrow('UPSTREAM_INSTITUTION_ID is required');
  });

  it('stand in docs/deployment.md as the test has them', () => {
    expect(readRepositoryFile('docs/deployment.md')).toContain(`\`\`\`json\n${readRepositoryFile('test/support/institutions.json')}\`\`\``);
  });
});

describe('images', () => {
  it('are pinned, and those that belong together agree', () => {
    const images = services
      .map(([, { image }]) => image)
      .concat(/^ARG NODE_IMAGE=(.*)$/m.exec(readRepositoryFile('Dockerfile'))?.[1] ?? '');
    for (const image of images) expect(image).toMatch(/^[a-z/-]+:\d+\.\d+(\.\d+)?(-[a-z-]+)?$/);
    expect(images.at(-1)).toMatch(/^node:24\.\d+\.\d+-bookworm-slim$/);
    expect(serviceOf(compose, 'temporal').image.split(':')[1]).toBe(serviceOf(compose, 'temporal-schema').image.split(':')[1]);
    expect(serviceOf(compose, 'postgres').image).toBe(serviceOf(compose, 'database-logins').image);
  });
});

describe('every service', () => {
  it.each(services)(
    '%s has a read-only file system, no capability and no way to new privileges',
    (_name, { read_only, cap_drop, security_opt }) => {
      expect({ read_only, cap_drop, security_opt }).toEqual({
        read_only: true,
        cap_drop: ['ALL'],
        security_opt: ['no-new-privileges:true'],
      });
    },
  );

  it.each(services)('%s publishes ports on loopback alone', (_name, { ports }) => {
    for (const port of ports) expect(port).toMatch(/^127\.0\.0\.1:\d+:\d+$/);
  });

  it.each(services)('%s waits for jobs that end and for services that tell their health', (_name, { depends_on }) => {
    for (const [name, { condition }] of Object.entries(depends_on)) {
      const { restart, healthcheck } = serviceOf(compose, name);
      const asked = { service_completed_successfully: restart?.startsWith('on-failure'), service_healthy: healthcheck !== undefined };
      expect(
        Object.entries(asked)
          .filter(([, offered]) => offered)
          .map(([offer]) => offer),
      ).toContain(condition);
    }
  });

  it.each(services.filter(([, { restart }]) => restart === 'unless-stopped'))(
    '%s, since it is to stay up, tells its health',
    (_name, { healthcheck }) => {
      expect(healthcheck?.test[0]).toBe('CMD');
    },
  );
});

describe('ports', () => {
  it.each([
    ['api', envOf('api').PORT],
    ['codec', envOf('codec').CODEC_PORT],
    ['temporal-ui', envOf('temporal-ui').TEMPORAL_UI_PORT],
    ['sandbox', serviceOf(compose, 'sandbox').command[2]],
  ])('of %s are published as it listens on them', (name, port) => {
    expect(serviceOf(compose, name).ports.map((published) => published.split(':')[2])).toEqual([port]);
    expect(serviceOf(compose, name).healthcheck?.test.join(' ')).toMatch(new RegExp(`\\b${port}\\b`));
  });

  it('of metrics are reached from within alone', () => {
    const published = services.flatMap(([, { ports }]) => ports.map((port) => port.split(':')[2]));
    for (const name of ['api', 'worker']) expect(published).not.toContain(envOf(name).METRICS_PORT);
  });

  it('of the worker are not published; its health is asked on the port of its metrics', () => {
    expect(serviceOf(compose, 'worker').ports).toEqual([]);
    expect(serviceOf(compose, 'worker').healthcheck?.test.at(-1)).toBe(`http://127.0.0.1:${envOf('worker').METRICS_PORT}/readyz`);
  });

  it('of Postgres and Temporal are reached from within alone', () => {
    expect(compose.networks.backend).toEqual({ internal: true });
    for (const name of ['postgres', 'temporal']) expect(serviceOf(compose, name)).toMatchObject({ networks: ['backend'], ports: [] });
  });
});

describe('a stop', () => {
  it.each(['api', 'worker'] as const)('leaves %s more time than it takes at most by itself', (name) => {
    const { SHUTDOWN_LIMIT_MS } = loadConfig(envOf(name), name);
    expect(seconds(serviceOf(compose, name).stop_grace_period) * 1000).toBeGreaterThan(SHUTDOWN_LIMIT_MS + 10_000);
  });
});

describe('the Dockerfile', () => {
  const dockerfile = readRepositoryFile('Dockerfile');

  it('installs production packages alone, leaves out what only local use needs, and ends as another user than root', () => {
    expect(dockerfile).toContain('npm ci --omit=dev --omit=optional --ignore-scripts');
    expect(dockerfile).toMatch(/rm -rf \/production\/dist\/src\/local \/production\/dist\/src\/sandbox$/m);
    expect(
      /^USER (\d+):(\d+)$/m
        .exec(dockerfile)
        ?.slice(1)
        .map(Number)
        .every((id) => id > 0),
    ).toBe(true);
    expect(
      dockerfile
        .trimEnd()
        .split('\n')
        .findLast((line) => line.startsWith('FROM ')),
    ).toBe('FROM base AS production');
    expect(dockerfile).toContain(`EXPOSE ${envOf('api').PORT}\n`);
  });

  it('runs no code of a package while it is installed, and carries no installer but its bill of materials', () => {
    const installs = [...dockerfile.matchAll(/npm (?:ci|i|install)\b[^&\n]*/g)].map(([command]) => command);
    expect(installs).toHaveLength(2);
    for (const command of installs) expect(command).toMatch(/^npm ci .*--ignore-scripts/);
    expect(dockerfile).not.toMatch(/\b(?:curl|wget|apt-get|apk)\b|^ADD /m);
    const [, base = ''] = dockerfile.split(/^FROM \$\{NODE_IMAGE\} AS base$/m);
    expect(base).toMatch(/^RUN rm -rf .*\/node_modules .*\/npm .*\/npx /m);
    expect(base).toContain('COPY --from=build /production/sbom.cdx.json sbom.cdx.json\n');
  });

  it('asks for no shell where it runs, and owns none of its files: as its user they cannot be written', () => {
    const run = [...dockerfile.matchAll(/^(?:ENTRYPOINT|CMD|HEALTHCHECK .*CMD) (.*)$/gm)].map(([, command = '']) => command);
    expect(run).toHaveLength(5);
    for (const command of run) expect(JSON.parse(command)).toEqual(expect.arrayContaining([expect.any(String)]));
    expect(dockerfile).not.toMatch(/--chown|--chmod|\bchown\b|\bchmod\b/);
  });

  it('copies what the build context has, and the build context has nothing else', () => {
    const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.*) \S+$/gm)]
      .flatMap(([, sources = '']) => sources.split(' '))
      .map((path) => path.replace('prisma/migrations', 'prisma'));
    const [, first, ...rest] = readRepositoryFile('.dockerignore').trimEnd().split('\n');
    expect(first).toBe('*');
    expect(rest.toSorted()).toEqual([...new Set(copied)].map((path) => `!${path}`).toSorted());
  });
});
