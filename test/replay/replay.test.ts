import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { historyFromJSON } from '@temporalio/common/lib/proto-utils.js';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import { PAYLOAD_KEYS } from '../support/latchkey.js';
import { testTemporal } from '../support/temporal.js';

const folder = fileURLToPath(new URL('histories', import.meta.url));
const recordings = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.json'));

Runtime.install({
  logger: new DefaultLogger('ERROR'),
  telemetryOptions: { logging: { filter: 'ERROR', console: {} } },
  shutdownSignals: [],
});

function recorded(file: string) {
  return historyFromJSON(JSON.parse(readFileSync(join(folder, file), 'utf8')));
}

async function replay(history: ReturnType<typeof historyFromJSON>): Promise<void> {
  await Worker.runReplayHistory(
    { workflowBundle: testTemporal().workflowBundle, dataConverter: createDataConverter(PAYLOAD_KEYS) },
    history,
    'unlock-replayed',
  );
}

describe('the workflows of today', () => {
  it('have recordings to be held against', () => {
    expect(recordings.length).toBeGreaterThanOrEqual(10);
  });

  it.each(recordings)('replay what was recorded: %s', async (file) => {
    await replay(recorded(file));
  });

  it('would not replay a history in which another step was taken', async () => {
    const history = recorded('1/clean.json');
    const markers = history.events?.filter((event) => event.markerRecordedEventAttributes) ?? [];
    const [first, second] = markers;
    if (!first || !second) throw new Error('the recording has no two steps');
    const attributes = first.markerRecordedEventAttributes ?? null;
    first.markerRecordedEventAttributes = second.markerRecordedEventAttributes ?? null;
    second.markerRecordedEventAttributes = attributes;
    await expect(replay(history)).rejects.toThrow(DeterminismViolationError);
  });
});
