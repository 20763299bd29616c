import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { createDirectoryPublication, readPublished } from '../../src/publication/directory.js';
import { PublicationConflictError, publishTo } from '../../src/publication/index.js';
import { createWebHookPublication } from '../../src/publication/web-hook.js';

const origin = 'bank.example/unlock-audit';
const note = (size: number, root = 'AAAA'): string => `${origin}\n${size}\n${root}\n\n— signature\n`;
const checkpoint = (size: number, root?: string) => ({ origin, size, note: note(size, root) });

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'latchkey-test-publication-'));
});

describe('a directory of checkpoints', () => {
  it('has a file for each, and the newest once more', async () => {
    const publication = createDirectoryPublication(directory);
    expect(await publication.newest(origin)).toBeNull();
    await publication.publish(checkpoint(3));
    await publication.publish(checkpoint(7));
    expect(await publication.newest(origin)).toBe(note(7));
    const folder = join(directory, 'bank.example%2Funlock-audit');
    expect((await readdir(folder)).sort()).toEqual(['3.checkpoint', '7.checkpoint', 'newest.checkpoint']);
    expect(await readFile(join(folder, '3.checkpoint'), 'utf8')).toBe(note(3));
  });

  it('takes the same one again, and no other of that size', async () => {
    const publication = createDirectoryPublication(directory);
    await publication.publish(checkpoint(3));
    await publication.publish(checkpoint(3));
    await expect(publication.publish(checkpoint(3, 'BBBB'))).rejects.toThrow(PublicationConflictError);
    expect(await publication.newest(origin)).toBe(note(3));
    expect((await readdir(join(directory, 'bank.example%2Funlock-audit'))).length).toBe(2);
  });

  it('finds the newest again where a stop came between its two steps', async () => {
    const publication = createDirectoryPublication(directory);
    await publication.publish(checkpoint(3));
    await writeFile(join(directory, 'bank.example%2Funlock-audit', '9.checkpoint'), note(9));
    await publication.publish(checkpoint(9));
    expect(await publication.newest(origin)).toBe(note(9));
    await publication.publish(checkpoint(3));
    expect(await publication.newest(origin)).toBe(note(9));
  });

  it('keeps each log apart, and no name leads out of it', async () => {
    const publication = createDirectoryPublication(directory);
    await publication.publish({ origin: '..', size: 1, note: 'x' });
    await publication.publish({ origin: '../../escape', size: 1, note: 'x' });
    expect((await readdir(directory)).sort()).toEqual(['%2E%2E', '..%2F..%2Fescape']);
  });

  it('that holds very many is read with the newest of each log, however few that one has', async () => {
    const publication = createDirectoryPublication(directory);
    for (let size = 100; size < 140; size += 1) await publication.publish(checkpoint(size));
    for (const size of [1, 2]) await publication.publish({ origin: 'second', size, note: `second ${size}` });
    const { files, found } = await readPublished(directory, 5);
    const notes = files.map((file) => file.note);
    expect(found).toBe(44);
    expect(notes.filter((text) => text === 'second 2')).toHaveLength(2);
    expect(notes.filter((text) => text === note(139))).toHaveLength(2);
    expect(notes.length).toBeLessThan(12);
  });

  it('that cannot be written to is told of', async () => {
    await rm(directory, { recursive: true });
    await writeFile(directory, 'a file');
    await expect(createDirectoryPublication(directory).publish(checkpoint(1))).rejects.toThrow(/ENOTDIR|EEXIST/);
  });
});

describe('a web hook for checkpoints', () => {
  const kept = new Map<string, string>();
  const asked: string[] = [];
  let answers: number[] = [];
  let server: Server;
  let url: string;
  beforeAll(async () => {
    server = createServer((request, response) => {
      void bodyOf(request).then((body) => {
        const path = request.url ?? '';
        asked.push(`${request.method} ${path} ${request.headers['if-none-match'] ?? ''}`.trim());
        if (request.method === 'GET') return void response.writeHead(kept.has(path) ? 200 : 404).end(kept.get(path));
        const forced = answers.shift();
        const httpStatus = forced ?? (kept.has(path) ? 412 : 201);
        if (httpStatus < 300) kept.set(path, body);
        response.writeHead(httpStatus).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/audit/`;
  });
  afterAll(() => new Promise((resolve) => server.close(resolve)));
  beforeEach(() => {
    kept.clear();
    asked.length = 0;
    answers = [];
  });

  const hook = () =>
    createWebHookPublication({ url, policy: { privateHosts: 'any', ca: null, clientCertificate: null }, timeoutMs: 5_000 });

  it('gets each by PUT, and is asked not to take a second one', async () => {
    await hook().publish(checkpoint(5));
    expect(asked).toEqual(['PUT /audit/bank.example%2Funlock-audit/5 *']);
    expect([...kept.values()]).toEqual([note(5)]);
    expect(await hook().newest(origin)).toBeNull();
  });

  it('that has this one already is content', async () => {
    await hook().publish(checkpoint(5));
    await hook().publish(checkpoint(5));
    expect(asked.map((line) => line.split(' ')[0])).toEqual(['PUT', 'PUT', 'GET']);
  });

  it('that has another one is a conflict', async () => {
    await hook().publish(checkpoint(5));
    await expect(hook().publish(checkpoint(5, 'BBBB'))).rejects.toThrow(PublicationConflictError);
  });

  it.each([301, 400, 403, 500, 503])('that answers %i has taken nothing', async (httpStatus) => {
    answers = [httpStatus];
    await expect(hook().publish(checkpoint(5))).rejects.toThrow(`status ${httpStatus}`);
    await hook().publish(checkpoint(5));
    expect([...kept.values()]).toEqual([note(5)]);
  });

  it('that is away is told of', async () => {
    const away = createWebHookPublication({
      url: 'http://127.0.0.1:9/',
      policy: { privateHosts: 'any', ca: null, clientCertificate: null },
      timeoutMs: 5_000,
    });
    await expect(away.publish(checkpoint(1))).rejects.toThrow('could not be published');
  });
});

describe('several places', () => {
  it('get every checkpoint, and the first that can be read back tells the newest', async () => {
    const taken: number[] = [];
    const blind = { publish: async ({ size }: { size: number }) => void taken.push(size), newest: async () => null };
    const places = publishTo([blind, createDirectoryPublication(directory)]);
    expect(await places.newest(origin)).toBeNull();
    await places.publish(checkpoint(4));
    expect(taken).toEqual([4]);
    expect(await places.newest(origin)).toBe(note(4));
  });
});

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  return text;
}
