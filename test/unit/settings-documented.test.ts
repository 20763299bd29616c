import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { loadConfig, settings } from '../../src/config.js';
import { secretSettings } from '../../src/secret-files.js';

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');
const documented = new Map([...read('.env.example').matchAll(/^# ([A-Z_]+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]));
const names = Object.keys(settings.shape);

describe('every setting', () => {
  it('stands in .env.example, and nothing else does', () => {
    expect([...documented.keys()].sort()).toEqual([...names].sort());
  });

  it('stands there with the default that the code takes', () => {
    const spelledOut = Object.fromEntries([...documented].filter(([, value]) => value !== ''));
    expect(loadConfig(spelledOut, 'up')).toEqual({ ...loadConfig({}, 'up'), PORT: 3000 });
  });

  it.each(names.filter((name) => name !== 'NODE_ENV'))('%s is told in the README', (name) => {
    expect(read('README.md')).toContain(`\`${name}\``);
  });
});

describe('every setting that is a secret', () => {
  const paragraph = (text: string): string => /^.*\bsecrets [^]*?_FILE=/m.exec(text)?.[0] ?? '';

  it.each(['README.md', '.env.example'])('may be given as a file, as %s says', (path) => {
    const told = [...paragraph(read(path)).matchAll(/\b[A-Z]+(?:_[A-Z]+)+\b/g)].map(([name]) => name);
    expect([...new Set(told)].filter((name) => !name.endsWith('_FILE')).toSorted()).toEqual([...secretSettings].toSorted());
  });

  it('is told by its name', () => {
    expect(names.filter((name) => /(_KEYS?|_SECRET|_TOKEN|_PASSWORD|_HEADERS|DATABASE_URL)$/.test(name)).toSorted()).toEqual(
      [...secretSettings].toSorted(),
    );
  });
});
