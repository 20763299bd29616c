import { connectAudit } from '../../src/audit/connection.js';
import { createSealer } from '../../src/audit/seal.js';
import { signCheckpoint } from '../../src/proof/checkpoint.js';
import type { NoteSigner } from '../../src/proof/signed-note.js';
import { eventually } from './eventually.js';
import type { Latchkey } from './latchkey.js';
import { ORIGIN } from './sealed-log.js';

/** Seals a house's audit log when it is told to, and never by itself. */
export function createHouseSealer(house: Pick<Latchkey, 'database' | 'sql'>, signer: NoteSigner) {
  const connection = connectAudit({ databaseUrl: house.database.url, role: 'latchkey_sealer', plansAnew: true });
  const sealer = createSealer({ prisma: connection.prisma, origin: ORIGIN });
  return {
    async sealAll(): Promise<void> {
      // Another suite's transaction may hold the sealer up.
      await eventually(async () => {
        await sealer.sealNext();
        const [left] = await house.sql<{ rows: string }>(
          'SELECT count(*) AS rows FROM audit_event e WHERE NOT EXISTS (SELECT FROM audit_leaf l WHERE l.event_id = e.id)',
        );
        if (left?.rows !== '0') throw new Error(`${left?.rows ?? 'some'} rows are not sealed yet`);
      });
      const head = await sealer.unsignedHead();
      if (head !== null) await sealer.keepCheckpoint(head, signCheckpoint(head, signer));
    },
    close: () => connection.close(),
  };
}
