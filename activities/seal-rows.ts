import { setTimeout as sleep } from 'node:timers/promises';
import { log } from '@temporalio/activity';
import { SealBrokenError, type Sealer, type TreeHead } from '../src/audit/seal.js';
import { silentObserver, type Observer } from '../src/domain/observer.js';
import { openCheckpoint, signCheckpoint } from '../src/proof/checkpoint.js';
import { readVerifier, verifierKey, type NoteSigner, type NoteVerifier } from '../src/proof/signed-note.js';
import type { Publication } from '../src/publication/index.js';
import type { SealActivities, SealReport } from './contract.js';
import { execute, type Execution } from './execution.js';
import { asSealFailure, isSealBroken } from './failures.js';

export interface SealParts {
  readonly sealer: Sealer;
  readonly signer: NoteSigner;
  /** Whose checkpoints are taken for our own besides the signer's: keys that were used before. */
  readonly formerKeys?: readonly NoteVerifier[];
  readonly publication: Publication;
  /** How long to wait before the next look, in milliseconds. */
  readonly intervalMs: number;
  /** How long one run goes on, in milliseconds; five minutes by default. */
  readonly runForMs?: number;
  readonly observer?: Observer;
  /** Once it is aborted, the run is left to another worker. */
  readonly handOver?: AbortSignal;
}

const RUN_FOR_MS = 300_000;

/** The activities of the sealer's worker. */
export function createSealActivities(parts: SealParts): SealActivities {
  const { handOver = new AbortController().signal, observer = silentObserver } = parts;
  return {
    sealRows: () =>
      execute({ turn: { notBefore: null, because: null }, handOver }, async (execution) => {
        try {
          return await sealRows(parts, execution);
        } catch (error) {
          if (isSealBroken(error)) {
            observer.sealBroken();
            log.error('the audit log is not sealed on', { because: error.message });
          }
          throw asSealFailure(error);
        }
      }),
  };
}

async function sealRows(parts: SealParts, execution: Execution): Promise<SealReport> {
  const { sealer, intervalMs, runForMs = RUN_FOR_MS, observer = silentObserver, handOver } = parts;
  const publisher = createPublisher(parts);
  await publisher.refuseForeignLog();
  const report = { sealed: 0, checkpoints: 0 };
  while (execution.elapsedMs() < runForMs && !execution.calledOff()) {
    execution.throwIfHandingOver();
    const step = await sealer.sealNext();
    if (step !== null) {
      report.sealed += step.sealed;
      observer.auditSealed({ rows: step.sealed, lagMs: step.lagMs });
      if (await publisher.publishNewest()) {
        report.checkpoints += 1;
        observer.checkpointPublished();
      }
    }
    if (step?.more !== true) await sleep(intervalMs, undefined, handOver && { signal: handOver }).catch(() => undefined);
  }
  return report;
}

function createPublisher({ sealer, signer, formerKeys = [], publication }: SealParts) {
  const trusted = [readVerifier(verifierKey(signer)), ...formerKeys];
  /** What was last seen to belong to this log. */
  let known: string | null = null;

  /**
   * A database that was restored, or is another one, does not hold what was published of it.
   * @returns how many leaves were published
   */
  async function refuseFork({ treeId, origin }: Pick<TreeHead, 'treeId' | 'origin'>): Promise<number> {
    const note = await publication.newest(origin);
    if (note === null) return 0;
    const published = openCheckpoint(note, trusted);
    if (note === known) return published.size;
    if (published.origin !== origin) throw new SealBrokenError(`the newest checkpoint published for ${origin} is of ${published.origin}`);
    const root = await sealer.rootAt(treeId, published.size);
    if (root?.equals(published.root) !== true) {
      throw new SealBrokenError(
        `this database does not hold the log ${origin} of which ${published.size} leaves were published: restored from a backup? Run "latchkey audit verify", then "latchkey audit continue"`,
      );
    }
    known = note;
    return published.size;
  }

  return {
    async refuseForeignLog(): Promise<void> {
      const head = await sealer.newestHead();
      if (head !== null) await refuseFork(head);
    },

    /** Published before it is kept: what is kept has been published, whatever dies in between. */
    async publishNewest(): Promise<boolean> {
      const head = await sealer.unsignedHead();
      if (head === null) return false;
      // Another sealer that goes on where this one was stopped may be ahead.
      if ((await refuseFork(head)) > head.size) return false;
      const note = signCheckpoint(head, signer);
      await publication.publish({ origin: head.origin, size: head.size, note });
      await sealer.keepCheckpoint(head, note);
      known = note;
      return true;
    },
  };
}
