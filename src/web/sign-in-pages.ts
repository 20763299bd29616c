import { z } from 'zod';
import { Problem } from '../http/problem.js';
import type { Authenticator } from '../http/auth.js';
import type { HttpLog } from '../http/settings.js';
import type { Cookie } from './cookies.js';
import { html } from './html.js';
import { identify } from './identify.js';
import type { Page, Reply, Visit } from './page.js';
import { signInPath } from './problem-page.js';
import { CALLBACK_PATH, SIGNED_OUT_PATH, SignInRefusedError, type Attempt, type SignIn } from './sign-in.js';
import type { Sessions } from './sessions.js';

interface SignInPagesParts {
  readonly auth: Authenticator;
  readonly signIn: SignIn;
  readonly sessions: Sessions;
  readonly cookie: Cookie;
  /** Keeps an attempt while its person is at the issuer. */
  readonly attemptCookie: Cookie;
  readonly publicUrl: () => string;
  readonly log: HttpLog;
}

const ATTEMPT_SECONDS = 600;
const attemptSchema = z.object({ state: z.string(), nonce: z.string(), verifier: z.string(), to: z.string() });

/** Signing in at the issuer and out again. */
export function signInPages({ auth, signIn, sessions, cookie, attemptCookie, publicUrl, log }: SignInPagesParts): Page[] {
  async function begin({ search, headers }: Visit): Promise<Reply> {
    const to = localPath(new URLSearchParams(search).get('to'));
    // The issuer leads back to one address, and the cookies must be there by then.
    const own = new URL(publicUrl());
    if (headers.host !== own.host) return { kind: 'redirect', to: `${own.origin}${signInPath(to)}` };
    const { url, attempt } = await signIn.begin();
    return { kind: 'redirect', to: url.href, cookies: [attemptCookie.set(packed({ ...attempt, to }), ATTEMPT_SECONDS)] };
  }

  async function finish({ search, headers }: Visit): Promise<Reply> {
    const attempt = unpacked(attemptCookie.read(headers.cookie));
    if (attempt === null) return broken('The way back from the issuer took too long, or began in another browser.', '/');
    try {
      const tokens = await signIn.finish(new URL(`${publicUrl()}${CALLBACK_PATH}?${search}`), attempt);
      const person = await identify(auth, tokens.accessToken);
      const before = cookie.read(headers.cookie);
      if (before !== null) await sessions.end(before);
      const secret = await sessions.begin(person, tokens);
      return { kind: 'redirect', to: localPath(attempt.to), cookies: [attemptCookie.clear(), cookie.set(secret)] };
    } catch (error) {
      if (error instanceof SignInRefusedError) {
        log.warn({ reason: error.message }, 'a sign-in did not come to its end');
        return broken('The issuer refused it, or it was broken off there.', attempt.to);
      }
      if (!(error instanceof Problem) || error.code !== 'invalid_token') throw error;
      log.warn({ err: error }, 'the issuer gives people tokens that the API refuses');
      return broken(`You are signed in at the issuer, but its access token is not good here. ${error.message}`, attempt.to);
    }
  }

  async function signOut({ headers }: Visit): Promise<Reply> {
    const secret = cookie.read(headers.cookie);
    const tokens = secret === null ? null : await sessions.end(secret);
    const onwards = tokens === null ? null : await signIn.end(tokens);
    return { kind: 'redirect', to: onwards?.href ?? SIGNED_OUT_PATH, cookies: [cookie.clear()] };
  }

  async function signedOut(): Promise<Reply> {
    const main = html`<h1>You are signed out</h1>
      <p>Unlocks that were asked for go on by themselves.</p>
      <p><a class="button" href="/sign-in?to=%2F">Sign in</a></p>`;
    return { kind: 'page', title: 'Signed out', main };
  }

  return [
    { method: 'get', path: '/sign-in', access: 'public', handle: begin },
    { method: 'get', path: CALLBACK_PATH, access: 'public', handle: finish },
    { method: 'post', path: '/sign-out', access: 'session', handle: signOut },
    { method: 'get', path: SIGNED_OUT_PATH, access: 'public', handle: signedOut },
  ];
}

function broken(why: string, to: string): Reply {
  const main = html`<h1>The sign-in did not come to its end</h1>
    <p>${why}</p>
    <p><a class="button" href="${signInPath(localPath(to))}">Try again</a></p>`;
  return { kind: 'page', httpStatus: 403, title: 'Sign-in', main };
}

/** A path of ours: nobody is led elsewhere by a link to the sign-in. */
function localPath(to: string | null): string {
  const url = to !== null && /^\/[\x21-\x7e]*$/.test(to) && URL.canParse(to, LOCAL) ? new URL(to, LOCAL) : null;
  return url?.origin === LOCAL && !url.pathname.startsWith('/sign-') ? `${url.pathname}${url.search}` : '/';
}

const LOCAL = 'http://pages.invalid';

type KeptAttempt = Attempt & { readonly to: string };

function packed(attempt: KeptAttempt): string {
  return Buffer.from(JSON.stringify(attempt)).toString('base64url');
}

function unpacked(text: string | null): KeptAttempt | null {
  try {
    return attemptSchema.parse(JSON.parse(Buffer.from(text ?? '', 'base64url').toString()));
  } catch {
    return null;
  }
}
