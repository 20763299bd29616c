import { afterAll, describe, expect, it } from '@jest/globals';
import { secretSettings } from '../../src/secret-files.js';
import { readCompose } from '../support/compose-file.js';
import { buildComposeGo } from '../support/compose-go.js';
import { composeVariables } from '../support/compose-variables.js';

const { composeGo, reason } = buildComposeGo();
afterAll(() => composeGo?.remove());
// What a file may say as well is missed by Latchkey itself, not by Compose.
const inFiles: readonly string[] = [...secretSettings, 'UPSTREAM_INSTITUTION_ID', 'UPSTREAM_CLIENT_ID'];
const names = Object.keys(composeVariables).filter((name) => !inFiles.includes(name));

// Without Go on a developer's machine our own reading alone has the word; CI insists on Compose's.
const readers = [
  { reader: 'our own reading', read: (variables: Record<string, string>) => readCompose(variables) },
  ...(composeGo === null
    ? []
    : [{ reader: "Compose's own library", read: (variables: Record<string, string>) => composeGo.read(variables) }]),
];

describe("Compose's own library", () => {
  it('is there in CI (needs Go 1.24 or newer, and its module proxy once)', () => {
    expect({ inCi: process.env.CI === 'true', missing: composeGo === null, reason }).not.toEqual({ inCi: true, missing: true, reason });
  });

  it('fills in the same environments and commands as our own reading, by which the other tests go', () => {
    const ours = Object.entries(readCompose(composeVariables).services).map(
      ([name, { environment, command }]) => [name, { environment, command }] as const,
    );
    const theirs = Object.entries((composeGo ?? { read: readCompose }).read(composeVariables).services);
    const inShort = theirs.map(([name, { environment, command }]) => [name, { environment, command: command ?? [] }] as const);
    expect(Object.fromEntries(inShort)).toEqual(Object.fromEntries(ours));
  });
});

describe.each(readers)('docker-compose.yml, to $reader', ({ read }) => {
  it('is valid, once it is told what it must be', () => {
    expect(Object.keys(read(composeVariables).services)).toContain('api');
  });

  it('refuses to start without what it must be told, and names all of it', () => {
    let message = '';
    try {
      read({});
    } catch (error) {
      message = error instanceof Error ? error.message : '';
    }
    for (const name of names) expect(message).toMatch(new RegExp(`\\b${name}\\b.*set ${name}`));
  });

  it.each(names)('refuses to start without %s, be it absent or empty', (name) => {
    const others = Object.fromEntries(Object.entries(composeVariables).filter(([other]) => other !== name));
    expect(() => read(others)).toThrow(`set ${name}`);
    expect(() => read({ ...others, [name]: '' })).toThrow(`set ${name}`);
  });
});
