import { createHash, randomBytes } from 'node:crypto';
import * as z from 'zod';
import { readBody } from './exchange.js';
import type { Exchange } from './exchange.js';
import type { Issuer } from './issuer.js';
import { loginPage, pagePolicy, refusalPage, signedOutPage } from './login-pages.js';
import { people, type Person } from './people.js';

/** The pages' client: a public one, which proves with PKCE that it is who began the login. */
export const DESK_CLIENT_ID = 'latchkey-desk';

interface LoginParts {
  readonly issuer: Issuer;
  readonly issuerUrl: () => string;
  /** How long access tokens of people are good. */
  readonly tokenSeconds: number;
}

/** What a token endpoint answers. */
export type Grant =
  { readonly kind: 'granted'; readonly body: Record<string, string | number> } | { readonly kind: 'refused'; readonly description: string };

const text = z.string().min(1).max(1000);
const wishSchema = z.object({
  response_type: z.literal('code'),
  client_id: z.literal(DESK_CLIENT_ID),
  redirect_uri: z.url().refine(isLoopback, 'must lead to this machine'),
  scope: z.string().max(1000),
  state: text,
  nonce: text,
  code_challenge: z.string().regex(/^[\w-]{43}$/),
  code_challenge_method: z.literal('S256'),
});
type Wish = z.infer<typeof wishSchema>;

interface Login {
  readonly person: Person;
  readonly scopes: readonly string[];
  readonly nonce: string;
}

interface Code extends Login {
  readonly wish: Wish;
  readonly endsAt: number;
}

const CODE_MS = 60_000;
const FORM_LIMIT_BYTES = 16 * 1024;

/** OpenID Connect for people: authorization code with PKCE (S256), refresh tokens that are used once, sign-out. */
export function createLogin({ issuer, issuerUrl, tokenSeconds }: LoginParts) {
  const codes = new Map<string, Code>();
  const logins = new Map<string, Login>();

  async function tokensOf(login: Login): Promise<Grant> {
    const { person, scopes, nonce } = login;
    const who = { subject: person.id, name: person.name, clientId: DESK_CLIENT_ID, expiresInSeconds: tokenSeconds };
    const refreshToken = secret();
    logins.set(refreshToken, login);
    return {
      kind: 'granted',
      body: {
        access_token: await issuer.mintToken({ ...who, scopes }),
        id_token: await issuer.mintToken({
          ...who,
          audience: DESK_CLIENT_ID,
          typ: 'JWT',
          claims: { nonce },
          without: ['client_id', 'scope', 'institution_id', 'jti'],
        }),
        refresh_token: refreshToken,
        token_type: 'Bearer',
        expires_in: tokenSeconds,
        scope: scopes.join(' '),
      },
    };
  }

  return {
    /** The page on which people say who they are, and what they say. */
    async authorize(exchange: Exchange): Promise<void> {
      const { request, method, query } = exchange;
      const form = method === 'POST' ? new URLSearchParams(await readBody(request, FORM_LIMIT_BYTES)) : query;
      const wish = wishSchema.safeParse(Object.fromEntries(form));
      if (!wish.success) return sendPage(exchange, 400, refusalPage(z.prettifyError(wish.error)));
      const asked = wish.data.scope.split(' ');
      const person = people.find(({ id }) => method === 'POST' && id === form.get('person'));
      if (person === undefined) return sendPage(exchange, 200, loginPage(people, wish.data));
      const code = secret();
      const scopes = person.scopes.filter((scope) => asked.includes(scope));
      codes.set(code, { person, scopes, nonce: wish.data.nonce, wish: wish.data, endsAt: Date.now() + CODE_MS });
      const back = new URL(wish.data.redirect_uri);
      back.search = new URLSearchParams({ code, state: wish.data.state, iss: issuerUrl() }).toString();
      redirect(exchange, back);
    },

    async redeem(form: URLSearchParams): Promise<Grant> {
      const code = codes.get(form.get('code') ?? '');
      codes.delete(form.get('code') ?? '');
      if (code === undefined || code.endsAt < Date.now()) return refused('the code is unknown, used or too old');
      if (form.get('redirect_uri') !== code.wish.redirect_uri) return refused('redirect_uri is another one');
      const challenge = createHash('sha256')
        .update(form.get('code_verifier') ?? '')
        .digest('base64url');
      return challenge === code.wish.code_challenge ? tokensOf(code) : refused('code_verifier does not fit');
    },

    async refresh(form: URLSearchParams): Promise<Grant> {
      const token = form.get('refresh_token') ?? '';
      const login = logins.get(token);
      logins.delete(token);
      return login === undefined ? refused('the refresh token is unknown or used') : tokensOf(login);
    },

    /** RFC 7009: whatever it is, it is worthless afterwards. */
    revoke(form: URLSearchParams): void {
      logins.delete(form.get('token') ?? '');
    },

    async endSession(exchange: Exchange): Promise<void> {
      const { query } = exchange;
      const to = query.get('post_logout_redirect_uri') ?? '';
      if (!isLoopback(to)) return sendPage(exchange, 200, signedOutPage);
      const back = new URL(to);
      const state = query.get('state');
      if (state !== null) back.searchParams.set('state', state);
      redirect(exchange, back);
    },
  };
}

export type LoginEndpoints = ReturnType<typeof createLogin>;

function refused(description: string): Grant {
  return { kind: 'refused', description };
}

function secret(): string {
  return randomBytes(24).toString('base64url');
}

/** Nobody can be led elsewhere by this issuer. */
function isLoopback(url: string): boolean {
  return URL.canParse(url) && /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])$/.test(new URL(url).hostname) && /^https?:/.test(url);
}

function redirect({ response }: Exchange, to: URL): void {
  response.writeHead(303, { location: to.href, 'cache-control': 'no-store' }).end();
}

function sendPage({ response }: Exchange, httpStatus: number, page: string): void {
  const headers = { 'content-type': 'text/html; charset=utf-8', 'content-security-policy': pagePolicy, 'cache-control': 'no-store' };
  response.writeHead(httpStatus, headers).end(page);
}
