import { approvalDecisions } from '../domain/approval.js';
import { operatorActionNames, type OperatorAction } from '../domain/operator-action.js';
import { unlockSchema } from '../http/answer-schemas.js';
import { CallFailure } from './call-failure.js';
import { ending, exitCodeHelp, exitCodes } from './exit-codes.js';
import { createFrontDoor } from './front-door.js';
import { callerHelp, correlationIdArgument, ownVoice, type PeopleParts } from './people.js';
import { followLine, sayUnlock } from './unlock-view.js';

interface SteeringOptions {
  readonly reason: string;
  readonly ticket?: string;
  readonly onBehalfOf?: string;
  readonly json?: boolean;
}

const descriptions: Readonly<Record<OperatorAction | (typeof approvalDecisions)[number], string>> = {
  cancel: 'stops a request between attempts',
  'retry-now': 'makes the next attempt now rather than when the wait is over',
  pause: 'keeps the next attempt of a request back',
  resume: 'lets a paused request go on',
  approve: 'approves, as a second person, an unlock that waits for it',
  decline: 'declines, as a second person, an unlock that waits for approval',
};

/** Adds what operators do with a request under way, and what a second person decides. */
export function addSteeringCommands({ program, settingsOf }: PeopleParts): void {
  for (const action of [...approvalDecisions, ...operatorActionNames]) {
    const isDecision = approvalDecisions.some((decision) => decision === action);
    const scope = isDecision ? 'unlocks:approve' : 'unlocks:operate';
    const command = program
      .command(action)
      .description(`${descriptions[action]}; that is recorded`)
      .argument('<correlationId>', 'the request', correlationIdArgument)
      .requiredOption('--reason <text>', 'why; kept in the audit log')
      .option('--ticket <ticket>', 'the case or ticket that it belongs to')
      .option('--json', 'the request as it stands then, as one JSON document')
      .addHelpText('after', `${callerHelp(scope)}\n\nExit codes: 0 done; ${exitCodeHelp.calling}.`);
    if (!isDecision) command.option('--on-behalf-of <who>', 'with a service token: the human behind it');
    command.action(
      ending(async (correlationId: string, { json = false, ...body }: SteeringOptions) => {
        const door = createFrontDoor({ config: settingsOf('caller'), forTerminal: !json });
        const voice = ownVoice();
        const path = `/v1/unlocks/${correlationId}:${action}`;
        const unlock = await door.ask({ method: 'POST', path, scope, body, answer: unlockSchema }).catch((error: unknown) => {
          if (!(error instanceof CallFailure) || error.kind !== 'lost') throw error;
          throw error.withAdvice(`Whether it was done is not known: ${followLine(correlationId)}`);
        });
        sayUnlock(unlock, { json, voice });
        return exitCodes.done;
      }),
    );
  }
}
