import type { PrismaClient } from '../../generated/prisma/client.js';
import { createAppend } from './append.js';
import type { AuditLog } from './audit-log.js';
import { createClaimAttempt } from './claim.js';
import { createLists } from './list.js';
import { createReads } from './read.js';

export type { AuditLog } from './audit-log.js';

/** The audit log over a connection that may insert and select (`latchkey_app`). */
export function createAuditLog({ prisma }: { readonly prisma: PrismaClient }): AuditLog {
  return {
    append: createAppend({ prisma }),
    claimAttempt: createClaimAttempt({ prisma }),
    ...createReads({ prisma }),
    ...createLists({ prisma }),
  };
}
