import { request as httpRequest, type IncomingHttpHeaders } from 'node:http';
import { OAuth2Server } from 'oauth2-mock-server';
import type { AuditLog } from '../../src/audit/audit-log.js';
import type { AuditReview } from '../../src/audit/audit-review.js';
import { createApp, type AppParts } from '../../src/http/app.js';
import { createAuthenticator } from '../../src/http/auth.js';
import { createHttpServer } from '../../src/http/server.js';
import type { HttpSettings } from '../../src/http/settings.js';
import type { UnlockExecutions } from '../../src/temporal/unlock-executions.js';
import { issuerFetch } from './anywhere.js';

export const AUDIENCE = 'latchkey';
export const INSTITUTION = 'bank-one';

/**
 * An issuer that is not ours, so that no two mistakes of ours cancel each other out.
 * @param tls files with which it speaks https alone
 */
export async function startForeignIssuer(port?: number, tls?: { readonly keyFile: string; readonly certificateFile: string }) {
  const server = new OAuth2Server(tls?.keyFile, tls?.certificateFile);
  await server.issuer.keys.generate('RS256');
  await server.start(port, '127.0.0.1');
  const url = server.issuer.url;
  if (url === undefined) throw new Error('the issuer has no URL');

  interface Wish {
    readonly claims?: Readonly<Record<string, unknown>>;
    readonly header?: Readonly<Record<string, unknown>>;
    readonly without?: readonly string[];
  }

  /** A token that the front door takes, but for what the wish changes. */
  function token({ claims = {}, header = {}, without = [] }: Wish = {}): Promise<string> {
    return server.issuer.buildToken({
      scopesOrTransform: (itsHeader, payload) => {
        Object.assign(itsHeader, { typ: 'at+jwt' }, header);
        const usual = {
          aud: AUDIENCE,
          sub: 'agent-7',
          client_id: 'desk',
          name: 'Ann Agent',
          institution_id: INSTITUTION,
          scope: ALL_SCOPES,
        };
        Object.assign(payload, usual, claims);
        for (const claim of without) Reflect.deleteProperty(payload, claim);
      },
    });
  }

  return { url, port: server.address().port, token, stop: () => server.stop(), keys: server.issuer.keys };
}

const ALL_SCOPES = 'institution-users:write institution-users:read audit:read unlocks:operate temporal:decode';
export type ForeignIssuer = Awaited<ReturnType<typeof startForeignIssuer>>;

export const settings: HttpSettings = {
  unlockWaitMs: 5_000,
  notLockedPolicy: 'reject',
  reasonRequired: false,
  customerIdPattern: /^[A-Za-z0-9_-]{1,64}$/,
  budget: {
    maxAttempts: 3,
    initialIntervalMs: 50,
    maxIntervalMs: 500,
    retryAfterMaxMs: 1_000,
    activityTimeoutMs: 20_000,
    deadlineMs: 60_000,
  },
  sendQueue: null,
  temporalUiUrl: 'http://127.0.0.1:8233',
  auditVerifiers: [],
  relockWatchMs: null,
  repeatGuard: null,
  namespace: 'default',
};

/** Rooms behind the door that must not be entered: each call is noted and fails. */
export function closedRooms() {
  const entered: string[] = [];
  const refuse = (name: string) => async (): Promise<never> => {
    entered.push(name);
    throw new Error(`${name} must not be reached`);
  };
  const audit: AuditLog = {
    append: refuse('append'),
    claimAttempt: refuse('claimAttempt'),
    eventsOf: refuse('eventsOf'),
    eventsOfAll: refuse('eventsOfAll'),
    eventCounts: refuse('eventCounts'),
    holderOf: refuse('holderOf'),
    recentUnlocks: refuse('recentUnlocks'),
    listRequests: refuse('listRequests'),
    openRequests: refuse('openRequests'),
    runningAmong: refuse('runningAmong'),
    endingsOf: refuse('endingsOf'),
    logNumber: refuse('logNumber'),
    ping: refuse('audit ping'),
  };
  const review: AuditReview = {
    listEvents: refuse('listEvents'),
    eventsById: refuse('eventsById'),
    summarize: refuse('summarize'),
    beginExport: refuse('beginExport'),
    exportPage: refuse('exportPage'),
    caseOf: refuse('caseOf'),
    sealedEvent: refuse('sealedEvent'),
    checkpoint: refuse('checkpoint'),
    inclusionProofs: refuse('inclusionProofs'),
    consistencyProof: refuse('consistencyProof'),
    health: refuse('health'),
  };
  const executions: UnlockExecutions = {
    start: refuse('start'),
    find: refuse('find'),
    waitUntilClosed: refuse('waitUntilClosed'),
    operate: refuse('operate'),
    tellDecision: refuse('tellDecision'),
    readLockStatus: refuse('readLockStatus'),
    historyOf: refuse('historyOf'),
    ping: refuse('temporal ping'),
  };
  return { audit, review, executions, entered };
}

interface LogLine {
  readonly fields: object;
  readonly message: string;
}

/** The front door on a port of its own, asking the given issuer. */
export async function openFrontDoor({ issuerUrl, ...parts }: Partial<AppParts> & { readonly issuerUrl: string }) {
  const lines: LogLine[] = [];
  const note = (fields: object, message: string): void => void lines.push({ fields, message });
  const rooms = closedRooms();
  const shutdown = new AbortController();
  const app = createApp({
    ...rooms,
    auth: createAuthenticator({
      issuer: issuerUrl,
      audience: AUDIENCE,
      jwksUrl: null,
      tokenTyp: 'at+jwt',
      allowedInstitutions: [INSTITUTION],
      fetch: issuerFetch(issuerUrl),
    }),
    settings,
    readiness: [],
    log: { info: note, warn: note, error: note },
    shutdownSignal: shutdown.signal,
    ...parts,
  });
  const server = createHttpServer(app);
  const port = await server.listen({ host: '127.0.0.1', port: 0 });
  return {
    port,
    lines,
    entered: rooms.entered,
    shutdown,
    send: (wish: Wish) => send(port, wish),
    async close() {
      shutdown.abort();
      await server.close(1_000);
    },
  };
}

export type FrontDoor = Awaited<ReturnType<typeof openFrontDoor>>;

interface Wish {
  readonly method?: string;
  /** Sent as it stands: no client tidies it up. */
  readonly path: string;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Buffer;
}

export interface Reply {
  readonly httpStatus: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** Undefined where the body is not JSON. */
  readonly body: unknown;
}

function send(port: number, { method = 'GET', path, token, headers = {}, body }: Wish): Promise<Reply> {
  const length: Record<string, string> = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) };
  const bearer: Record<string, string> = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return new Promise((resolve, reject) => {
    const call = httpRequest(
      { host: '127.0.0.1', port, method, path, agent: false, headers: { ...length, ...bearer, ...headers } },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString();
          resolve({ httpStatus: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) });
        });
      },
    );
    call.on('error', reject);
    call.end(body);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
