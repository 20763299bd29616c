import type { Logger } from 'pino';
import { createDeskSessions } from '../audit/index.js';
import type { Config } from '../config.js';
import type { MakePages } from '../http/app.js';
import { createDesk, type DeskParts } from '../web/index.js';
import type { Closers } from './closers.js';
import { issuerFetch, openDatabase } from './parts.js';

interface DeskSettings extends Pick<DeskParts, 'publicUrl' | 'tryOut'> {
  readonly config: Config;
  readonly log: Logger;
  readonly closers: Closers;
}

/** Apart from the audit log's connections, so that neither waits for the other. */
const SESSION_CONNECTIONS = 2;

/** @returns null where no client at the issuer is set: then there are no pages */
export function openDesk({ config, log, closers, publicUrl, tryOut }: DeskSettings): MakePages | null {
  const { OIDC_CLIENT_ID: clientId, AUTH_ISSUER: issuer } = config;
  if (clientId === undefined || issuer === undefined) return null;
  const prisma = openDatabase({ config, log, closers, poolSize: SESSION_CONNECTIONS });
  return createDesk({
    issuer,
    clientId,
    clientSecret: config.OIDC_CLIENT_SECRET ?? null,
    scopes: config.OIDC_SCOPES,
    publicUrl: () => new URL(publicUrl()).origin,
    secure: config.PUBLIC_URL?.startsWith('https:') ?? false,
    store: createDeskSessions({ prisma, idleMs: config.SESSION_IDLE_MS }),
    sessionMaxMs: config.SESSION_MAX_MS,
    fetch: issuerFetch(config, issuer),
    tryOut,
  });
}
