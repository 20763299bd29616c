import { UnknownInstitutionError } from '../domain/institution.js';
import { createUpstream, type Upstream, type UpstreamSettings } from './index.js';

/**
 * The banks of all institutions that are served here. Each keeps its own token, connections and certificates: none is ever used for another, and
 * one that is slow or away holds up none of the others.
 * @param settings at least one; all with the same time-out
 * @throws TypeError where a URL or a path template cannot be used
 */
export function createUpstreamByInstitution(settings: readonly UpstreamSettings[]): Upstream {
  const [first] = settings;
  if (first === undefined) throw new TypeError('there is no institution');
  const banks = new Map(settings.map((each) => [each.institutionId, createUpstream(each)]));

  function bankOf(institutionId: string): Upstream {
    const bank = banks.get(institutionId);
    if (bank === undefined) throw new UnknownInstitutionError();
    return bank;
  }

  return {
    token: async (institutionId) => bankOf(institutionId).token(institutionId),
    readLockStatus: async (call) => bankOf(call.institutionId).readLockStatus(call),
    unlock: async (call, token) => bankOf(call.institutionId).unlock(call, token),
    timeoutMs: first.timeoutMs,
    async close() {
      await Promise.all([...banks.values()].map((bank) => bank.close()));
    },
  };
}
