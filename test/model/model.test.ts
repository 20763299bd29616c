import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Repertoire } from './commands.js';
import { openModelHouse, type House } from './house.js';
import { runLane, type LaneReport } from './lanes.js';
import { modelSettings } from './settings.js';

const { seed, only, path, replayPath } = modelSettings;

interface Plan {
  readonly repertoire: Repertoire;
  readonly workers: 'within' | 'processes';
  /** In CI; each costs a second or two, one with deaths ten. */
  readonly runs: number;
}

const plans: readonly Plan[] = [
  { repertoire: 'calm', workers: 'within', runs: 10 },
  { repertoire: 'operators', workers: 'within', runs: 12 },
  { repertoire: 'outages', workers: 'within', runs: 6 },
  { repertoire: 'deaths', workers: 'processes', runs: 3 },
];

const wanted = plans.filter(({ repertoire }) => only === null || repertoire === only);
const longestMs = 120_000 + Math.max(...wanted.map(({ runs }) => modelSettings.runs ?? runs)) * 60_000;
const houses: House[] = [];
const lanes = new Map<Repertoire, Promise<LaneReport>>();

beforeAll(async () => {
  for (const { repertoire, workers, runs } of wanted) {
    const house = await openModelHouse({ workers });
    houses.push(house);
    // Side by side, each in a house of its own: most of a run is waiting.
    lanes.set(repertoire, runLane({ house, repertoire, runs: modelSettings.runs ?? runs, seed, path, replayPath }));
  }
}, 180_000);
afterAll(async () => {
  await Promise.allSettled(lanes.values());
  for (const house of houses) await house.close();
}, longestMs);

const titles: Readonly<Record<Repertoire, string>> = {
  calm: 'whatever the bank does',
  operators: 'whatever operators do beside it: cancel, pause, reset, terminate',
  outages: 'with Postgres and Temporal cut off and workers coming and going',
  deaths: 'with workers killed and frozen',
};

describe('the unlock protocol holds', () => {
  it.each(wanted.map(({ repertoire }) => ({ repertoire, title: titles[repertoire] })))(
    '$title ($repertoire)',
    async ({ repertoire }) => {
      const report = await lanes.get(repertoire);
      const { runs, requests, outcomes } = report ?? {};
      process.stderr.write(`model, ${repertoire}: ${runs} sequences, ${requests} requests, ${JSON.stringify(outcomes)}\n`);
      expect(report?.failure).toBeNull();
    },
    longestMs,
  );
});
