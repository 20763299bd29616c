import { z } from 'zod';

// What Prisma's driver adapter says of a failure, as far as it is looked at.
const driverCause = z.object({ kind: z.string(), originalCode: z.string().optional() });
const prismaError = z.object({ meta: z.object({ driverAdapterError: z.object({ cause: driverCause }) }) });
const adapterError = z.object({ cause: driverCause });
const codedError = z.object({ code: z.string() });

const SQLSTATE = /^[0-9A-Z]{5}$/;

/** Kinds without an SQLSTATE of the server: there was none, or the connection to it broke. */
const unavailableKinds = new Set(['DatabaseNotReachable', 'ConnectionClosed', 'SocketTimeout', 'TooManyConnections', 'TlsConnectionError']);

/** Node's own codes that the adapter hands on as they are. */
const unavailableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ETIMEDOUT',
  'EPIPE',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOENT',
]);

/** The pool and the driver give these no code. */
const unavailableMessages = [
  'timeout exceeded when trying to connect',
  'Query read timeout',
  'Connection terminated',
  'Client has encountered a connection error',
  'Client was closed and is not queryable',
  'Cannot use a pool after calling end',
];

/** By SQLSTATE: a whole class (two characters) or one code. */
const unavailableStates = [
  '08', // connection
  '28', // not let in
  '40', // serialization failure, deadlock
  '53', // too many connections, disk full, out of memory
  '57', // shut down, starting up, cancelled by a time-out
  '58', // the server's own system
  '25006', // a standby took its place
  '25P03',
  '25P04',
  '3D000',
  '55P03', // lock not had in time
];

/** The server's SQLSTATE behind an error of Prisma, of its adapter or of the driver; null where there is none. */
export function sqlStateOf(error: unknown): string | null {
  const code = causeOf(error)?.originalCode ?? codedError.safeParse(error).data?.code;
  return code !== undefined && SQLSTATE.test(code) && !unavailableCodes.has(code) && !/^P\d{4}$/.test(code) ? code : null;
}

/**
 * True where the database cannot be reached, is not ready or did not answer in time: trying again later may help.
 * A write that failed so may have been committed; repeat it.
 */
export function isDatabaseUnavailable(error: unknown): boolean {
  const state = sqlStateOf(error);
  if (state !== null) return unavailableStates.some((known) => state.startsWith(known));
  const kind = causeOf(error)?.kind;
  if (kind !== undefined) return unavailableKinds.has(kind);
  const code = codedError.safeParse(error).data?.code;
  if (code !== undefined && unavailableCodes.has(code)) return true;
  return error instanceof Error && unavailableMessages.some((known) => error.message.includes(known));
}

function causeOf(error: unknown): z.infer<typeof driverCause> | undefined {
  return prismaError.safeParse(error).data?.meta.driverAdapterError.cause ?? adapterError.safeParse(error).data?.cause;
}
