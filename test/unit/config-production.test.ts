import { describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig, type Part } from '../../src/config.js';
import { faulty, production } from './config-samples.js';

const parts = ['up', 'api', 'worker', 'sealer', 'audit', 'key', 'migrate', 'temporal'] as const satisfies readonly Part[];
const ROOT = 0;

describe('in production', () => {
  it.each(parts)('latchkey %s does not run as root', (part) => {
    expect(() => loadConfig(production, part, ROOT)).toThrow(ConfigError);
    expect(() => loadConfig(production, part, ROOT)).toThrow(/start as a user other than root/);
    expect(() => loadConfig(production, part, 1000)).not.toThrow();
  });

  it.each(parts)('latchkey %s takes no setting for an embedded server', (part) => {
    expect(faulty({ ...production, TEMPORAL_CLI_PATH: '/usr/bin/temporal' }, part)).toEqual(['TEMPORAL_CLI_PATH']);
    expect(() => loadConfig({ ...production, TEMPORAL_CLI_PATH: '' }, part)).not.toThrow();
  });

  it('root and settings are at fault at once', () => {
    expect(() => loadConfig({ NODE_ENV: 'production', TEMPORAL_CLI_PATH: '/x' }, 'worker', ROOT)).toThrow(
      /DATABASE_URL[^]*root[^]*TEMPORAL_CLI_PATH/,
    );
  });
});

describe('elsewhere', () => {
  it('root may run everything, as in many a container for tests, and name the Temporal server to embed', () => {
    expect(() => loadConfig({ TEMPORAL_CLI_PATH: '/usr/bin/temporal' }, 'up', ROOT)).not.toThrow();
  });
});
