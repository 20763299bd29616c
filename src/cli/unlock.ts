import { randomUUID } from 'node:crypto';
import { InvalidArgumentError } from 'commander';
import { dryRunSchema } from '../http/answer-schemas.js';
import { accept } from './accept.js';
import { ending, exitCodeHelp, exitCodes } from './exit-codes.js';
import { createFrontDoor } from './front-door.js';
import { callerHelp, correlationIdArgument, ownVoice, type PeopleParts } from './people.js';
import { untilInterrupted } from './signals.js';
import { sayDryRun } from './dry-run-view.js';
import { sayUnlock } from './unlock-view.js';
import { watch } from './watch.js';

interface UnlockOptions {
  readonly reason?: string;
  readonly reasonCode?: string;
  readonly ticket?: string;
  readonly onBehalfOf?: string;
  readonly correlationId?: string;
  readonly dryRun?: boolean;
  /** In seconds; false: not at all. */
  readonly wait?: number | boolean;
  readonly json?: boolean;
}

/** Adds `latchkey unlock`. */
export function addUnlockCommand({ program, settingsOf }: PeopleParts): void {
  program
    .command('unlock <customerId>')
    .description('asks for a customer to be unlocked, and follows it until it ends')
    .option('--reason <text>', 'why; kept in the audit log')
    .option('--reason-code <code>', 'the reason as a code of your own')
    .option('--ticket <ticket>', 'the case or ticket that it belongs to')
    .option('--on-behalf-of <who>', 'with a service token: the human behind it')
    .option('--correlation-id <guid>', 'the id of the request; with that of an earlier one it joins that one', correlationIdArgument)
    .option('--dry-run', 'unlocks nothing: says what would come of it; that is recorded')
    .option('--wait <seconds>', 'follow it for so long at most (default: to its end)', secondsArgument)
    .option('--no-wait', 'do not follow it: 0 once it is accepted')
    .option('--json', 'the request as one JSON document, at the end')
    .addHelpText(
      'after',
      `${callerHelp('institution-users:write', 'institution-users:read')}\n\nExit codes: ${exitCodeHelp.following}; ${exitCodeHelp.calling}.`,
    )
    .action(
      ending(async (customerId: string, options: UnlockOptions) => {
        const { wait = true, json = false, dryRun = false, correlationId = randomUUID() } = options;
        const { reason, reasonCode, ticket, onBehalfOf } = options;
        const wish = { customerId, reason, reasonCode, ticket, onBehalfOf };
        const door = createFrontDoor({ config: settingsOf('caller'), forTerminal: !json });
        const voice = ownVoice();
        if (dryRun) {
          const call = { method: 'POST', path: '/v1/unlocks', scope: 'institution-users:write', headers: { correlationId } } as const;
          const told = await door.ask({ ...call, body: { ...wish, dryRun }, answer: dryRunSchema });
          if (json) voice.say(JSON.stringify(told));
          else sayDryRun(told, voice);
          return exitCodes.done;
        }
        const interruption = untilInterrupted();
        const first = await accept({ door, wish, correlationId, isFollowed: wait !== false, note: voice.note, interruption });
        if (first === null) return interruption.exitCode();
        if (wait !== false) {
          const limitMs = typeof wait === 'number' ? wait * 1000 : null;
          return watch({ door, first, manner: json ? 'end' : 'words', voice, interruption, limitMs });
        }
        sayUnlock(first, { json, voice });
        return exitCodes.done;
      }),
    );
}

function secondsArgument(text: string): number {
  if (!/^\d{1,6}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds.');
  return Number(text);
}
