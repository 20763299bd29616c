import { fileURLToPath } from 'node:url';
import { startProcess, type LatchkeyProcess } from '../support/latchkey-process.js';
import { PAYLOAD_KEYS, type Latchkey } from '../support/latchkey.js';
import { testTemporal } from '../support/temporal.js';

/** The workers of one house, which a run may send away and call back. */
export interface Crew {
  /** How many poll. */
  readonly atWork: number;
  hire(): Promise<void>;
  /** One finishes what it is doing and leaves. */
  dismiss(): Promise<void>;
  /** One is gone from one instant to the next. */
  kill(): Promise<void>;
  /** One stops in the middle of whatever it does, and goes on at `thaw`. */
  freeze(): void;
  thaw(): void;
  close(): Promise<void>;
}

interface Member {
  stop(): Promise<unknown>;
  readonly process?: LatchkeyProcess;
}

function crewOf(hireOne: () => Promise<Member>): Crew {
  const members: Member[] = [];
  const frozen = new Set<LatchkeyProcess>();
  const processOf = (member: Member | undefined): LatchkeyProcess => {
    if (member?.process === undefined) throw new Error('no worker process is at work');
    return member.process;
  };
  const thaw = (): void => {
    for (const { child } of frozen) child.kill('SIGCONT');
    frozen.clear();
  };
  return {
    get atWork() {
      return members.length - frozen.size;
    },
    async hire() {
      members.push(await hireOne());
    },
    async dismiss() {
      await members.shift()?.stop();
    },
    async kill() {
      await processOf(members.shift()).end('SIGKILL');
    },
    freeze() {
      const one = processOf(members[0]);
      one.child.kill('SIGSTOP');
      frozen.add(one);
    },
    thaw,
    async close() {
      thaw();
      await Promise.all(members.splice(0).map((member) => (member.process === undefined ? member.stop() : member.process.end('SIGKILL'))));
    },
  };
}

/** Workers within this process. */
export function crewWithin(latchkey: Latchkey): Crew {
  return crewOf(() => latchkey.addWorker());
}

/** Workers that are processes of their own. */
export function crewOfProcesses({ database, taskQueue, upstreamSettings }: Latchkey): Crew {
  const { address, namespace, workflowBundle } = testTemporal();
  const settings = {
    databaseUrl: database.url,
    temporalAddress: address,
    namespace,
    taskQueue,
    workflowBundle,
    payloadKeys: PAYLOAD_KEYS,
    customerIdPattern: upstreamSettings.customerIdPattern.source,
    upstream: upstreamSettings,
  };
  const entry = fileURLToPath(new URL('worker-process.ts', import.meta.url));
  const root = fileURLToPath(new URL('../..', import.meta.url));
  return crewOf(async () => {
    const env = { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? '' };
    const worker = startProcess(process.execPath, ['--import', 'tsx', entry, JSON.stringify(settings)], { cwd: root, env });
    await worker.says(/it polls/, 120_000);
    return { process: worker, stop: () => worker.end('SIGTERM') };
  });
}
