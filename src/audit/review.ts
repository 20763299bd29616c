import type { PrismaClient } from '../../generated/prisma/client.js';
import type { InstitutionReview } from './audit-review.js';
import { createEventReads } from './event-reads.js';
import { createHealthReads } from './health-reads.js';
import { createLine } from './line.js';
import { createProofs } from './proofs.js';
import { repeated } from './repeat.js';
import { createEventSummaries } from './summary.js';

interface ReviewParts {
  /** As `latchkey_auditor`, for one institution. */
  readonly prisma: PrismaClient;
  readonly institutionId: string;
  /** Long reads under way at once; the others wait. */
  readonly atOnce: number;
}

/** Exports come in pages: whoever waits in this line waits for some of them at most. */
const WAIT_MS = 60_000;

/** One institution's part of the audit log, for its reviewers. */
export function createAuditReview({ prisma, institutionId, atOnce }: ReviewParts): InstitutionReview {
  const reads = createEventReads({ prisma, institutionId });
  const proofs = createProofs({ prisma });
  const summarize = repeated(createEventSummaries({ prisma }).summarize);
  const inLine = createLine({ atOnce, limitMs: WAIT_MS });
  const [listEvents, beginExport, exportPage] = [repeated(reads.listEvents), repeated(reads.beginExport), repeated(reads.exportPage)];
  return {
    listEvents: (page) => inLine(() => listEvents(page)),
    summarize: (filters) => inLine(() => summarize(filters)),
    beginExport: (filters) => inLine(() => beginExport(filters)),
    exportPage: (page) => inLine(() => exportPage(page)),
    eventsById: repeated(reads.eventsById),
    caseOf: repeated(reads.caseOf),
    sealedEvent: repeated(reads.sealedEvent),
    checkpoint: repeated(proofs.checkpoint),
    inclusionProofs: repeated(proofs.inclusionProofs),
    consistencyProof: repeated(proofs.consistencyProof),
    // Not in line: who looks whether all is well must not wait for exports.
    health: repeated(createHealthReads({ prisma, institutionId }).health),
  };
}
