/** What can be done to a process. */
export type Deed = 'kill' | 'stop' | 'terminate' | 'crash_backend';
/** What can be done to a way between two processes. */
export type Trouble = 'cut' | 'reset' | 'hold' | 'lose_requests' | 'lose_replies' | 'slow' | 'half_close';

export type Target = 'api' | 'worker' | 'temporal' | 'postgres' | 'bank';
export type Way = 'caller-api' | 'api-postgres' | 'api-temporal' | 'worker-postgres' | 'worker-temporal' | 'worker-bank';

export type FaultKind =
  | { readonly to: 'process'; readonly target: Target; readonly deed: Deed }
  | { readonly to: 'way'; readonly way: Way; readonly trouble: Trouble }
  | { readonly to: 'tokens' };

interface WeightedFault {
  readonly kind: FaultKind;
  readonly weight: number;
  /** From, to. */
  readonly durationMs: readonly [number, number];
}

const ways: readonly Way[] = ['caller-api', 'api-postgres', 'api-temporal', 'worker-postgres', 'worker-temporal', 'worker-bank'];
const troubles: readonly (Omit<WeightedFault, 'kind'> & { readonly trouble: Trouble })[] = [
  { trouble: 'cut', weight: 2, durationMs: [200, 3_000] },
  { trouble: 'reset', weight: 2, durationMs: [0, 0] },
  { trouble: 'hold', weight: 2, durationMs: [200, 4_000] },
  { trouble: 'lose_requests', weight: 1, durationMs: [200, 2_000] },
  { trouble: 'lose_replies', weight: 2, durationMs: [200, 2_000] },
  { trouble: 'slow', weight: 1, durationMs: [500, 3_000] },
  { trouble: 'half_close', weight: 1, durationMs: [0, 0] },
];

const processFault = (target: Target, deed: Deed, weight: number, durationMs: readonly [number, number]): WeightedFault => ({
  kind: { to: 'process', target, deed },
  weight,
  durationMs,
});

/** Every fault that a chaos run may inject; processes and ways weigh about the same. */
export const faultKinds: readonly WeightedFault[] = [
  processFault('api', 'kill', 8, [0, 1_500]),
  processFault('api', 'stop', 4, [200, 4_000]),
  processFault('api', 'terminate', 2, [0, 500]),
  processFault('worker', 'kill', 12, [0, 1_500]),
  // Beyond the time in which a PUT may leave, and beyond the time-out of an activity.
  processFault('worker', 'stop', 8, [200, 9_000]),
  processFault('worker', 'terminate', 3, [0, 500]),
  processFault('temporal', 'kill', 5, [0, 2_000]),
  processFault('temporal', 'stop', 5, [200, 4_000]),
  processFault('postgres', 'kill', 5, [0, 2_000]),
  processFault('postgres', 'stop', 5, [200, 7_000]),
  processFault('postgres', 'crash_backend', 5, [0, 0]),
  processFault('bank', 'kill', 6, [0, 1_500]),
  processFault('bank', 'stop', 5, [200, 4_000]),
  ...ways.flatMap((way) => troubles.map(({ trouble, ...rest }) => ({ kind: { to: 'way', way, trouble } as const, ...rest }))),
  { kind: { to: 'tokens' }, weight: 4, durationMs: [0, 0] },
];

/** A fault's kind in short, as the figures name it. */
export function nameOf(kind: FaultKind): string {
  if (kind.to === 'tokens') return 'bank: tokens revoked';
  return kind.to === 'process' ? `${kind.target}: ${kind.deed.replace('_', ' ')}` : `${kind.way}: ${kind.trouble.replace('_', ' ')}`;
}
