import { AsyncLocalStorage } from 'node:async_hooks';
import type { RequestListener } from 'node:http';
import { ApplicationFailure } from '@temporalio/activity';
import { failureTypes } from '../../activities/failures.js';
import type { Activities } from '../../activities/contract.js';
import type { ActivityParts } from '../../activities/index.js';
import type { AuditLog } from '../../src/audit/audit-log.js';
import type { UnlockExecutions } from '../../src/temporal/unlock-executions.js';
import type { Order, Report } from './messages.js';

/** The places of one process: each effect announces itself, and waits where a test holds its request. */
export interface Hooks {
  obey(order: Order): void;
  /** The place before an effect. */
  pass(correlationId: string, effect: string): Promise<void>;
  /** The places before and after an effect. */
  around<Result>(correlationId: string, effect: string, run: () => Promise<Result>): Promise<Result>;
}

export function createHooks(tell: (report: Report) => void): Hooks {
  const passed = new Map<string, number>();
  const holds = new Set<string>();
  const waiting = new Map<string, (() => void)[]>();

  function numbered(correlationId: string, effect: string): string {
    const key = `${correlationId} ${effect}`;
    const times = (passed.get(key) ?? 0) + 1;
    passed.set(key, times);
    return times === 1 ? effect : `${effect} #${times}`;
  }

  async function holdAt(correlationId: string, place: string): Promise<void> {
    if (!holds.delete(`${correlationId} ${place}`)) return;
    const released = new Promise<void>((resolve) => waiting.set(correlationId, [...(waiting.get(correlationId) ?? []), resolve]));
    tell({ kind: 'held', correlationId, place });
    await released;
  }

  async function pass(correlationId: string, effect: string): Promise<void> {
    const place = numbered(correlationId, effect);
    tell({ kind: 'passing', correlationId, place });
    await holdAt(correlationId, place);
  }

  return {
    obey(order) {
      if (order.kind === 'hold') {
        holds.add(`${order.correlationId} ${order.place}`);
        tell({ kind: 'holding', correlationId: order.correlationId });
      } else if (order.kind === 'go') {
        for (const release of waiting.get(order.correlationId) ?? []) release();
        waiting.delete(order.correlationId);
      }
    },
    pass,
    async around(correlationId, effect, run) {
      await pass(correlationId, effect);
      const result = await run();
      await holdAt(correlationId, `after ${effect}`);
      return result;
    },
  };
}

const stepNames = { checkLockStatus: 'check', sendUnlock: 'send', recordOutcome: 'outcome' };

/** The worker's bricks and activities with a place before each effect; a token is fetched for nobody, so it is known from whom it was asked. */
export function hookedActivities(hooks: Hooks, parts: ActivityParts, create: (parts: ActivityParts) => Activities): Activities {
  const request = new AsyncLocalStorage<string>();
  const { upstream, audit } = parts;
  const activities = create({
    ...parts,
    audit: {
      ...audit,
      append: (event) => hooks.around(event.correlationId ?? '', `append ${event.action.replace(/^.*\./, '')}`, () => audit.append(event)),
      claimAttempt: (claim) => hooks.around(claim.correlationId, 'claim', () => audit.claimAttempt(claim)),
      eventsOf: (correlationId, ...rest) => hooks.around(correlationId, 'read record', () => audit.eventsOf(correlationId, ...rest)),
    },
    upstream: {
      ...upstream,
      token: (...all) => hooks.around(request.getStore() ?? '', 'token', () => upstream.token(...all)),
      readLockStatus: (call) => hooks.around(call.correlationId, 'read status', () => upstream.readLockStatus(call)),
      unlock: (call, ...rest) => hooks.around(call.correlationId, 'PUT', () => upstream.unlock(call, ...rest)),
    },
  });

  /** The end of an activity is a place too: before Temporal hears of it. */
  function reporting<Result>(name: keyof typeof stepNames, correlationId: string, run: () => Promise<Result>): Promise<Result> {
    return request.run(correlationId, async () => {
      let ending = stepNames[name];
      try {
        return await run();
      } catch (error) {
        // The wait that the fast try left over is an execution of its own, which a slow machine may do without.
        if (error instanceof ApplicationFailure && error.type === failureTypes.waiting) ending = 'wait';
        throw error;
      } finally {
        await hooks.pass(correlationId, `report ${ending}`);
      }
    });
  }

  return {
    ...activities,
    checkLockStatus: (wish, turn) => reporting('checkLockStatus', wish.correlationId, () => activities.checkLockStatus(wish, turn)),
    sendUnlock: (wish, turn) => reporting('sendUnlock', wish.correlationId, () => activities.sendUnlock(wish, turn)),
    recordOutcome: (wish, proposal, turn) =>
      reporting('recordOutcome', wish.correlationId, () => activities.recordOutcome(wish, proposal, turn)),
  };
}

/** The front door's bricks with a place before each effect. */
export function hookedDoor(hooks: Hooks, audit: AuditLog, executions: UnlockExecutions) {
  return {
    audit: {
      ...audit,
      append: (event) => hooks.around(event.correlationId ?? '', `append ${event.action.replace(/^.*\./, '')}`, () => audit.append(event)),
      eventsOf: (correlationId, ...rest) => hooks.around(correlationId, 'look', () => audit.eventsOf(correlationId, ...rest)),
    } satisfies AuditLog,
    executions: {
      ...executions,
      start: (request) => hooks.around(request.correlationId, 'start', () => executions.start(request)),
      find: (correlationId) => hooks.around(correlationId, 'find', () => executions.find(correlationId)),
      waitUntilClosed: (correlationId, ...rest) =>
        hooks.around(correlationId, 'wait', () => executions.waitUntilClosed(correlationId, ...rest)),
    } satisfies UnlockExecutions,
  };
}

/** The place before the answer leaves. */
export function hookedAnswers(hooks: Hooks, app: RequestListener): RequestListener {
  return (request, response) => {
    const end = response.end.bind(response) as (...rest: unknown[]) => void;
    const { correlationid } = request.headers;
    if (typeof correlationid === 'string') {
      response.end = (...rest: unknown[]) => {
        void hooks.pass(correlationid, 'answer').then(() => end(...rest));
        return response;
      };
    }
    app(request, response);
  };
}
