import { setTimeout as sleep } from 'node:timers/promises';
import type { TcpProxy } from '../support/tcp-proxy.js';
import { nameOf, type Deed, type Trouble } from './fault-kinds.js';
import type { Member } from './member.js';
import type { PlannedFault } from './plan.js';
import type { Stack } from './stack.js';

/** Carries faults out; what is hurt is hurt by one fault at a time and is whole again when that one is over. */
export interface Violence {
  inject(fault: PlannedFault): Promise<void>;
  /** By kind, only those that were carried out. */
  figures(): ReadonlyMap<string, number>;
}

export function createViolence(stack: Stack): Violence {
  const figures = new Map<string, number>();
  const turns = new Map<object, Promise<void>>();

  /** One after the other for each victim. */
  function inTurn(victim: object, deed: () => Promise<void>): Promise<void> {
    const turn = (turns.get(victim) ?? Promise.resolve()).then(deed);
    turns.set(
      victim,
      turn.catch(() => undefined),
    );
    return turn;
  }

  async function revokeTokens(): Promise<void> {
    const response = await fetch(`${stack.bankUrl}/control/tokens:revoke`, { method: 'POST' }).catch(() => null);
    await response?.body?.cancel();
  }

  return {
    async inject({ kind, durationMs, choice }) {
      if (kind.to === 'tokens') {
        await revokeTokens();
      } else if (kind.to === 'process') {
        const member = chosen(stack.members[kind.target], choice);
        await inTurn(member, () => hurt(stack, member, kind.deed, durationMs));
      } else {
        const proxy = chosen(stack.ways[kind.way], choice);
        await inTurn(proxy, () => trouble(proxy, kind.trouble, durationMs));
      }
      figures.set(nameOf(kind), (figures.get(nameOf(kind)) ?? 0) + 1);
    },
    figures: () => figures,
  };
}

async function hurt(stack: Stack, member: Member, deed: Deed, durationMs: number): Promise<void> {
  switch (deed) {
    case 'stop':
      await member.freeze();
      await sleep(durationMs);
      await member.thaw();
      return;
    case 'crash_backend':
      await stack.postgres.crashBackend();
      return;
    case 'kill':
    case 'terminate':
      await (deed === 'kill' ? member.kill() : member.terminate());
      await sleep(durationMs);
      await member.start();
  }
}

const troubles: Readonly<Record<Trouble, (proxy: TcpProxy) => void>> = {
  cut: (proxy) => proxy.cut(),
  reset: (proxy) => proxy.reset(),
  hold: (proxy) => proxy.hold(),
  lose_requests: (proxy) => proxy.lose('requests'),
  lose_replies: (proxy) => proxy.lose('replies'),
  slow: (proxy) => proxy.slow(150),
  half_close: (proxy) => proxy.halfClose(),
};

async function trouble(proxy: TcpProxy, kind: Trouble, durationMs: number): Promise<void> {
  troubles[kind](proxy);
  await sleep(durationMs);
  proxy.restore();
}

function chosen<Victim>(victims: readonly Victim[], choice: number): Victim {
  const victim = victims[choice % victims.length];
  if (victim === undefined) throw new RangeError('there is nobody to hurt');
  return victim;
}
