import { createRemoteJWKSet, customFetch, errors, type JWTVerifyGetKey } from 'jose';
import { z } from 'zod';
import type { FetchDocument } from '../outbound/index.js';
import { fromIssuer, restingAfterFailure } from './issuer-fetch.js';

/** Thrown where the issuer's keys cannot be had: it says nothing about the token. */
export class IssuerUnavailableError extends Error {
  override readonly name = 'IssuerUnavailableError';
}

interface IssuerKeysParts {
  readonly issuer: string;
  /** Where the keys are; null: discovered. */
  readonly jwksUrl: string | null;
  readonly fetch: FetchDocument;
}

const TIMEOUT_MS = 3_000;
// How soon after a fetch an unknown key id may cause another one: a rotated key is known quickly, a flood of made-up ids costs little.
const COOLDOWN_MS = 5_000;
// How long an issuer that failed is left alone; short, because everybody waits for it.
const FAILURE_COOLDOWN_MS = 1_000;
// A token without a key id is tried with every key.
const MOST_KEYS = 50;

// Everything else that goes wrong speaks of the issuer.
const aboutTheToken = [errors.JWKSNoMatchingKey, errors.JWKSMultipleMatchingKeys, errors.JOSENotSupported];

/**
 * The issuer's keys, fetched when first needed, kept for ten minutes, and looked for again once the issuer is back.
 * @throws IssuerUnavailableError from the returned function
 */
export function createIssuerKeys({ issuer, jwksUrl, fetch }: IssuerKeysParts): JWTVerifyGetKey {
  const ask = fromIssuer(fetch);
  let located: Promise<JWTVerifyGetKey> | null = null;

  async function locate(): Promise<JWTVerifyGetKey> {
    const url = jwksUrl === null ? await discoverJwksUrl(issuer, ask) : new URL(jwksUrl);
    return createRemoteJWKSet(url, {
      timeoutDuration: TIMEOUT_MS,
      cooldownDuration: COOLDOWN_MS,
      [customFetch]: restingAfterFailure((url, init) => fetchKeys(ask, url, init), FAILURE_COOLDOWN_MS),
    });
  }

  return async (header, token) => {
    try {
      located ??= locate().catch((error: unknown) => {
        setTimeout(() => (located = null), FAILURE_COOLDOWN_MS).unref();
        throw error;
      });
      const keys = await located;
      return await keys(header, token);
    } catch (error) {
      if (aboutTheToken.some((kind) => error instanceof kind)) throw error;
      throw new IssuerUnavailableError(`the keys of ${issuer} cannot be had`, { cause: error });
    }
  };
}

const keysSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).max(MOST_KEYS) });

async function fetchKeys(ask: FetchDocument, url: string | URL, init: RequestInit): Promise<Response> {
  return Response.json(keysSchema.parse(await (await ask(url, init)).json()));
}

const metadataSchema = z.object({ issuer: z.string(), jwks_uri: z.url({ protocol: /^https?$/ }) });

async function discoverJwksUrl(issuer: string, ask: FetchDocument): Promise<URL> {
  const failures: unknown[] = [];
  for (const url of metadataUrls(issuer)) {
    try {
      const response = await ask(url, { signal: AbortSignal.timeout(TIMEOUT_MS), headers: { accept: 'application/json' } });
      const metadata = metadataSchema.parse(await response.json());
      if (metadata.issuer !== issuer) throw new Error(`${url.href} speaks for ${metadata.issuer}, not for ${issuer}`);
      const keysUrl = new URL(metadata.jwks_uri);
      if (url.protocol === 'https:' && keysUrl.protocol !== 'https:') throw new Error(`${url.href} names keys that are not on https`);
      return keysUrl;
    } catch (error) {
      failures.push(error);
    }
  }
  throw new AggregateError(failures, `no metadata of ${issuer}`);
}

/** OpenID Connect Discovery appends to the issuer's path, RFC 8414 stands before it. */
export function metadataUrls(issuer: string): URL[] {
  const { origin, pathname } = new URL(issuer);
  const path = pathname.replace(/\/$/, '');
  return [new URL(`${origin}${path}/.well-known/openid-configuration`), new URL(`${origin}/.well-known/oauth-authorization-server${path}`)];
}
