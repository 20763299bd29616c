import * as z from 'zod';

export type BankEndpoint = 'token' | 'status' | 'unlock' | 'other';

/** What is known of a call when it arrives; ids are as the caller sent them. */
export interface Arrival {
  readonly endpoint: BankEndpoint;
  readonly method: string;
  /** Path and query, undecoded. */
  readonly path: string;
  readonly customerId: string | null;
  readonly correlationId: string | null;
  readonly institutionId: string | null;
  readonly transactionId: string | null;
}

/** One call of the bank; times are RFC 3339. */
export interface BankCall extends Arrival {
  /** From 1, in order of arrival, never given twice. */
  readonly sequence: number;
  readonly arrivedAt: string;
  /** Whether the bank carried out an unlock, also where the customer was not locked. */
  readonly applied: boolean;
  readonly appliedAt: string | null;
  /** Whether the customer was locked at that moment; null where nothing was applied. */
  readonly wasLocked: boolean | null;
  /** What a status read was told of the lock; null for any other call, and where the read was refused or scripted. */
  readonly toldLocked: boolean | null;
  /** The status that was sent to its end; null while the call is out. */
  readonly answer: number | 'connection lost' | null;
  readonly answeredAt: string | null;
}

const text = z.string().nullable();

/** A call as a journal holds it. */
export const bankCallSchema: z.ZodType<BankCall> = z.strictObject({
  endpoint: z.enum(['token', 'status', 'unlock', 'other']),
  method: z.string(),
  path: z.string(),
  customerId: text,
  correlationId: text,
  institutionId: text,
  transactionId: text,
  sequence: z.int(),
  arrivedAt: z.string(),
  applied: z.boolean(),
  appliedAt: text,
  wasLocked: z.boolean().nullable(),
  toldLocked: z.boolean().nullable(),
  answer: z.union([z.int(), z.literal('connection lost')]).nullable(),
  answeredAt: text,
});

/** A call that is out: its entry is updated as things happen. */
export interface OpenCall {
  applied(wasLocked: boolean): void;
  told(locked: boolean): void;
  /** @returns the entry as it now stands */
  ended(answer: number | 'connection lost'): BankCall;
}

/** The bank's own record of every call: written at arrival, at application and at the end, whatever becomes of the caller. */
export interface CallLog {
  arrived(arrival: Arrival): OpenCall;
  /** In order of arrival. */
  list(): BankCall[];
  /** How many of the oldest calls fell out since the last `clear`. */
  dropped(): number;
  clear(): void;
}

interface CallLogParts {
  /** Calls kept; beyond it the oldest fall out (default 200,000). */
  readonly limit?: number;
  /** From before this log, in order of arrival. */
  readonly kept?: readonly BankCall[];
  /** Told of each call as it arrives and changes, before anything of that is answered. */
  readonly noted?: (call: BankCall) => void;
}

export function createCallLog({ limit = 200_000, kept = [], noted = () => undefined }: CallLogParts = {}): CallLog {
  let dropped = Math.max(0, kept.length - limit);
  const calls = new Map(kept.slice(dropped).map((call) => [call.sequence, call]));
  let lastSequence = kept.at(-1)?.sequence ?? 0;
  const now = (): string => new Date().toISOString();

  return {
    arrived(arrival) {
      const sequence = (lastSequence += 1);
      const outcome = { applied: false, appliedAt: null, wasLocked: null, toldLocked: null, answer: null, answeredAt: null };
      let call: BankCall = { ...arrival, sequence, arrivedAt: now(), ...outcome };
      calls.set(sequence, call);
      noted(call);
      const oldest = calls.size > limit ? calls.keys().next() : null;
      if (oldest?.done === false && calls.delete(oldest.value)) dropped += 1;
      const update = (change: Partial<BankCall>): BankCall => {
        call = { ...call, ...change };
        if (calls.has(sequence)) calls.set(sequence, call);
        noted(call);
        return call;
      };
      return {
        applied: (wasLocked) => void update({ applied: true, appliedAt: now(), wasLocked }),
        told: (toldLocked) => void update({ toldLocked }),
        ended: (answer) => update({ answer, answeredAt: now() }),
      };
    },
    list: () => [...calls.values()],
    dropped: () => dropped,
    clear() {
      calls.clear();
      dropped = 0;
    },
  };
}
