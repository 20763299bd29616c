import { rules } from './evidence.js';
import { replayCommand, type ChaosOptions } from './options.js';
import type { ChaosResult } from './run.js';

const SHOWN = 20;

/** The run's figures for people. */
export function reportOf(result: ChaosResult, options: ChaosOptions): string {
  const total = (counts: Readonly<Record<string, number>>): number => Object.values(counts).reduce((sum, count) => sum + count, 0);
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ') || 'none';
  const { violations } = result;
  return [
    `seed            ${options.seed}`,
    `faults          ${total(result.faults)}: ${list(result.faults)}`,
    `unlocks         ${result.unlocks}, by ${result.calls} calls, ${result.unanswered} of them without an answer`,
    `attempts        ${total(result.attempts)} (${list(result.attempts)}), ${result.puts} PUTs on the wire`,
    `outcomes        ${total(result.outcomes)} (${list(result.outcomes)})`,
    `verifications   ${list(result.verifications)}`,
    `ended by itself ${list(result.selfEnded)}`,
    `duration        ${result.seconds} s, the last ${result.settleSeconds} s of them without faults`,
    `violations      ${violations.length}`,
    ...violations.slice(0, SHOWN).map(({ rule, correlationId, detail }) => `  ${rules[rule]}: ${detail} (${correlationId})`),
    ...(violations.length > SHOWN ? [`  and ${violations.length - SHOWN} more`] : []),
    ...(result.keptIn === null ? [] : [`kept in ${result.keptIn}`]),
    ...(violations.length === 0 ? [] : [`the same again: ${replayCommand(options)}`]),
  ].join('\n');
}
