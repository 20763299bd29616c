import type { z } from 'zod';
import type { dryRunSchema } from '../http/answer-schemas.js';
import { sayLabelled } from './unlock-view.js';
import { outcomeWords } from './unlock-words.js';
import type { Voice } from './voice.js';

/** What would come of a request that was not made. */
export function sayDryRun(told: z.infer<typeof dryRunSchema>, voice: Pick<Voice, 'say' | 'paint'>): void {
  const { customerId, expectedOutcome, because, lockStatus, flags, diagnosis, correlationId } = told;
  const { colour } = outcomeWords[expectedOutcome];
  const set = Object.entries(flags).flatMap(([name, isSet]) => (isSet === true ? [name] : []));
  voice.say(voice.paint('bold', `dry run for ${customerId}: nothing was unlocked`));
  sayLabelled(voice, [
    ['expected', `${voice.paint(['bold', colour], expectedOutcome)}: ${because}`],
    ['lock status', `${lockStatus}${set.length === 0 ? '' : ` (${set.join(', ')})`}`],
    ['diagnosis', diagnosis ?? ''],
    ['recorded as', correlationId],
  ]);
}
