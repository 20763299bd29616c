import type { CustomerSetup } from './script.js';

const pastTimeOutMs = 15_000;

const unavailable = { httpStatus: 503, code: 'UXU_30001', message: 'Service temporarily unavailable' };

const errorPage = '<!DOCTYPE html>\n<html><head><title>502 Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>\n';

const locked: CustomerSetup = { state: { failedLoginCount: 5 } };

/** The customers that the sandbox starts with, named after their state or their fault. Any other id is unknown to it. */
export const defaultCustomers: Readonly<Record<string, CustomerSetup>> = {
  ...Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`locked-${index + 1}`, locked])),
  'open-1': { state: { locked: false } },
  'open-2': { state: { locked: false } },
  'on-hold-1': { state: { locked: false, onHold: true } },
  'locked-on-hold-1': { state: { onHold: true } },
  'reset-pending-1': { state: { locked: false, reset: true } },
  'inactive-1': { state: { locked: false, active: false } },
  'unregistered-1': { state: { locked: false, registered: false, approved: false } },
  'registration-rejected-1': { state: { locked: false, approved: false, rejected: true } },

  'two-503': { script: [{ ...unavailable, times: 2 }] },
  'always-503': { script: [{ ...unavailable, times: 'always' }] },
  'retry-after-429': { script: [{ httpStatus: 429, message: 'Too many requests', headers: { 'Retry-After': '2' } }] },
  'quota-500': { script: [{ httpStatus: 500, code: 'CMN_90002', message: 'Quota exceeded' }] },
  'spike-500': { script: [{ httpStatus: 500, code: 'CMN_90003', message: 'Spike arrest' }] },
  'expired-jwt-400': { script: [{ httpStatus: 400, code: 'UXU_10003', message: 'JWT expired' }] },
  'always-expired-jwt-400': { script: [{ httpStatus: 400, code: 'UXU_10003', message: 'JWT expired', times: 'always' }] },
  'bad-request-400': { script: [{ httpStatus: 400, code: 'UXU_10012', message: 'Request is not valid', times: 'always' }] },
  'forbidden-403': { script: [{ httpStatus: 403, code: 'UXU_10002', message: 'User lacks the required role', times: 'always' }] },
  'gone-404': { script: [{ httpStatus: 404, code: 'UXU_10000', message: 'Customer not found', times: 'always' }] },
  'conflict-409': { script: [{ httpStatus: 409, message: 'Customer cannot be unlocked now', times: 'always' }] },
  'unlocked-meanwhile-409': { script: [{ httpStatus: 409, message: 'Customer is not locked', apply: true }] },
  'html-502': { script: [{ httpStatus: 502, body: errorPage }] },
  'null-200': { script: [{ httpStatus: 200, body: null }] },
  'late-unlock': { script: [{ delayMs: pastTimeOutMs }] },
  'late-answer': { script: [{ answerDelayMs: pastTimeOutMs }] },
  'answer-lost': { script: [{ loseConnection: 'after_applying' }] },
  'reset-before': { script: [{ loseConnection: 'before_applying' }] },
  'locked-again': { script: [{ lockAgain: true }] },
  'slow-body': { script: [{ httpStatus: 200, body: null, bodyDelayMs: pastTimeOutMs }] },
  'wrong-content-type': {
    script: [{ httpStatus: 503, body: '{"status":503,"message":"Unavailable","code":"UXU_30002"}', contentType: 'text/plain' }],
  },
  'huge-body': { script: [{ httpStatus: 503, code: 'SYSTEM_ERROR', message: 'Unavailable', bodyBytes: 16 * 1024 * 1024 }] },
  'status-two-503': { script: [{ ...unavailable, on: 'status', times: 2 }] },
  'status-always-503': { script: [{ ...unavailable, on: 'status', times: 'always' }] },
};
