import { errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose';
import { z } from 'zod';
import type { Actor } from '../domain/unlock-request.js';
import { RETRY_AFTER_SECONDS } from './error-codes.js';
import type { FetchDocument } from '../outbound/index.js';
import { createIssuerKeys, IssuerUnavailableError } from './issuer-keys.js';
import { Problem } from './problem.js';

/** What a token may allow. */
export const scopes = {
  'institution-users:write': 'Unlock customers',
  'institution-users:read': 'Read unlock requests and lock statuses',
  'unlocks:operate': 'Steer unlocks',
  'unlocks:approve': 'Approve or decline, as a second person, the unlock of a customer who was unlocked too often',
  'temporal:decode': 'Read what Temporal keeps encrypted, of every institution: for those who operate the deployment',
  'audit:read': 'Read the audit log',
} as const;
export type Scope = keyof typeof scopes;

/** Who is calling, as the verified token says. */
export interface Caller {
  readonly actor: Omit<Actor, 'onBehalfOf' | 'clientId'> & { readonly clientId: string };
  readonly institutionId: string;
  /** When the token ends; what outlasts a request must end by then. */
  readonly expiresAt: Date;
}

/** Whose token it is that is good but does not allow what was asked for. */
export interface Bearer {
  readonly actor: Caller['actor'];
  /** Null: none that is served here. */
  readonly institutionId: string | null;
}

/** 403: it is known who asked. */
export class ForbiddenProblem extends Problem {
  readonly bearer: Bearer;

  constructor(
    code: 'insufficient_scope' | 'institution_not_served' | 'approver_not_allowed',
    bearer: Bearer,
    parts: ConstructorParameters<typeof Problem>[1],
  ) {
    super(code, parts);
    this.bearer = bearer;
  }
}

/**
 * Finds out who is calling.
 * @param authorization every `Authorization` header of the request
 * @throws Problem 401, 403, or 503 where the issuer's keys cannot be had
 */
export type Authenticator = (authorization: readonly string[], scope: Scope) => Promise<Caller>;

interface AuthenticatorParts {
  readonly issuer: string;
  readonly audience: string;
  /** Where the issuer's keys are; null: discovered. */
  readonly jwksUrl: string | null;
  /** What the header `typ` must say (RFC 9068: `at+jwt`). */
  readonly tokenTyp: string;
  readonly allowedInstitutions: readonly string[];
  /** The way to the issuer. */
  readonly fetch: FetchDocument;
}

// Asymmetric ones only: with a shared secret whoever can check a token could make one.
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'];

const identity = z
  .string()
  .min(1)
  .max(255)
  .regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]*$/u);
const seconds = z.number().nonnegative();
const claimsSchema = z.object({ sub: identity, client_id: identity, name: identity.nullish(), exp: seconds, iat: seconds.optional() });
const CLOCK_TOLERANCE_SECONDS = 5;

export function createAuthenticator({
  issuer,
  audience,
  jwksUrl,
  tokenTyp,
  allowedInstitutions,
  fetch,
}: AuthenticatorParts): Authenticator {
  const keys = createIssuerKeys({ issuer, jwksUrl, fetch });
  const expectations: JWTVerifyOptions = {
    issuer,
    audience,
    typ: tokenTyp,
    algorithms: ALGORITHMS,
    requiredClaims: ['exp', 'sub', 'client_id'],
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  };

  async function verify(token: string): Promise<JWTPayload> {
    // Decoders overlook stray bits: only the one spelling that was issued counts.
    if (!token.split('.').every(isCanonical)) throw new errors.JWSInvalid();
    try {
      return (await jwtVerify(token, keys, expectations)).payload;
    } catch (error) {
      if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
      // A token without a key id may fit several keys: one that verifies it is enough.
      for await (const key of error) {
        try {
          return (await jwtVerify(token, key, expectations)).payload;
        } catch (failure) {
          if (!(failure instanceof errors.JWSSignatureVerificationFailed)) throw failure;
        }
      }
      throw new errors.JWSSignatureVerificationFailed();
    }
  }

  return async (authorization, scope) => {
    const payload = await verify(bearerToken(authorization)).catch((error: unknown) => {
      throw tokenProblem(error);
    });
    const claims = claimsSchema.safeParse(payload);
    if (!claims.success) {
      throw invalidToken('Its claims sub, client_id and name must be plain text of at most 255 characters, exp and iat finite numbers.');
    }
    if ((claims.data.iat ?? 0) > Date.now() / 1000 + CLOCK_TOLERANCE_SECONDS) throw invalidToken('It was issued in the future.');
    const { sub, client_id: clientId, name, exp } = claims.data;
    const actor: Caller['actor'] = { type: sub === clientId ? 'service' : 'user', id: sub, name: name ?? null, clientId };
    const institutionId = allowedInstitutions.find((allowed) => allowed === payload.institution_id) ?? null;
    if (!grantedScopes(payload).has(scope)) throw insufficientScope(scope, { actor, institutionId });
    if (institutionId !== null) return { actor, institutionId, expiresAt: new Date(exp * 1000) };
    throw new ForbiddenProblem(
      'institution_not_served',
      { actor, institutionId },
      { detail: 'The claim institution_id must name an institution that this deployment serves.' },
    );
  };
}

function bearerToken(authorization: readonly string[]): string {
  const [header, ...more] = authorization;
  if (header === undefined) {
    throw new Problem('missing_token', {
      detail: 'Send an access token in the Authorization header: Bearer <token>.',
      headers: { 'www-authenticate': 'Bearer realm="latchkey"' },
    });
  }
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*) *$/i.exec(header)?.[1];
  if (token === undefined || more.length > 0) throw invalidToken('Send one Authorization header: Bearer <token>.');
  return token;
}

function isCanonical(part: string): boolean {
  return Buffer.from(part, 'base64url').toString('base64url') === part;
}

function tokenProblem(error: unknown): unknown {
  if (error instanceof IssuerUnavailableError) {
    return new Problem('temporarily_unavailable', {
      detail: 'The token cannot be checked, because the issuer does not give its keys. Try again later.',
      headers: { 'retry-after': RETRY_AFTER_SECONDS },
      cause: error,
    });
  }
  if (error instanceof errors.JWTExpired) return invalidToken('It has expired: get a new one.');
  if (error instanceof errors.JWTClaimValidationFailed)
    return invalidToken(`Its "${error.claim}" is missing or not what this API expects.`);
  if (error instanceof errors.JOSEError)
    return invalidToken("It is not a JWT that one of the issuer's keys signed with an asymmetric algorithm.");
  // Keys of the wrong kind or size under a fitting name come as TypeErrors.
  if (error instanceof TypeError) return invalidToken("It cannot be verified with the issuer's keys.");
  return error;
}

function invalidToken(detail: string): Problem {
  return new Problem('invalid_token', {
    detail: `The token is refused. ${detail}`,
    headers: { 'www-authenticate': 'Bearer realm="latchkey", error="invalid_token"' },
  });
}

function insufficientScope(scope: Scope, bearer: Bearer): Problem {
  return new ForbiddenProblem('insufficient_scope', bearer, {
    detail: `The token needs the scope ${scope}.`,
    headers: { 'www-authenticate': `Bearer realm="latchkey", error="insufficient_scope", scope="${scope}"` },
  });
}

const scopeNames = z.union([z.string().transform((text) => text.split(' ')), z.array(z.string())]).catch([]);

function grantedScopes({ scope, scp }: JWTPayload): Set<string> {
  return new Set([...scopeNames.parse(scope), ...scopeNames.parse(scp)]);
}
