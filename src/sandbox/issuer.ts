import { randomUUID } from 'node:crypto';
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK } from 'jose';
import type { JsonValue } from '../domain/audit-event.js';

/** Every scope that Latchkey's API knows. */
export const callerScopes = [
  'institution-users:read',
  'institution-users:write',
  'unlocks:operate',
  'unlocks:approve',
  'audit:read',
  'temporal:decode',
] as const;

/** The one client that may ask for tokens; it needs no secret, since this issuer guards nothing but the sandbox. */
export const CALLER_CLIENT_ID = 'latchkey-sandbox';

/** A working day. */
export const CALLER_TOKEN_SECONDS = 8 * 3600;

/** What a caller's token is to say; whatever is left out makes a good token of a support agent. */
export interface TokenWish {
  readonly subject?: string;
  readonly clientId?: string;
  readonly scopes?: readonly string[];
  readonly institutionId?: string;
  readonly name?: string | null;
  readonly audience?: string;
  readonly issuer?: string;
  readonly typ?: string;
  /** Negative: expired already. */
  readonly expiresInSeconds?: number;
  /** Claims to add or replace, last. */
  readonly claims?: Readonly<Record<string, JsonValue>>;
  /** Claims to leave out, after everything else. */
  readonly without?: readonly string[];
  /** Signed with a key that the issuer does not publish, under the key id of the current one. */
  readonly forged?: boolean;
}

interface SigningKey {
  readonly privateKey: CryptoKey;
  readonly jwk: JWK & { readonly kid: string };
}

/** Issues RFC 9068 access tokens (ES256) for callers of Latchkey. */
export interface Issuer {
  mintToken(wish?: TokenWish): Promise<string>;
  /** Public keys, the current one first. */
  jwks(): { readonly keys: readonly JWK[] };
  /**
   * Signs with a new key from now on.
   * @param keepPrevious whether tokens already out stay good (default true)
   */
  rotateKey(options?: { readonly keepPrevious?: boolean }): Promise<void>;
}

interface IssuerParts {
  /** Known once the port is. */
  readonly issuerUrl: () => string;
  readonly audience: string;
  readonly institutionId: string;
}

export async function createIssuer({ issuerUrl, audience, institutionId }: IssuerParts): Promise<Issuer> {
  const unpublished = await newKey();
  let current = await newKey();
  let published: readonly SigningKey[] = [current];

  return {
    async mintToken(wish = {}) {
      const nowSeconds = Math.floor(Date.now() / 1000);
      const claims: Record<string, JsonValue> = {
        iss: wish.issuer ?? issuerUrl(),
        aud: wish.audience ?? audience,
        sub: wish.subject ?? 'agent-1',
        client_id: wish.clientId ?? CALLER_CLIENT_ID,
        iat: nowSeconds,
        exp: nowSeconds + (wish.expiresInSeconds ?? CALLER_TOKEN_SECONDS),
        jti: randomUUID(),
        scope: (wish.scopes ?? callerScopes).join(' '),
        institution_id: wish.institutionId ?? institutionId,
        ...(wish.name === null ? {} : { name: wish.name ?? 'Sam Support' }),
        ...wish.claims,
      };
      for (const claim of wish.without ?? []) Reflect.deleteProperty(claims, claim);
      const key = wish.forged === true ? unpublished.privateKey : current.privateKey;
      return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', typ: wish.typ ?? 'at+jwt', kid: current.jwk.kid }).sign(key);
    },
    jwks: () => ({ keys: published.map(({ jwk }) => jwk) }),
    async rotateKey({ keepPrevious = true } = {}) {
      current = await newKey();
      published = keepPrevious ? [current, ...published] : [current];
    },
  };
}

async function newKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256');
  const jwk = await exportJWK(publicKey);
  return { privateKey, jwk: { ...jwk, kid: await calculateJwkThumbprint(jwk), alg: 'ES256', use: 'sig' } };
}
