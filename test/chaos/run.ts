import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createCaller } from './caller.js';
import { check } from './checker.js';
import type { Evidence, Violation } from './evidence.js';
import { openTemporal, readAuditRows, readBankJournal } from './gather.js';
import type { ChaosOptions } from './options.js';
import { createPace } from './pace.js';
import { makePlan, type Plan } from './plan.js';
import { PAYLOAD_KEY } from './settings.js';
import { startStack, type Stack } from './stack.js';
import { createViolence } from './violence.js';

export interface ChaosResult {
  readonly violations: readonly Violation[];
  /** By kind. */
  readonly faults: Readonly<Record<string, number>>;
  readonly unlocks: number;
  readonly calls: number;
  readonly unanswered: number;
  readonly puts: number;
  readonly attempts: Readonly<Record<string, number>>;
  readonly outcomes: Readonly<Record<string, number>>;
  readonly verifications: Readonly<Record<string, number>>;
  /** Processes that ended by themselves, without a signal of ours. */
  readonly selfEnded: Readonly<Record<string, number>>;
  /** From the first request to the last end, without building and starting. */
  readonly seconds: number;
  /** Until the last accepted request had ended, once the faults were over. */
  readonly settleSeconds: number;
  /** Null: nothing was kept. */
  readonly keptIn: string | null;
}

type Say = (line: string) => void;

const SETUPS_AT_ONCE = 50;
const LOCK_AGAIN_MS = 200;
const LOOK_AGAIN_MS = 500;

/** One chaos run from the first process to the last; nothing of it is left running. */
export async function runChaos(options: ChaosOptions, say: Say): Promise<ChaosResult> {
  const plan = makePlan(options);
  say('starting Postgres, Temporal, the bank, two APIs and two workers');
  const stack = await startStack(say);
  let keep = options.keep;
  try {
    await setCustomers(stack, plan);
    say(
      `${options.unlocks} unlocks and ${options.faults} faults within ${Math.round(plan.lengthMs / 1_000)} s or more, seed ${options.seed}`,
    );
    const { evidence, ...circumstances } = await unleash(stack, plan, options, say);
    say(
      `comparing ${evidence.rows.length} audit rows, ${evidence.bank.length} lines of the bank and ${evidence.executions.length} workflows`,
    );
    const violations = check(evidence);
    keep ||= violations.length > 0;
    if (keep) await keepEvidence(stack, plan, evidence, violations);
    return {
      violations,
      ...figuresOf(plan, evidence),
      ...circumstances,
      selfEnded: selfEnded(stack),
      keptIn: keep ? stack.directory : null,
    };
  } catch (error) {
    keep = true;
    await keepOutputs(stack);
    say(`logs are kept in ${stack.directory}`);
    throw error;
  } finally {
    await stack.stop();
    if (!keep) await stack.removeData();
  }
}

async function unleash(stack: Stack, plan: Plan, { settleSeconds, inFlight }: ChaosOptions, say: Say) {
  const temporal = await openTemporal(stack.temporal.address(), PAYLOAD_KEY);
  const violence = createViolence(stack);
  const giveUp = new AbortController();
  const caller = createCaller({
    urls: stack.apiUrls,
    token: stack.callerToken,
    signal: giveUp.signal,
    limitMs: settleSeconds * 1_000,
    cancel: temporal.cancel,
    lock: (customerId) => lock(stack, customerId, giveUp.signal),
  });
  const pace = createPace(inFlight);
  const startMs = performance.now();
  const until = (atMs: number): Promise<void> => sleep(Math.max(0, startMs + atMs - performance.now()));
  const progress = setInterval(
    () =>
      say(
        `  ${Math.round((performance.now() - startMs) / 1_000)} s: ${pace.ended()} of ${plan.asks.length} unlocks, ${caller.answers.length} calls`,
      ),
    30_000,
  );
  try {
    const asked = Promise.all(
      plan.asks.map(async (ask) => {
        await until(ask.atMs);
        await pace.inTurn(() => caller.pursue(ask));
      }),
    );
    await Promise.all(
      plan.faults.map(async (fault) => {
        await until(fault.atMs);
        await pace.begun(fault.afterAsks);
        await violence.inject(fault);
      }),
    );
    await pace.begun(plan.asks.length);
    const calmMs = performance.now();
    say('the faults are over; every accepted request must come to its end');
    const limit = setTimeout(() => giveUp.abort(), settleSeconds * 1_000);
    await asked;
    while (!giveUp.signal.aborted && (await temporal.running().catch(() => 1)) > 0) await sleep(LOOK_AGAIN_MS);
    clearTimeout(limit);
    const endMs = performance.now();
    // What is not over by now must not go on while it is read.
    await Promise.all([...stack.members.api, ...stack.members.worker, ...stack.members.bank].map((member) => member.end()));
    const evidence: Evidence = {
      bank: await readBankJournal(stack.bankJournal),
      wire: stack.tap.puts,
      rows: await readAuditRows(stack.postgres.url()),
      executions: await temporal.executions(),
      answers: caller.answers,
    };
    return {
      evidence,
      faults: Object.fromEntries([...violence.figures()].toSorted(([one], [other]) => one.localeCompare(other))),
      seconds: Math.round((endMs - startMs) / 1_000),
      settleSeconds: Math.round((endMs - calmMs) / 1_000),
    };
  } finally {
    clearInterval(progress);
    giveUp.abort();
    await caller.close();
    await temporal.close();
  }
}

async function setCustomers(stack: Stack, { customers }: Plan): Promise<void> {
  const all = Object.entries(customers);
  for (let from = 0; from < all.length; from += SETUPS_AT_ONCE) {
    await Promise.all(all.slice(from, from + SETUPS_AT_ONCE).map(([customerId, setup]) => setCustomer(stack, customerId, setup)));
  }
}

async function setCustomer(stack: Stack, customerId: string, setup: object): Promise<void> {
  const response = await fetch(`${stack.bankUrl}/control/customers/${customerId}`, { method: 'PUT', body: JSON.stringify(setup) });
  if (!response.ok) throw new Error(`the bank does not take customer ${customerId}: ${await response.text()}`);
  await response.body?.cancel();
}

/** The bank may be away just then. */
async function lock(stack: Stack, customerId: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const isDone = await setCustomer(stack, customerId, { state: { locked: true } }).then(
      () => true,
      () => false,
    );
    if (isDone) return;
    await sleep(LOCK_AGAIN_MS);
  }
}

function figuresOf(plan: Plan, { rows, wire, answers }: Evidence) {
  const asked = answers.filter(({ door }) => door !== 'cancel');
  return {
    unlocks: plan.asks.length,
    calls: asked.length,
    unanswered: asked.filter(({ httpStatus }) => httpStatus === null).length,
    puts: wire.length,
    attempts: counted(rows.filter(({ action }) => action === 'customer.unlock.attempt_finished').map(({ result }) => result)),
    outcomes: counted(rows.map(({ outcome }) => outcome)),
    verifications: counted(rows.map(({ verification }) => verification)),
  };
}

function counted(names: readonly (string | null)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) if (name !== null) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function selfEnded({ members }: Stack): Record<string, number> {
  const all = Object.values(members).flat();
  return Object.fromEntries(all.filter((member) => member.selfEnded() > 0).map((member) => [member.name, member.selfEnded()]));
}

async function keepEvidence(stack: Stack, plan: Plan, evidence: Evidence, violations: readonly Violation[]): Promise<void> {
  await writeFile(join(stack.directory, 'evidence.json'), JSON.stringify(evidence));
  await writeFile(join(stack.directory, 'plan.json'), JSON.stringify(plan, null, 1));
  await writeFile(join(stack.directory, 'violations.json'), JSON.stringify(violations, null, 1));
  await keepOutputs(stack);
}

async function keepOutputs({ members, directory }: Stack): Promise<void> {
  for (const member of Object.values(members).flat()) {
    await writeFile(join(directory, `${member.name.replace(' ', '-')}.log`), member.output());
  }
}
