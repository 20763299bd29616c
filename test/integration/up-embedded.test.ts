import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import pg from 'pg';
import { buildProduct, startLatchkeyProcess, type LatchkeyProcess } from '../support/latchkey-process.js';

const dataDir = mkdtempSync(join(tmpdir(), 'latchkey-test-up-'));
const processes: LatchkeyProcess[] = [];

function start(directory = dataDir): LatchkeyProcess {
  const cliPath: Record<string, string> =
    process.env.TEMPORAL_CLI_PATH === undefined ? {} : { TEMPORAL_CLI_PATH: process.env.TEMPORAL_CLI_PATH };
  const latchkey = startLatchkeyProcess(['up'], { DATA_DIR: directory, ...cliPath });
  processes.push(latchkey);
  return latchkey;
}

async function query(databaseUrl: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

beforeAll(buildProduct, 180_000);
afterAll(async () => {
  await Promise.all(processes.map((each) => each.end('SIGTERM')));
  rmSync(dataDir, { recursive: true, force: true });
});

describe('latchkey up with nothing configured', () => {
  it('takes its tour on the first run, prints links that work, and leaves no server behind', async () => {
    const latchkey = start();
    await latchkey.says(/Ctrl-C stops everything/, 120_000);
    const output = latchkey.output();
    for (const outcome of ['unlocked', 'not_locked', 'rejected']) expect(output).toContain(outcome);
    // A newcomer is not met by warnings about what is meant to be.
    expect(output).not.toMatch(/"level":[45]0/);

    const databaseUrl = /psql '([^']+)'/.exec(output)?.[1] ?? '';
    expect(
      await query(databaseUrl, 'select customer_id, attempt, result, http_status from unlock_attempt order by customer_id, attempt'),
    ).toEqual([
      { customer_id: 'forbidden-403', attempt: 1, result: 'rejected', http_status: 403 },
      { customer_id: 'locked-1', attempt: 1, result: 'succeeded', http_status: 204 },
      { customer_id: 'two-503', attempt: 1, result: 'retryable', http_status: 503 },
      { customer_id: 'two-503', attempt: 2, result: 'retryable', http_status: 503 },
      { customer_id: 'two-503', attempt: 3, result: 'succeeded', http_status: 204 },
    ]);
    expect(await query(databaseUrl, 'select outcome from unlock_request order by outcome')).toHaveLength(4);

    const curl = /curl -i -X PUT '([^']+)'.*'authorization: (Bearer [^']+)'/.exec(output);
    const answer = await fetch(curl?.[1] ?? '', {
      method: 'PUT',
      headers: { authorization: curl?.[2] ?? '', correlationId: crypto.randomUUID() },
    });
    expect(answer.status).toBe(204);
    const api = /API\s+(\S+)\/docs/.exec(output)?.[1] ?? '';
    expect(await (await fetch(`${api}/openapi.json`)).json()).toMatchObject({ openapi: expect.stringMatching(/^3\.1/) });
    const ui = /Temporal UI\s+(\S+)/.exec(output)?.[1] ?? '';
    expect((await fetch(ui)).status).toBe(200);

    expect(await latchkey.end('SIGINT')).toBe(0);
    await expect(fetch(ui)).rejects.toThrow();
    await expect(query(databaseUrl, 'select 1')).rejects.toThrow();
  }, 240_000);

  it('steps over ports that are taken: a second one beside it has everything of its own', async () => {
    const dataDirs = [1, 2].map((number) => join(dataDir, `beside-${number}`));
    const both = dataDirs.map((each) => start(each));
    await Promise.all(both.map((each) => each.says(/Ctrl-C stops everything/, 180_000)));
    const addresses = both.map((each) => [...each.output().matchAll(/http:\/\/127\.0\.0\.1:(\d+)/g)].map(([, port]) => port));
    expect(addresses[0]?.filter((port) => addresses[1]?.includes(port))).toEqual([]);
    expect(await Promise.all(both.map((each) => each.end('SIGTERM')))).toEqual([0, 0]);
  }, 240_000);

  it('keeps its data, and takes no second tour', async () => {
    const latchkey = start();
    await latchkey.says(/Ctrl-C stops everything/, 120_000);
    expect(latchkey.output()).not.toMatch(/tour/);
    const databaseUrl = /psql '([^']+)'/.exec(latchkey.output())?.[1] ?? '';
    expect(await query(databaseUrl, 'select 1 from unlock_request')).toHaveLength(5);
    expect(await latchkey.end('SIGTERM')).toBe(0);
  }, 240_000);
});
