import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { createDeskCaller } from '../support/desk-caller.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey, type Latchkey } from '../support/latchkey.js';

jest.setTimeout(120_000);

const houses: Latchkey[] = [];
afterAll(() => Promise.all(houses.map((house) => house.close())));

async function open(times: { idleMs?: number; maxMs?: number; tokenSeconds?: number }) {
  const house = await openLatchkey({ desk: times, withWorker: false });
  houses.push(house);
  const desk = createDeskCaller(house);
  const { cookie } = await desk.signIn('sam');
  const visit = (headers: Record<string, string> = {}) => desk.call('/', { headers: { cookie, ...headers } });
  return { house, desk, visit };
}

describe('a session', () => {
  it('ends when its person does nothing, whatever their page does by itself', async () => {
    const { visit } = await open({ idleMs: 3_000 });
    for (const until = Date.now() + 4_000; Date.now() < until; await sleep(200)) expect((await visit()).status).toBe(200);
    await eventually(async () => expect((await visit({ 'x-latchkey-live': '1' })).status).toBe(401), { intervalMs: 200 });
    expect((await visit()).status).toBe(303);
  });

  it('ends after its time, whatever its person does, and is cleared away when others begin', async () => {
    const { house, desk, visit } = await open({ maxMs: 3_000 });
    await eventually(async () => expect((await visit()).status).toBe(303), { intervalMs: 200 });
    await desk.signIn('eve');
    expect(await house.sql('select id from desk_session')).toHaveLength(1);
  });

  it('outlasts its tokens: they are renewed, once, however many pages ask at the same time', async () => {
    const { house, visit } = await open({ tokenSeconds: 17 });
    const version = async (): Promise<number> =>
      (await house.sql<{ version: number }>('select version from desk_session'))[0]?.version ?? 0;
    expect(await version()).toBe(1);
    await sleep(2_500);
    const visits = await Promise.all(Array.from({ length: 6 }, () => visit()));
    expect(visits.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 200]);
    expect(await version()).toBe(2);
  });

  it('that cannot be looked up is no reason to sign in anew', async () => {
    const { house, visit } = await open({});
    await house.sql('alter table desk_session rename to desk_session_gone');
    const { status, text } = await visit();
    expect(status).toBe(503);
    expect(text).not.toContain('desk_session');
    await house.sql('alter table desk_session_gone rename to desk_session');
    expect((await visit()).status).toBe(200);
  });

  it('whose issuer is away can begin later, as the page says', async () => {
    const { house, desk, visit } = await open({});
    await house.sandbox.close();
    expect((await visit()).status).toBe(200);
    const lone = await openLatchkey({ desk: {}, withWorker: false });
    houses.push(lone);
    await lone.sandbox.close();
    const { status, text } = await createDeskCaller(lone).call('/sign-in?to=%2F');
    expect([status, text]).toEqual([503, expect.stringContaining('The issuer of the sign-in does not answer')]);
    expect((await desk.call('/signed-out')).status).toBe(200);
  });
});
