import type { Latchkey } from './latchkey.js';

interface Wish {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as a form. */
  readonly form?: Readonly<Record<string, string>>;
}

/** Calls pages as a browser would, but for what a test wants otherwise; no redirect is followed. */
export function createDeskCaller(house: Latchkey) {
  async function call(path: string, { method, headers = {}, form }: Wish = {}) {
    const response = await fetch(new URL(path, house.url), {
      method: method ?? (form === undefined ? 'GET' : 'POST'),
      headers: { ...(form !== undefined && { origin: house.url, 'sec-fetch-site': 'same-origin' }), ...headers },
      ...(form !== undefined && { body: new URLSearchParams(form) }),
      redirect: 'manual',
    });
    return {
      status: response.status,
      headers: response.headers,
      cookies: response.headers.getSetCookie(),
      location: response.headers.get('location') ?? '',
      text: await response.text(),
    };
  }

  /** What of a `set-cookie` goes back. */
  const pairOf = (setCookie: string | undefined): string => setCookie?.split(';')[0] ?? '';

  /** As far as the issuer's way back: its address, and the cookie that must be there. */
  async function beginSignIn(person: string, to = '/') {
    const begun = await call(`/sign-in?${new URLSearchParams({ to }).toString()}`);
    const wish = Object.fromEntries(new URL(begun.location).searchParams);
    const chosen = await call(`${house.sandbox.issuerUrl}/authorize`, { form: { ...wish, person } });
    return { wayBack: chosen.location, attempt: pairOf(begun.cookies[0]), wish };
  }

  async function signIn(person: string, to = '/') {
    const { wayBack, attempt } = await beginSignIn(person, to);
    const back = await call(wayBack, { headers: { cookie: attempt } });
    const cookie = pairOf(back.cookies.find((each) => each.includes('latchkey-session=') && !each.includes('Max-Age=0')));
    const { text } = await call('/', { headers: { cookie } });
    const formToken = /name="formToken" value="([^"]+)"/.exec(text)?.[1] ?? '';
    return { back, cookie, formToken };
  }

  return { call, beginSignIn, signIn };
}
