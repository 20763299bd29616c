import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { findTemporalCli, TemporalCliMissingError } from '../../src/local/temporal-cli.js';
import { keepProgram } from '../../src/local/temporal-cli-home.js';

let root: string;
let home: string;
const said: string[] = [];
const nothing = async (): Promise<null> => null;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'latchkey-test-cli-'));
  home = join(root, 'home');
  said.length = 0;
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function placeProgram(path: string, says = 'temporal version 1.5.1 (Server 1.29.1, UI 2.42.1)'): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${says}'\n`);
  await chmod(path, 0o755);
  return path;
}

function find(found: Partial<Parameters<typeof findTemporalCli>[0]> = {}): Promise<string> {
  return findTemporalCli({
    configuredPath: null,
    home,
    searchPath: '',
    say: (line) => said.push(line),
    download: nothing,
    build: nothing,
    ...found,
  });
}

describe('finding the Temporal CLI', () => {
  it('takes the path that was set before any other', async () => {
    const configured = await placeProgram(join(root, 'set', 'temporal'));
    const onPath = await placeProgram(join(root, 'bin', 'temporal'));
    expect(await find({ configuredPath: configured, searchPath: dirname(onPath) })).toBe(configured);
  });

  it('refuses a path that was set and does not work, rather than look elsewhere', async () => {
    const onPath = await placeProgram(join(root, 'bin', 'temporal'));
    const found = find({ configuredPath: join(root, 'nowhere'), searchPath: dirname(onPath) });
    await expect(found).rejects.toThrow(TemporalCliMissingError);
    await expect(found).rejects.toThrow('TEMPORAL_CLI_PATH');
  });

  it('prefers the one on the PATH to the one kept from before', async () => {
    const onPath = await placeProgram(join(root, 'bin', 'temporal'));
    await placeProgram(join(home, 'temporal'));
    expect(await find({ searchPath: `${join(root, 'empty')}:${dirname(onPath)}` })).toBe(onPath);
  });

  it('looks past a program of that name that is another', async () => {
    const other = await placeProgram(join(root, 'bin', 'temporal'), 'time travel 3.0');
    const kept = await placeProgram(join(home, 'temporal'));
    expect(await find({ searchPath: dirname(other) })).toBe(kept);
    expect(said.join('\n')).toContain('time travel');
  });

  it('downloads before it builds, and builds where the download fails', async () => {
    const asked: string[] = [];
    const built = await find({
      download: async () => {
        asked.push('download');
        throw new Error('no network');
      },
      build: async (making) => {
        asked.push('build');
        return keepProgram(making.home, (workshop) => placeProgram(join(workshop, 'made')));
      },
    });
    expect(asked).toEqual(['download', 'build']);
    expect(built).toBe(join(home, 'temporal'));
    expect(await find()).toBe(built);
  });

  it('says what failed and how to get one by hand where there is none', async () => {
    const found = find({
      download: async () => {
        throw new Error('no network');
      },
    });
    await expect(found).rejects.toThrow(/no network[\s\S]*built with Go: not there[\s\S]*TEMPORAL_CLI_PATH[\s\S]*TEMPORAL_ADDRESS/);
  });

  it('ends a search that is called off', async () => {
    const patience = new AbortController();
    const found = find({
      signal: patience.signal,
      download: async () => {
        patience.abort(new Error('called off'));
        throw new Error('killed');
      },
    });
    await expect(found).rejects.toThrow('called off');
  });

  it('lets two processes make it at once, and leaves nothing else behind', async () => {
    const make = (workshop: string): Promise<string> => placeProgram(join(workshop, 'made'));
    await Promise.all([keepProgram(home, make), keepProgram(home, make)]);
    expect(await readdir(home)).toEqual(['temporal']);
  });
});
