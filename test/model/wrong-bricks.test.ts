import { describe, expect, it } from '@jest/globals';
import type { ActivityParts } from '../../activities/index.js';
import fc from 'fast-check';
import type { Behaviour } from './behaviours.js';
import type { Repertoire } from './commands.js';
import { openModelHouse } from './house.js';
import { runLane } from './lanes.js';

interface WrongBrick {
  /** Completes "a house with …". */
  readonly name: string;
  readonly lay: (real: ActivityParts) => Partial<ActivityParts>;
  readonly foundAs: RegExp;
  /** Where the fault shows too seldom by chance. */
  readonly beginning?: Behaviour[];
}

const wrongBricks: readonly WrongBrick[] = [
  {
    name: 'a client that reports an unlock where the bank answered 503',
    lay: ({ upstream, audit }) => ({
      audit,
      upstream: {
        ...upstream,
        async unlock(call, token) {
          const answer = await upstream.unlock(call, token);
          return answer.httpStatus === 503 ? { ...answer, meaning: 'unlocked', httpStatus: 204, code: null, message: null } : answer;
        },
      },
    }),
    foundAs: /attempt_finished \d says succeeded, the bank answered 503/,
  },
  {
    name: 'a client that sends its PUT twice',
    lay: ({ upstream, audit }) => ({
      audit,
      upstream: {
        ...upstream,
        async unlock(call, token) {
          await upstream.unlock(call, token);
          return upstream.unlock(call, token);
        },
      },
    }),
    foundAs: /a PUT at .* has no intent of its own/,
  },
  {
    name: 'a client that takes every customer for open',
    lay: ({ upstream, audit }) => ({
      audit,
      upstream: {
        ...upstream,
        async readLockStatus(call) {
          const reading = await upstream.readLockStatus(call);
          return reading.kind === 'read' ? { ...reading, lockStatus: 'not_locked' } : reading;
        },
      },
    }),
    foundAs: /reads of not_locked are on record, the bank told it 0 times/,
  },
  {
    name: 'a client that overlooks Retry-After',
    lay: ({ upstream, audit }) => ({
      audit,
      upstream: { ...upstream, unlock: async (call, token) => ({ ...(await upstream.unlock(call, token)), retryAfterMs: null }) },
    }),
    beginning: ['answers 429'],
    foundAs: /the next PUT came \d+ ms after a Retry-After of 2000 ms/,
  },
  {
    name: 'an audit log that drops the results of attempts',
    lay: ({ upstream, audit }) => ({
      upstream,
      audit: {
        ...audit,
        append: async (event) =>
          event.action === 'customer.unlock.attempt_finished' && event.result !== 'unknown' ? 'written' : audit.append(event),
      },
    }),
    foundAs: /attempt_finished \d says unknown, the bank answered/,
  },
  {
    name: 'an audit log that gives attempts out without committing the intent',
    lay: ({ upstream, audit }) => ({ upstream, audit: { ...audit, claimAttempt: async ({ reviewedAttempt }) => reviewedAttempt + 1 } }),
    foundAs: /a PUT at .* has no intent of its own/,
  },
  {
    name: 'an audit log that writes another outcome than it was told',
    lay: ({ upstream, audit }) => ({
      upstream,
      audit: {
        ...audit,
        append: (event) =>
          audit.append(event.outcome === 'unlocked' ? { ...event, outcome: 'failed', verification: 'still_locked' } : event),
      },
    }),
    foundAs: /it ended failed; allowed: unlocked/,
  },
];

const repertoire: Repertoire = 'calm';

describe('the model finds', () => {
  it.each(wrongBricks)(
    'a house with $name',
    async ({ lay, foundAs, beginning }) => {
      const house = await openModelHouse({ workers: 'within', bricks: lay });
      try {
        const { failure } = await runLane({
          house,
          repertoire,
          runs: 60,
          seed: 1,
          shrinkMs: 0,
          ...(beginning && { beginning: fc.constant(beginning) }),
        });
        expect(failure).toMatch(foundAs);
        expect(failure).toMatch(/again: npm run test:model -- --only calm --seed 1 --path \d/);
      } finally {
        await house.close();
      }
    },
    180_000,
  );
});
