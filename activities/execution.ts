import { Context, heartbeat } from '@temporalio/activity';
import { randomUUID } from 'node:crypto';
import type { Turn, UnrecordedAnswer } from './contract.js';
import { handedOver, retryDetailsIn, waitYourTurn } from './failures.js';

/** One execution of an activity, as its code needs to know it. */
export interface Execution {
  /** Random: tells this execution from every other of the same activity. */
  readonly id: string;
  readonly workflowId: string;
  readonly runId: string;
  readonly activityId: string;
  /** Temporal's own count, from 1; executions that never reached the bank count too. */
  readonly activityAttempt: number;
  readonly isLocal: boolean;
  /**
   * True once somebody asked for the unlock to be cancelled, or Temporal waits for this execution no more (its workflow was terminated or
   * reset, or its time-out passed): nothing new may be begun. Pause, reset of the activity and shutdown do not count.
   */
  calledOff(): boolean;
  /** @throws ApplicationFailure where the worker stops and its grace is over: what is not begun is left to another worker */
  throwIfHandingOver(): void;
  /** The answer of the bank that is still to be put on record, by this try or an earlier one; null: none. */
  unrecorded(): UnrecordedAnswer | null;
  /** Holds an answer until it is on record (then null): the heartbeats and this try's failure hand it to the next. */
  hold(answer: UnrecordedAnswer | null): void;
  /** Milliseconds since the execution began, on a clock that goes on while the process is stopped. */
  elapsedMs(): number;
}

const HEARTBEAT_MS = 1_000;
/** A shorter wait is not worth a round trip to the server. */
const WORTH_WAITING_MS = 50;

interface Terms {
  readonly turn: Turn;
  readonly handOver: AbortSignal;
}

/**
 * Runs an activity's body as one execution: hands a wait that is still due to Temporal's retry policy, and heartbeats while it works.
 * @throws ApplicationFailure where the turn has not come yet
 */
export async function execute<Result>({ turn, handOver }: Terms, body: (execution: Execution) => Promise<Result>): Promise<Result> {
  const context = Context.current();
  const { info } = context;
  if (info.isLocal) return body(describe(context, handOver, turn.unrecorded ?? null));
  const dueInMs = (turn.notBefore ?? 0) - Date.now();
  // The heartbeat's details outlive this execution: they say that the wait has been handed over.
  if (dueInMs > WORTH_WAITING_MS && info.heartbeatDetails === undefined) {
    heartbeat({ waited: true });
    throw waitYourTurn(turn, dueInMs);
  }
  const execution = describe(context, handOver, retryDetailsIn(info.heartbeatDetails).unrecorded ?? turn.unrecorded ?? null);
  const tell = () => heartbeat({ waited: true, unrecorded: execution.unrecorded() });
  const beat = setInterval(tell, HEARTBEAT_MS);
  try {
    return await body(execution);
  } finally {
    clearInterval(beat);
  }
}

function describe(context: Context, handOver: AbortSignal, handedOn: UnrecordedAnswer | null): Execution {
  const { info } = context;
  let held = handedOn;
  if (info.workflowExecution === undefined) throw new Error('an unlock activity runs for a workflow');
  const startedMs = performance.now();
  return {
    id: randomUUID(),
    workflowId: info.workflowExecution.workflowId,
    runId: info.workflowExecution.runId,
    activityId: info.activityId,
    activityAttempt: info.attempt,
    isLocal: info.isLocal,
    calledOff: () => {
      const { cancelRequested, notFound, timedOut } = context.cancellationDetails ?? {};
      return cancelRequested === true || notFound === true || timedOut === true;
    },
    throwIfHandingOver: () => {
      if (handOver.aborted) throw handedOver();
    },
    unrecorded: () => held,
    hold(answer) {
      held = answer;
      // A failure's details reach the workflow, but of an earlier try the next one sees the heartbeats alone.
      if (answer !== null && !info.isLocal) heartbeat({ waited: true, unrecorded: answer });
    },
    elapsedMs: () => performance.now() - startedMs,
  };
}
