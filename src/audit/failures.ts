import { z } from 'zod';

// What Prisma's driver adapter says of a failure, as far as it is looked at.
const driverCause = z.object({ kind: z.string(), originalCode: z.string().optional() });
const prismaError = z.object({ meta: z.object({ driverAdapterError: z.object({ cause: driverCause }) }) });
const adapterError = z.object({ cause: driverCause });
const codedError = z.object({ code: z.string() });

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** How a database failed, by what may help. After all but `refused` the statement may be tried again later; it may have been committed. */
export type DatabaseFailure =
  /** The connection broke under the statement: over another one it may succeed at once. */
  | 'broken'
  /** Another transaction stood in the way, and the server chose this one to end: it may succeed at once. */
  | 'raced'
  /** A standby, or a server that was told to take no writes: over a new connection it may be another server. */
  | 'read_only'
  /** No connection is to be had: nothing listens, the server is starting or ending, or all connections are taken. */
  | 'unreachable'
  /** It is there and did not do it in time, or has no room for it. */
  | 'busy'
  /** It does not let this login in, or has no such database. */
  | 'not_let_in'
  /** It refuses the statement: a right, a constraint, a missing table. Only mending helps. */
  | 'refused';

/** Kinds of the adapter's without an SQLSTATE of the server: there was none, or the connection to it broke. */
const byKind: Readonly<Record<string, DatabaseFailure>> = {
  ConnectionClosed: 'broken',
  DatabaseNotReachable: 'unreachable',
  SocketTimeout: 'unreachable',
  TlsConnectionError: 'unreachable',
  TooManyConnections: 'unreachable',
};

/** Node's own codes that the adapter hands on as they are. */
const byCode: Readonly<Record<string, DatabaseFailure>> = {
  ECONNRESET: 'broken',
  EPIPE: 'broken',
  ECONNREFUSED: 'unreachable',
  ETIMEDOUT: 'unreachable',
  ENOTFOUND: 'unreachable',
  EAI_AGAIN: 'unreachable',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ENOENT: 'unreachable',
};

/** The pool and the driver give these no code; the first that fits counts. */
const byMessage: readonly (readonly [string, DatabaseFailure])[] = [
  ['timeout exceeded when trying to connect', 'unreachable'],
  ['Connection terminated due to connection timeout', 'unreachable'],
  ['timeout expired', 'unreachable'],
  ['Cannot use a pool after calling end', 'unreachable'],
  ['Query read timeout', 'busy'],
  ['Connection terminated', 'broken'],
  ['Client has encountered a connection error', 'broken'],
  ['Client was closed and is not queryable', 'broken'],
];

/** By SQLSTATE: one code, or a whole class (two characters); the first that fits counts. */
const byState: readonly (readonly [string, DatabaseFailure])[] = [
  ['08', 'broken'],
  ['25006', 'read_only'],
  // A session that was ended for being idle within a transaction, or too long in one
  ['25P03', 'broken'],
  ['25P04', 'broken'],
  ['28', 'not_let_in'],
  ['3D000', 'not_let_in'],
  // Serialization failure, deadlock
  ['40', 'raced'],
  ['53300', 'unreachable'],
  // Disk full, out of memory
  ['53', 'busy'],
  // Lock not had in time
  ['55P03', 'busy'],
  // Ended by an administrator, by the crash of another session, for being idle
  ['57P01', 'broken'],
  ['57P02', 'broken'],
  ['57P05', 'broken'],
  ['57P03', 'unreachable'],
  // Statement not done in time, or cancelled
  ['57', 'busy'],
  // The server's own system
  ['58', 'busy'],
];

/** The server's SQLSTATE behind an error of Prisma, of its adapter or of the driver; null where there is none. */
export function sqlStateOf(error: unknown): string | null {
  const code = causeOf(error)?.originalCode ?? codedError.safeParse(error).data?.code;
  return code !== undefined && SQLSTATE.test(code) && !(code in byCode) && !/^P\d{4}$/.test(code) ? code : null;
}

/** How the database failed, looking through the causes of an error; null where none of them is the database's. */
export function databaseFailure(error: unknown): DatabaseFailure | null {
  for (let each = error; each !== undefined && each !== null; each = each instanceof Error ? each.cause : null) {
    const failure = ownFailure(each);
    if (failure !== null) return failure;
  }
  return null;
}

/**
 * True where the database cannot be reached, is not ready, takes no writes or did not answer in time: trying again later may help.
 * A write that failed so may have been committed; repeat it.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  const failure = databaseFailure(error);
  return failure !== null && failure !== 'refused';
}

function ownFailure(error: unknown): DatabaseFailure | null {
  const state = sqlStateOf(error);
  if (state !== null) return byState.find(([known]) => state.startsWith(known))?.[1] ?? 'refused';
  const kind = byKind[causeOf(error)?.kind ?? ''] ?? byCode[codedError.safeParse(error).data?.code ?? ''];
  if (kind !== undefined) return kind;
  return error instanceof Error ? (byMessage.find(([known]) => error.message.includes(known))?.[1] ?? null) : null;
}

function causeOf(error: unknown): z.infer<typeof driverCause> | undefined {
  return prismaError.safeParse(error).data?.meta.driverAdapterError.cause ?? adapterError.safeParse(error).data?.cause;
}
