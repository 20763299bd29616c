import type { Outcome } from '../domain/outcome.js';
import { CallFailure, type FailureKind } from './call-failure.js';

/** What commands end with that follow an unlock request; by outcome, so that scripts need not read words. */
export const outcomeExitCodes: Readonly<Record<Outcome, number>> = { unlocked: 0, not_locked: 3, rejected: 4, failed: 5, cancelled: 6 };

/** Beyond the outcomes, in the numbers of sysexits.h where it has one. */
export const exitCodes = { done: 0, wrong: 1, usage: 2, away: 69, stillRunning: 75, tokenRefused: 77 } as const;

/** What `latchkey audit verify` ends with, besides. */
export const verifyExitCodes = { intact: 0, falsified: 3, notVouchedFor: 4 } as const;

const ofFailures: Readonly<Record<FailureKind, number>> = {
  away: exitCodes.away,
  lost: exitCodes.away,
  unavailable: exitCodes.away,
  token_refused: exitCodes.tokenRefused,
  invalid: exitCodes.usage,
  refused: exitCodes.wrong,
  not_understood: exitCodes.wrong,
};

/** Ends the command with words on stderr and an exit code of its own. */
export class CommandFailure extends Error {
  override readonly name = 'CommandFailure';
  readonly exitCode: number;

  constructor(message: string, { exitCode, cause }: { readonly exitCode: number; readonly cause?: unknown }) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}

/** Runs what a command for people does, which tells its exit code; a call that came to nothing has one as well. */
export function ending<Arguments extends readonly unknown[]>(
  work: (...given: Arguments) => Promise<number>,
): (...given: Arguments) => Promise<void> {
  return async (...given) => {
    try {
      process.exitCode = await work(...given);
    } catch (error) {
      if (!(error instanceof CallFailure)) throw error;
      throw new CommandFailure(error.message, { exitCode: ofFailures[error.kind], cause: error });
    }
  };
}

/** For `--help`. */
export const exitCodeHelp = {
  calling: `${exitCodes.wrong} refused or went wrong, ${exitCodes.usage} wrong usage or not valid, ${exitCodes.away} the front door is away or cannot take it now, ${exitCodes.tokenRefused} the token is refused, 78 settings that cannot work`,
  following: `${outcomeExitCodes.unlocked} unlocked, ${outcomeExitCodes.not_locked} not_locked, ${outcomeExitCodes.rejected} rejected, ${outcomeExitCodes.failed} failed, ${outcomeExitCodes.cancelled} cancelled, ${exitCodes.stillRunning} still running when --wait was over, 130 stopped by Ctrl-C while it goes on`,
} as const;
