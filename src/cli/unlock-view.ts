import type { UnlockAnswer } from '../http/answer-schemas.js';
import { clock, moment } from './times.js';
import { happenings, outcomeWords, verificationWords, waitingWords } from './unlock-words.js';
import type { Voice } from './voice.js';

type Speaking = Pick<Voice, 'say' | 'paint'>;

const LABEL = 14;
const NO_TIME = ' '.repeat('00:00:00Z'.length);

/** How somebody follows a request, once more or further. */
export function followLine(correlationId: string): string {
  return `latchkey status ${correlationId} --watch`;
}

/** Which request it is, who asked and why. */
export function sayWhich(unlock: UnlockAnswer, { say, paint }: Speaking): void {
  const { correlationId, customerId, requestedAt, requestedBy, reason, reasonCode, ticket } = unlock;
  say(paint('bold', `unlock of ${customerId}`));
  const asked = requestedBy === null ? '' : ` by ${whoIs(requestedBy)}`;
  sayLabelled({ say, paint }, [
    ['correlationId', correlationId],
    ['asked', `${moment(requestedAt)}${asked}`],
    ['reason', [reason, reasonCode === null ? null : `[${reasonCode}]`].filter((part) => part !== null).join(' ')],
    ['ticket', ticket ?? ''],
  ]);
}

/** What has happened since it was last looked at; all of it where it never was. */
export function sayHappenings(before: UnlockAnswer | null, now: UnlockAnswer, { say, paint }: Speaking): void {
  for (const { at, words } of happenings(before, now)) say(`  ${paint('dim', at === null ? NO_TIME : clock(at))}  ${words}`);
}

/** All of it, told once: in words, or as JSON for scripts. */
export function sayUnlock(unlock: UnlockAnswer, { json, voice }: { readonly json: boolean; readonly voice: Speaking }): void {
  if (json) {
    voice.say(JSON.stringify(unlock));
    return;
  }
  sayWhich(unlock, voice);
  sayHappenings(null, unlock, voice);
  sayHowItStands(unlock, voice);
}

/** How it ended, or what it waits for; and how it is followed. */
export function sayHowItStands(unlock: UnlockAnswer, { say, paint }: Speaking): void {
  const { outcome, verification, diagnosis, correlationId } = unlock;
  if (outcome === null) {
    say(`${paint(['bold', 'cyan'], 'running'.padEnd(LABEL))}${waitingWords(unlock, Date.now())}`);
  } else {
    const { colour, says } = outcomeWords[outcome];
    say(`${paint(['bold', colour], outcome.padEnd(LABEL))}${says(unlock)}`);
  }
  sayLabelled({ say, paint }, [
    ['verification', verification === null ? '' : `${verification}: ${verificationWords[verification]}`],
    ['diagnosis', diagnosis ?? ''],
    ['follow it', followLine(correlationId)],
  ]);
}

/** Labels with what they label; those with nothing to say are left out. */
export function sayLabelled({ say, paint }: Speaking, lines: readonly (readonly [string, string])[]): void {
  for (const [label, text] of lines) if (text !== '') say(`${paint('dim', label.padEnd(LABEL))}${text}`);
}

/** Who acted, and for whom a service says that it did. */
export function whoIs({ id, name, onBehalfOf }: NonNullable<UnlockAnswer['requestedBy']>): string {
  return `${name ?? id}${onBehalfOf === null ? '' : ` for ${onBehalfOf.id}`}`;
}
