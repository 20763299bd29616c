import { createHash, createHmac, hkdfSync, randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { CompactEncrypt, compactDecrypt } from 'jose';
import { z } from 'zod';
import type { DeskSessions, KeptSession } from '../audit/desk-sessions.js';
import { scopes, type Scope } from '../http/auth.js';
import { Problem } from '../http/problem.js';
import type { Person } from './identify.js';
import type { Tokens } from './sign-in.js';

/** Somebody who is signed in. */
export interface Session {
  readonly person: Person;
  readonly tokens: Tokens;
  /** What a form of this session must bring along; it says nothing of the cookie. */
  readonly formToken: string;
  /** When it ends if the person does nothing more, or the token does. */
  readonly endsAt: Date;
}

/** Sessions of the pages. The browser has a secret and nothing else; the database has nothing without it. */
export interface Sessions {
  /** @returns the secret for the cookie */
  begin(person: Person, tokens: Tokens): Promise<string>;
  /**
   * @param isActive false for what a page does by itself
   * @returns null where it has ended, or its tokens can no longer be renewed
   */
  open(secret: string, isActive: boolean): Promise<Session | null>;
  /** @returns its tokens; null where it had ended already */
  end(secret: string): Promise<Tokens | null>;
}

interface SessionsParts {
  readonly store: DeskSessions;
  readonly maxMs: number;
  /** New tokens, and what they allow; null where the issuer refuses. */
  readonly renew: (tokens: Tokens) => Promise<Content | null>;
}

interface Content {
  readonly person: Person;
  readonly tokens: Tokens;
}

/** Tokens are renewed so long before their end, so that none ends on its way. */
const EARLY_MS = 15_000;
/** How long a process waits for another one that renews the same tokens. */
const RENEWED_WITHIN_MS = 5_000;
const LOOK_AGAIN_MS = 100;

const contentSchema = z.object({
  person: z.object({
    id: z.string(),
    name: z.string().nullable(),
    institutionId: z.string(),
    scopes: z.array(z.custom<Scope>((name) => typeof name === 'string' && Object.hasOwn(scopes, name))),
  }),
  tokens: z.object({
    accessToken: z.string(),
    accessEndsAt: z.number(),
    refreshToken: z.string().nullable(),
    idToken: z.string().nullable(),
  }),
});

export function createSessions({ store: database, maxMs, renew }: SessionsParts): Sessions {
  const store = honest(database);

  async function renewed(keys: Keys, kept: KeptSession, content: Content): Promise<{ kept: KeptSession; content: Content } | null> {
    if (content.tokens.refreshToken === null) return null;
    if (await store.beginRenewal(keys.id, kept.version)) {
      const fresh = await renew(content.tokens);
      if (fresh === null) return null;
      await store.renew(keys.id, kept.version, await seal(keys, fresh));
      return { kept, content: fresh };
    }
    // A refresh token may be good once only: another page or process is at it.
    for (const until = Date.now() + RENEWED_WITHIN_MS; Date.now() < until; await sleep(LOOK_AGAIN_MS)) {
      const again = await store.find(keys.id, false);
      if (again === null) return null;
      if (again.version !== kept.version) return { kept: again, content: await unseal(keys, again.sealed) };
    }
    throw new Problem('temporarily_unavailable', { detail: 'Your sign-in is being renewed and that takes long. Try again in a moment.' });
  }

  return {
    async begin(person, tokens) {
      const secret = randomBytes(32).toString('base64url');
      const keys = keysOf(secret);
      await store.begin({ id: keys.id, sealed: await seal(keys, { person, tokens }), lifeMs: maxMs });
      return secret;
    },

    async open(secret, isActive) {
      const keys = keysOf(secret);
      const found = await store.find(keys.id, isActive);
      if (found === null) return null;
      const content = await unseal(keys, found.sealed);
      const isGood = content.tokens.accessEndsAt - EARLY_MS > Date.now();
      const session = isGood ? { kept: found, content } : await renewed(keys, found, content);
      if (session === null) {
        await store.end(keys.id);
        return null;
      }
      const { person, tokens } = session.content;
      const endsAt = new Date(Math.min(Date.now() + session.kept.endsInMs, tokens.accessEndsAt));
      return { person, tokens, formToken: keys.formToken, endsAt };
    },

    async end(secret) {
      const keys = keysOf(secret);
      const found = await store.find(keys.id, false);
      await store.end(keys.id);
      return found === null ? null : (await unseal(keys, found.sealed)).tokens;
    },
  };
}

/** The store whose failures say what they mean to a person: it does not follow that they are not signed in. */
function honest(store: DeskSessions): DeskSessions {
  const told = <T>(work: Promise<T>): Promise<T> =>
    work.catch((cause: unknown) => {
      throw new Problem('temporarily_unavailable', { detail: 'Your sign-in cannot be looked up now.', cause });
    });
  return {
    begin: (session) => told(store.begin(session)),
    find: (id, isActive) => told(store.find(id, isActive)),
    beginRenewal: (id, version) => told(store.beginRenewal(id, version)),
    renew: (id, version, sealed) => told(store.renew(id, version, sealed)),
    end: (id) => told(store.end(id)),
  };
}

interface Keys {
  readonly id: Uint8Array;
  readonly key: Uint8Array;
  readonly formToken: string;
}

/** All that is needed follows from the browser's secret, each by a way of its own. */
function keysOf(secret: string): Keys {
  return {
    id: createHash('sha256').update(`latchkey session id ${secret}`).digest(),
    key: new Uint8Array(hkdfSync('sha256', secret, '', 'latchkey session key', 32)),
    formToken: createHmac('sha256', secret).update('latchkey form').digest('base64url'),
  };
}

async function seal({ key }: Keys, content: Content): Promise<string> {
  const bytes = new TextEncoder().encode(JSON.stringify(content));
  return new CompactEncrypt(bytes).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' }).encrypt(key);
}

async function unseal({ key }: Keys, sealed: string): Promise<Content> {
  const { plaintext } = await compactDecrypt(sealed, key, { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: ['A256GCM'] });
  return contentSchema.parse(JSON.parse(new TextDecoder().decode(plaintext)));
}
