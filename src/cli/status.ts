import { unlockPageSchema, type UnlockAnswer } from '../http/answer-schemas.js';
import { CommandFailure, ending, exitCodeHelp, exitCodes } from './exit-codes.js';
import { createFrontDoor } from './front-door.js';
import { pages, tell } from './pages.js';
import { callerHelp, correlationIdArgument, countArgument, ownVoice, write, type PeopleParts } from './people.js';
import { untilInterrupted } from './signals.js';
import { table } from './table.js';
import { moment } from './times.js';
import { sayUnlock, whoIs } from './unlock-view.js';
import { outcomeWords } from './unlock-words.js';
import type { Voice } from './voice.js';
import { lookAt, watch } from './watch.js';

interface ListOptions {
  readonly customer?: string;
  readonly state?: string;
  readonly outcome?: string;
  readonly approval?: string;
  readonly actor?: string;
  readonly from?: string;
  readonly to?: string;
  readonly limit?: number;
  readonly all?: boolean;
}

interface StatusOptions extends ListOptions {
  readonly watch?: boolean;
  readonly json?: boolean;
}

const USUAL_LIMIT = 20;

/** Adds `latchkey status`. */
export function addStatusCommand({ program, settingsOf }: PeopleParts): void {
  program
    .command('status')
    .description('one unlock request, or the newest ones')
    .argument('[correlationId]', 'the request; without one the newest are listed', correlationIdArgument)
    .option('--watch', 'follow the request until it ends')
    .option('--customer <id>', 'list: for this customer')
    .option('--state <running|completed>', 'list: under way or ended')
    .option('--outcome <outcome>', 'list: unlocked, not_locked, rejected, failed or cancelled')
    .option('--approval <waiting>', 'list: that wait for a second person')
    .option('--actor <id>', 'list: asked for by this actor')
    .option('--from <time>', 'list: not before this time')
    .option('--to <time>', 'list: before this time')
    .option('--limit <number>', `list: how many at most (default: ${USUAL_LIMIT})`, countArgument)
    .option('--all', 'list: all that there are')
    .option('--json', 'one JSON document; NDJSON for lists, and with --watch a line for each change')
    .addHelpText(
      'after',
      `${callerHelp('institution-users:read')}\n\nExit codes: 0 told. With --watch: ${exitCodeHelp.following}. ${exitCodeHelp.calling}.`,
    )
    .action(
      ending(async (correlationId: string | undefined, options: StatusOptions) => {
        const { watch: isWatched = false, json = false, ...list } = options;
        if (correlationId === undefined && isWatched) throw usage('--watch needs a correlationId');
        if (correlationId !== undefined && Object.keys(list).length > 0) throw usage('filters are for lists, without a correlationId');
        const door = createFrontDoor({ config: settingsOf('caller'), forTerminal: !json });
        const voice = ownVoice();
        if (correlationId === undefined) {
          const { customer, limit = USUAL_LIMIT, all = false, ...filters } = list;
          await tell<UnlockAnswer>({
            pages: pages({
              door,
              path: '/v1/unlocks',
              scope: 'institution-users:read',
              answer: unlockPageSchema,
              filters: { customerId: customer, ...filters },
              limit: all ? null : limit,
            }),
            json,
            write,
            note: voice.note,
            asTable: (unlocks) => unlockTable(unlocks, voice.paint),
            none: 'no unlock request is like that',
          });
          return exitCodes.done;
        }
        const interruption = untilInterrupted();
        const first = await lookAt(door, correlationId, interruption.signal).catch((error: unknown) => {
          if (interruption.signal.aborted) return null;
          throw error;
        });
        if (first === null) return interruption.exitCode();
        if (isWatched) return watch({ door, first, manner: json ? 'changes' : 'words', voice, interruption, limitMs: null });
        sayUnlock(first, { json, voice });
        return exitCodes.done;
      }),
    );
}

function usage(message: string): CommandFailure {
  return new CommandFailure(message, { exitCode: exitCodes.usage });
}

function unlockTable(unlocks: readonly UnlockAnswer[], paint: Voice['paint']): string {
  return table(
    ['requested', 'customer', 'state', 'attempts', 'asked by', 'correlationId'],
    unlocks.map((unlock) => [
      moment(unlock.requestedAt),
      unlock.customerId,
      stateOf(unlock, paint),
      unlock.attempts.length,
      unlock.requestedBy === null ? null : whoIs(unlock.requestedBy),
      unlock.correlationId,
    ]),
  );
}

function stateOf({ outcome, approval }: UnlockAnswer, paint: Voice['paint']): string {
  if (outcome !== null) return paint(outcomeWords[outcome].colour, outcome);
  return paint('cyan', approval?.state === 'waiting' ? 'needs approval' : 'running');
}
