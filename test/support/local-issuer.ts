import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { exportJWK, SignJWT } from 'jose';
import type { FetchDocument } from '../../src/outbound/index.js';

export const ISSUER = 'https://issuer.example/bank';
export const JWKS_URL = 'https://issuer.example/bank/keys';

interface LocalKey {
  readonly kid: string | null;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/** A key pair of its own for each algorithm that tokens may be signed with. */
export function makeKey(alg: string, kid: string | null = alg, bits = 2048): LocalKey {
  const curves: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };
  const namedCurve = curves[alg];
  const pair = alg.startsWith('Ed')
    ? generateKeyPairSync('ed25519')
    : namedCurve === undefined
      ? generateKeyPairSync('rsa', { modulusLength: bits })
      : generateKeyPairSync('ec', { namedCurve });
  return { kid, alg, ...pair };
}

export const now = (): number => Math.floor(Date.now() / 1000);

/** A token that is let in, but for what the wish changes; undefined takes a claim out. */
export function signToken(key: LocalKey, claims: Record<string, unknown> = {}, header: Record<string, unknown> = {}): Promise<string> {
  const usual = {
    iss: ISSUER,
    aud: 'latchkey',
    exp: now() + 300,
    sub: 'agent-7',
    client_id: 'desk',
    institution_id: 'bank-one',
    scope: 'institution-users:read',
  };
  const kid = key.kid === null ? {} : { kid: key.kid };
  return new SignJWT({ ...usual, ...claims }).setProtectedHeader({ alg: key.alg, typ: 'at+jwt', ...kid, ...header }).sign(key.privateKey);
}

/** The keys as the issuer publishes them. */
export async function publish(keys: readonly LocalKey[]): Promise<{ keys: object[] }> {
  return {
    keys: await Promise.all(
      keys.map(async ({ kid, alg, publicKey }) => ({ ...(await exportJWK(publicKey)), use: 'sig', alg, ...(kid === null ? {} : { kid }) })),
    ),
  };
}

interface ScriptedFetch {
  readonly fetch: FetchDocument;
  readonly asked: string[];
  /** How it was asked, in the same order. */
  readonly manners: (RequestInit | undefined)[];
}

/** An issuer that answers from a table by URL, and notes what it was asked; a number is the status of an empty answer. */
export function scriptedFetch(answers: Record<string, unknown>): ScriptedFetch {
  const asked: string[] = [];
  const manners: (RequestInit | undefined)[] = [];
  return {
    asked,
    manners,
    fetch: async (url, init) => {
      asked.push(String(url));
      manners.push(init);
      const answer = answers[String(url)] ?? 404;
      return typeof answer === 'number' ? new Response(null, { status: answer }) : Response.json(answer);
    },
  };
}
