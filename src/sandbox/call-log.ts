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
  /** The status that was sent to its end; null while the call is out. */
  readonly answer: number | 'connection lost' | null;
  readonly answeredAt: string | null;
}

/** A call that is out: its entry is updated as things happen. */
export interface OpenCall {
  applied(wasLocked: boolean): void;
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

/** @param limit calls kept; beyond it the oldest fall out */
export function createCallLog({ limit = 200_000 }: { readonly limit?: number } = {}): CallLog {
  const calls = new Map<number, BankCall>();
  let lastSequence = 0;
  let dropped = 0;
  const now = (): string => new Date().toISOString();

  return {
    arrived(arrival) {
      const sequence = (lastSequence += 1);
      const outcome = { applied: false, appliedAt: null, wasLocked: null, answer: null, answeredAt: null };
      let call: BankCall = { ...arrival, sequence, arrivedAt: now(), ...outcome };
      calls.set(sequence, call);
      const oldest = calls.size > limit ? calls.keys().next() : null;
      if (oldest?.done === false && calls.delete(oldest.value)) dropped += 1;
      const update = (change: Partial<BankCall>): BankCall => {
        call = { ...call, ...change };
        if (calls.has(sequence)) calls.set(sequence, call);
        return call;
      };
      return {
        applied: (wasLocked) => void update({ applied: true, appliedAt: now(), wasLocked }),
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
