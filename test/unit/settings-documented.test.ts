import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { loadConfig, settings } from '../../src/config.js';

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
