import { putUnderLoad, type LoadResult } from './load.js';
import { cpuMsOf, memoryBytesOf } from './process-use.js';
import type { Stack } from './stack.js';
import { perRole, type PerRole, type Role, type Subject } from './subject.js';

/** One subject under load, once. */
export interface Measurement {
  readonly perSecond: number;
  readonly load: LoadResult;
  /** Unlocks that were answered 204, those of the lead-in among them. */
  readonly answered: number;
  /** CPU time used meanwhile, in milliseconds. */
  readonly cpuMs: PerRole;
  /** What bank and bench used of the same cores. */
  readonly harnessCpuMs: number;
  /** At its end. */
  readonly memoryBytes: PerRole;
}

interface Wish {
  readonly stack: Stack;
  readonly subject: Subject;
  readonly concurrency: number;
  readonly forMs: number;
}

/** For what the servers do after the last answer. */
const SETTLE_MS = 300;
const LEAD_IN_SHARE = 0.15;

/** Puts a subject under load, and measures it once it is. */
export async function measure({ stack, subject, concurrency, forMs }: Wish): Promise<Measurement> {
  const caller = { url: subject.url, token: stack.token, customerPrefix: subject.name };
  const pids: Partial<Record<Role, number>> = {
    ...subject.pids,
    ...(subject.namespace === null ? {} : { temporal: stack.pids.temporal }),
    postgres: stack.pids.postgres,
  };
  const cpu = () => perRole((role) => (pids[role] === undefined ? 0 : cpuMsOf(pids[role])));
  const harnessCpu = () => cpuMsOf(stack.pids.bank) + (process.cpuUsage().user + process.cpuUsage().system) / 1000;

  const leadIn = await putUnderLoad(caller, { concurrency, forMs: forMs * LEAD_IN_SHARE });
  await settle();
  const [cpuBefore, harnessBefore] = [cpu(), harnessCpu()];
  const load = await putUnderLoad(caller, { concurrency, forMs });
  await settle();
  const [cpuAfter, harnessAfter] = [cpu(), harnessCpu()];
  return {
    perSecond: (load.inTime * 1000) / forMs,
    load: { ...load, failures: new Map([...leadIn.failures, ...load.failures]) },
    answered: leadIn.durationsMs.length + load.durationsMs.length,
    cpuMs: perRole((role) => cpuAfter[role] - cpuBefore[role]),
    harnessCpuMs: harnessAfter - harnessBefore,
    memoryBytes: perRole((role) => (pids[role] === undefined ? 0 : memoryBytesOf(pids[role]))),
  };
}

function settle(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
}
