import * as oidc from 'openid-client';
import type { FetchDocument } from '../outbound/index.js';
import { Problem } from '../http/problem.js';
import type { HttpLog } from '../http/settings.js';

/** What the issuer gave out for one person. */
export interface Tokens {
  readonly accessToken: string;
  /** By this process' clock. */
  readonly accessEndsAt: number;
  readonly refreshToken: string | null;
  readonly idToken: string | null;
}

/** What the browser keeps while its person is at the issuer, so that nobody else's login can be slipped under it. */
export interface Attempt {
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Sign-in by OpenID Connect: authorization code with PKCE. Each method throws Problem 503 where the issuer does not answer. */
export interface SignIn {
  begin(): Promise<{ readonly url: URL; readonly attempt: Attempt }>;
  /** @throws SignInRefusedError */
  finish(cameBackTo: URL, attempt: Attempt): Promise<Tokens>;
  /** @returns null where the issuer refuses: the person must sign in anew */
  renew(tokens: Tokens): Promise<Tokens | null>;
  /**
   * Withdraws what can be withdrawn; never throws.
   * @returns where the issuer ends its own session; null where it offers no such place
   */
  end(tokens: Tokens): Promise<URL | null>;
}

/** Thrown where the issuer, or our own check of its answer, refuses a login; the message is a code. */
export class SignInRefusedError extends Error {
  override readonly name = 'SignInRefusedError';
}

interface SignInParts {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string | null;
  readonly scopes: string;
  /** The pages' own origin; known once the server listens. */
  readonly publicUrl: () => string;
  readonly fetch: FetchDocument;
  readonly log: HttpLog;
}

export const CALLBACK_PATH = '/sign-in/callback';
export const SIGNED_OUT_PATH = '/signed-out';
const TIMEOUT_SECONDS = 5;

export function createSignIn({ issuer, clientId, clientSecret, scopes, publicUrl, fetch, log }: SignInParts): SignIn {
  let discovered: Promise<oidc.Configuration> | null = null;

  async function discover(): Promise<oidc.Configuration> {
    const isPlain = new URL(issuer).protocol === 'http:';
    const authentication = clientSecret === null ? oidc.None() : oidc.ClientSecretBasic(clientSecret);
    const options: oidc.DiscoveryRequestOptions = {
      timeout: TIMEOUT_SECONDS,
      [oidc.customFetch]: (url, init) => fetchJson(fetch, url, init),
      // Which hosts may be plain is decided when the settings are read.
      // eslint-disable-next-line @typescript-eslint/no-deprecated
      ...(isPlain && { execute: [oidc.allowInsecureRequests] }),
    };
    return oidc.discovery(new URL(issuer), clientId, {}, authentication, options);
  }

  async function configuration(): Promise<oidc.Configuration> {
    discovered ??= discover();
    return discovered.catch((error: unknown) => {
      discovered = null;
      throw unavailable(error);
    });
  }

  return {
    async begin() {
      const config = await configuration();
      const attempt = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier() };
      const url = oidc.buildAuthorizationUrl(config, {
        redirect_uri: `${publicUrl()}${CALLBACK_PATH}`,
        scope: scopes,
        state: attempt.state,
        nonce: attempt.nonce,
        code_challenge: await oidc.calculatePKCECodeChallenge(attempt.verifier),
        code_challenge_method: 'S256',
      });
      return { url, attempt };
    },

    async finish(cameBackTo, { state, nonce, verifier }) {
      const config = await configuration();
      try {
        const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, idTokenExpected: true };
        return tokensOf(await oidc.authorizationCodeGrant(config, cameBackTo, checks), null);
      } catch (error) {
        if (isAway(error)) throw unavailable(error);
        throw new SignInRefusedError(reasonOf(error));
      }
    },

    async renew(tokens) {
      const config = await configuration();
      if (tokens.refreshToken === null) return null;
      try {
        return tokensOf(await oidc.refreshTokenGrant(config, tokens.refreshToken), tokens);
      } catch (error) {
        if (isAway(error)) throw unavailable(error);
        return null;
      }
    },

    async end({ refreshToken, idToken }) {
      try {
        const config = await configuration();
        const { revocation_endpoint: revocation, end_session_endpoint: ending } = config.serverMetadata();
        if (revocation !== undefined && refreshToken !== null) await oidc.tokenRevocation(config, refreshToken).catch(told);
        if (ending === undefined) return null;
        return oidc.buildEndSessionUrl(config, {
          post_logout_redirect_uri: `${publicUrl()}${SIGNED_OUT_PATH}`,
          ...(idToken !== null && { id_token_hint: idToken }),
        });
      } catch (error) {
        told(error);
        return null;
      }
    },
  };

  function told(error: unknown): void {
    log.warn({ reason: reasonOf(error) }, 'the issuer could not be told of a sign-out');
  }
}

type TokenAnswer = Awaited<ReturnType<typeof oidc.refreshTokenGrant>>;

/** Where an issuer says nothing of it, an access token is taken to be good for a minute: then it is renewed. */
const UNTOLD_SECONDS = 60;

function tokensOf(answer: TokenAnswer, before: Tokens | null): Tokens {
  return {
    accessToken: answer.access_token,
    accessEndsAt: Date.now() + (answer.expires_in ?? UNTOLD_SECONDS) * 1000,
    refreshToken: answer.refresh_token ?? before?.refreshToken ?? null,
    idToken: answer.id_token ?? before?.idToken ?? null,
  };
}

/** The way out tells status and body; a body that is JSON may be read as such. */
async function fetchJson(fetch: FetchDocument, url: string, { method, headers, body, signal }: oidc.CustomFetchOptions): Promise<Response> {
  const form = body instanceof URLSearchParams ? { body } : {};
  const response = await fetch(url, { method, headers, ...form, ...(signal !== undefined && { signal }) });
  const text = await response.text();
  if (response.status >= 500) throw new TypeError(`the issuer answers ${response.status}`);
  return new Response(text === '' ? null : text, { status: response.status, headers: { 'content-type': 'application/json' } });
}

/** The network's failures come as TypeErrors, ours of the way out among them; what the issuer says does not. */
function isAway(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof oidc.ClientError && error.cause instanceof TypeError);
}

/** By its code alone: what the library keeps of an answer may be somebody's name or token. */
function reasonOf(error: unknown): string {
  if (typeof error !== 'object' || error === null) return 'unknown';
  if ('error' in error && typeof error.error === 'string') return error.error;
  return 'code' in error && typeof error.code === 'string' ? error.code : error instanceof Error ? error.name : 'unknown';
}

function unavailable(cause: unknown): Problem {
  return new Problem('temporarily_unavailable', { detail: 'The issuer of the sign-in does not answer. Try again in a moment.', cause });
}
