import { randomUUID } from 'node:crypto';
import { afterAll, describe, expect, it, jest } from '@jest/globals';
import { createDeskCaller } from '../support/desk-caller.js';
import { eventually } from '../support/eventually.js';
import { openLatchkey } from '../support/latchkey.js';

jest.setTimeout(120_000);

const house = await openLatchkey({ desk: {} });
const desk = createDeskCaller(house);
afterAll(() => house.close());

const sessions = () => house.sql<{ id: Buffer; sealed: string }>('select id, sealed from desk_session');

describe('signing in', () => {
  it('leads to the issuer with PKCE, and back to where the person wanted to go', async () => {
    const to = `/unlocks/${randomUUID()}`;
    const sent = await desk.call(to);
    expect([sent.status, sent.location]).toEqual([303, `/sign-in?to=${encodeURIComponent(to)}`]);
    const { wish } = await desk.beginSignIn('sam', to);
    expect(wish).toMatchObject({ response_type: 'code', code_challenge_method: 'S256', redirect_uri: `${house.url}/sign-in/callback` });
    const { back } = await desk.signIn('sam', to);
    expect([back.status, back.location]).toEqual([303, to]);
  });

  it('gives the browser a secret that says nothing, and the database nothing that helps without it', async () => {
    const { back, cookie } = await desk.signIn('sam');
    const [set] = back.cookies.filter((each) => each.startsWith('latchkey-session='));
    expect(set).toMatch(/^latchkey-session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/);
    const secret = cookie.replace(/^.*=/, '');
    const kept = JSON.stringify(await sessions());
    expect(kept).not.toContain(secret);
    expect(kept).not.toContain(Buffer.from(secret, 'base64url').toString('hex'));
    for (const { sealed } of await sessions()) {
      expect(JSON.parse(Buffer.from(sealed.split('.')[0] ?? '', 'base64url').toString())).toEqual({ alg: 'dir', enc: 'A256GCM' });
    }
  });

  it('leads nobody to another place', async () => {
    for (const to of ['https://evil.example/', '//evil.example/', '/\\evil.example', 'javascript:alert(1)', '/sign-out', '/sign-in?to=/']) {
      expect((await desk.signIn('sam', to)).back.location).toBe('/');
    }
  });

  it('is refused where another browser began it, or its code was used before', async () => {
    const [mine, other] = [await desk.beginSignIn('sam'), await desk.beginSignIn('eve')];
    for (const cookie of ['', other.attempt, 'latchkey-sign-in=made-up']) {
      const back = await desk.call(mine.wayBack, { headers: { cookie } });
      expect(back.status).toBe(403);
      expect(back.text).toContain('The sign-in did not come to its end');
      expect(back.cookies.join()).not.toContain('latchkey-session');
    }
    const own = await desk.beginSignIn('sam');
    expect((await desk.call(own.wayBack, { headers: { cookie: own.attempt } })).status).toBe(303);
    expect((await desk.call(own.wayBack, { headers: { cookie: own.attempt } })).status).toBe(403);
  });

  it('happens under the one address that the issuer leads back to', async () => {
    const elsewhere = await fetch(`${house.url.replace('127.0.0.1', 'localhost')}/sign-in?to=%2F`, { redirect: 'manual' });
    expect(elsewhere.headers.get('location')).toBe(`${house.url}/sign-in?to=%2F`);
  });

  it('ends a session that the browser had before', async () => {
    const { cookie } = await desk.signIn('sam');
    const { wayBack, attempt } = await desk.beginSignIn('eve');
    expect((await desk.call(wayBack, { headers: { cookie: `${attempt}; ${cookie}` } })).status).toBe(303);
    expect((await desk.call('/', { headers: { cookie } })).status).toBe(303);
  });
});

describe('signing out', () => {
  it('ends the session for good, here and at the issuer', async () => {
    const { cookie, formToken } = await desk.signIn('sam');
    const before = (await sessions()).length;
    const out = await desk.call('/sign-out', { form: { formToken }, headers: { cookie } });
    expect(out.location).toContain(`${house.sandbox.issuerUrl}/end-session?`);
    expect(new URL(out.location).searchParams.get('post_logout_redirect_uri')).toBe(`${house.url}/signed-out`);
    expect(out.cookies).toEqual([expect.stringMatching(/^latchkey-session=; .*Max-Age=0$/)]);
    expect((await sessions()).length).toBe(before - 1);
    const again = await desk.call('/', { headers: { cookie } });
    expect([again.status, again.location]).toEqual([303, '/sign-in?to=%2F']);
    expect((await desk.call('/signed-out')).text).toContain('You are signed out');
  });

  it('ends what a page hears meanwhile', async () => {
    const { cookie, formToken } = await desk.signIn('sam');
    const correlationId = randomUUID();
    const body = { customerId: 'status-always-503', reason: 'Called' };
    await house.call('/v1/unlocks', { method: 'POST', headers: { correlationId }, body });
    const path = `/unlocks/${correlationId}/events`;
    const unheard = await desk.call(path, { headers: { accept: 'text/event-stream' } });
    expect(unheard.status).toBe(401);
    const stream = await fetch(house.url + path, { headers: { cookie, accept: 'text/event-stream' } });
    expect([stream.status, stream.headers.get('content-type')]).toEqual([200, 'text/event-stream; charset=utf-8']);
    await desk.call('/sign-out', { form: { formToken }, headers: { cookie } });
    await stream.text();
  });
});

describe('a form', () => {
  const forms = ['/sign-out', '/customers', '/unlocks'] as const;

  it.each(forms)('to %s is refused where another site sent it, or a page of another session', async (path) => {
    const [mine, other] = [await desk.signIn('sam'), await desk.signIn('eve')];
    const form = { customerId: 'locked-8', reason: 'Called', correlationId: randomUUID(), formToken: mine.formToken };
    const { cookie } = mine;
    const foreign = [
      { form: { ...form, formToken: '' }, headers: { cookie } },
      { form: { ...form, formToken: other.formToken }, headers: { cookie } },
      { form, headers: { cookie, origin: 'https://evil.example' } },
      { form, headers: { cookie, origin: 'null' } },
      { form, headers: { cookie, 'sec-fetch-site': 'same-site' } },
    ];
    for (const each of foreign) {
      const { status, text } = await desk.call(path, each);
      expect([status, text]).toEqual([403, expect.stringContaining('did not come from its page')]);
    }
    expect(house.sandbox.calls().filter(({ customerId }) => customerId === 'locked-8')).toEqual([]);
    expect((await desk.call('/', { headers: { cookie } })).status).toBe(200);
  });

  it('of somebody who is not signed in does nothing, and says so', async () => {
    const { status, text } = await desk.call('/unlocks', { form: { customerId: 'locked-8', reason: 'Called' } });
    expect([status, text]).toEqual([401, expect.stringContaining('Nothing was done')]);
  });
});

describe('the log', () => {
  it('tells of pages by their pattern: no customer, no secret, no code', async () => {
    const { wayBack, attempt, wish } = await desk.beginSignIn('sam');
    const back = await desk.call(wayBack, { headers: { cookie: attempt } });
    const cookie = back.cookies.map((each) => each.split(';')[0]).join('; ');
    const formToken = /name="formToken" value="([^"]+)"/.exec((await desk.call('/', { headers: { cookie } })).text)?.[1] ?? '';
    await desk.call('/customers', { form: { customerId: 'locked-10', formToken }, headers: { cookie } });
    // Its code is used: the issuer refuses, and that is told.
    await desk.call(wayBack, { headers: { cookie: attempt } });
    const log = JSON.stringify(house.logLines);
    expect(log).toContain('"route":"/customers"');
    expect(log).toContain('"reason":"invalid_grant"');
    const code = new URL(wayBack).searchParams.get('code') ?? '';
    const secret = /latchkey-session=([\w-]{43})/.exec(cookie)?.[1] ?? '';
    for (const each of ['locked-10', code, secret, formToken, wish.state ?? '', wish.nonce ?? '', attempt.replace(/^.*?=/, '')]) {
      expect(each.length).toBeGreaterThan(5);
      expect(log).not.toContain(each);
    }
  });
});

describe('what a person may not do', () => {
  it('is not shown, and is refused and put on record where it is tried all the same', async () => {
    const { cookie, formToken } = await desk.signIn('carl');
    const { text } = await desk.call('/customers', { form: { customerId: 'locked-9', formToken }, headers: { cookie } });
    expect(text).toContain('You may look, but not unlock');
    expect(text).not.toContain('name="reason"');
    const form = { customerId: 'locked-9', reason: 'Called', correlationId: randomUUID(), formToken };
    const tried = await desk.call('/unlocks', { form, headers: { cookie } });
    expect([tried.status, tried.text]).toEqual([403, expect.stringContaining('The token needs the scope institution-users:write')]);
    const denied = await eventually(async () => {
      const rows = await house.sql("select actor_id, metadata from audit_event where action = 'access.denied' and actor_id = 'carl'");
      expect(rows).toHaveLength(1);
      return rows;
    });
    expect(denied[0]).toMatchObject({ metadata: { route: '/v1/unlocks', scope: 'institution-users:write', status: 403 } });
    expect(house.puts(form.correlationId)).toEqual([]);
  });

  it('includes steering, which is refused to who only asks for unlocks', async () => {
    const { cookie, formToken } = await desk.signIn('sam');
    const form = { formToken, action: 'cancel', reason: 'Because' };
    const { status } = await desk.call(`/unlocks/${randomUUID()}/actions`, { form, headers: { cookie } });
    expect(status).toBe(403);
  });

  it('does not include another institution’s requests, which are not found', async () => {
    const { cookie } = await desk.signIn('sam');
    const { status, text } = await desk.call(`/unlocks/${randomUUID()}`, { headers: { cookie } });
    expect([status, text]).toEqual([404, expect.stringContaining('Check the address')]);
    expect((await desk.call('/unlocks/no-guid', { headers: { cookie } })).status).toBe(400);
  });
});

describe('every page', () => {
  it('takes nothing inline or from elsewhere, is not framed and not kept', async () => {
    const { cookie } = await desk.signIn('sam');
    for (const path of ['/', '/signed-out', '/unlocks/no-guid']) {
      const { headers } = await desk.call(path, { headers: { cookie } });
      const policy = headers.get('content-security-policy') ?? '';
      expect(policy).toMatch(/^default-src 'none'; script-src 'self'; style-src 'self';/);
      expect(policy).toContain("frame-ancestors 'none'");
      expect(policy).not.toContain('unsafe');
      expect([headers.get('cache-control'), headers.get('referrer-policy')]).toEqual(['no-store', 'same-origin']);
    }
  });

  it('comes with files that are kept for good, and compressed', async () => {
    const { text } = await desk.call('/signed-out');
    const files = [...text.matchAll(/"(\/assets\/[^"]+)"/g)].map(([, path = '']) => path);
    expect(files).toHaveLength(2);
    for (const path of files) {
      const { headers } = await desk.call(path, { headers: { 'accept-encoding': 'br' } });
      expect([headers.get('content-encoding'), headers.get('vary'), headers.get('cache-control')]).toEqual([
        'br',
        'accept-encoding',
        'public, max-age=31536000, immutable',
      ]);
    }
  });
});
