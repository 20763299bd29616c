import type { CustomerSetup } from '../../src/sandbox/index.js';

/** Longer than one call may take: see `UPSTREAM_TIMEOUT_MS` in settings.ts. */
const TOO_LATE_MS = 2_200;

interface Behaviour {
  readonly name: string;
  readonly weight: number;
  readonly setup: CustomerSetup;
}

const unavailable = { httpStatus: 503, code: 'UXU_30001', message: 'Service temporarily unavailable' };

/** How the bank treats a customer. */
export const behaviours: readonly Behaviour[] = [
  { name: 'clean', weight: 40, setup: {} },
  { name: 'not locked', weight: 6, setup: { state: { locked: false } } },
  { name: 'on hold', weight: 2, setup: { state: { onHold: true } } },
  { name: 'one 503', weight: 6, setup: { script: [unavailable] } },
  { name: 'three 503', weight: 4, setup: { script: [{ ...unavailable, times: 3 }] } },
  { name: 'always 503', weight: 1, setup: { script: [{ ...unavailable, times: 'always' }] } },
  { name: 'gateway page', weight: 2, setup: { script: [{ httpStatus: 502, body: '<html><body>Bad Gateway</body></html>' }] } },
  { name: 'too fast', weight: 3, setup: { script: [{ httpStatus: 429, message: 'Too many requests', headers: { 'Retry-After': '1' } }] } },
  { name: 'quota', weight: 2, setup: { script: [{ httpStatus: 500, code: 'CMN_90002', message: 'Quota exceeded' }] } },
  { name: 'stale token', weight: 3, setup: { script: [{ httpStatus: 400, code: 'UXU_10003', message: 'JWT expired' }] } },
  { name: 'forbidden', weight: 2, setup: { script: [{ httpStatus: 403, code: 'UXU_10002', message: 'No such role', times: 'always' }] } },
  { name: 'bad request', weight: 1, setup: { script: [{ httpStatus: 400, code: 'UXU_10012', message: 'Not valid', times: 'always' }] } },
  { name: 'conflict', weight: 1, setup: { script: [{ httpStatus: 409, message: 'Not now', times: 'always' }] } },
  { name: 'lost before', weight: 5, setup: { script: [{ loseConnection: 'before_applying' }] } },
  { name: 'lost after', weight: 6, setup: { script: [{ loseConnection: 'after_applying' }] } },
  {
    name: 'lost, refused, lost',
    weight: 2,
    setup: { script: [{ loseConnection: 'before_applying' }, unavailable, { loseConnection: 'after_applying' }] },
  },
  { name: 'slow', weight: 4, setup: { script: [{ answerDelayMs: 600 }] } },
  { name: 'applied late', weight: 2, setup: { script: [{ delayMs: TOO_LATE_MS }] } },
  { name: 'answered late', weight: 4, setup: { script: [{ answerDelayMs: TOO_LATE_MS }] } },
  { name: 'locked again', weight: 2, setup: { script: [{ lockAgain: true }] } },
  { name: 'status 503', weight: 3, setup: { script: [{ ...unavailable, on: 'status', times: 2 }] } },
  {
    name: 'status lost',
    weight: 2,
    setup: { script: [{ on: 'status', loseConnection: 'before_applying' }, { loseConnection: 'after_applying' }] },
  },
  { name: 'no token', weight: 1, setup: { script: [{ ...unavailable, on: 'token' }] } },
];
