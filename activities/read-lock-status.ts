import { UnknownInstitutionError } from '../src/domain/institution.js';
import { diagnose } from '../src/domain/diagnosis.js';
import type { Upstream } from '../src/upstream/index.js';
import type { LockStatusQuery, LockStatusReport } from './contract.js';
import { refusesReading } from '../src/domain/classification.js';

/** Reads the lock status for somebody who only wants to look. */
export async function readLockStatus(upstream: Upstream, query: LockStatusQuery): Promise<LockStatusReport> {
  const reading = await upstream.readLockStatus(query).catch((error: unknown) => {
    if (error instanceof UnknownInstitutionError) return null;
    throw error;
  });
  // What the front door serves and this worker does not.
  if (reading === null) return { kind: 'unavailable', httpStatus: null, upstreamCode: null, upstreamMessage: null, meaning: 'not_sent' };
  if (reading.kind === 'read') {
    const { lockStatus, flags } = reading;
    return { kind: 'known', lockStatus, flags, diagnosis: diagnose(flags) };
  }
  const { httpStatus, code, message, meaning } = reading.answer;
  const refused = refusesReading(meaning);
  return { kind: refused ? 'refused' : 'unavailable', httpStatus, upstreamCode: code, upstreamMessage: message, meaning };
}
