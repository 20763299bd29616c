import type { Command } from 'commander';
import { z } from 'zod';
import type { Config, Part } from '../config.js';
import { CommandFailure, exitCodes } from './exit-codes.js';

interface TokenParts {
  readonly program: Command;
  readonly settingsOf: (part: Part) => Config;
  readonly say: (line: string) => void;
}

interface TokenOptions {
  readonly sub: string;
  readonly name: string;
  readonly scope?: string;
}

const SANDBOX_ISSUER = 'http://127.0.0.1:4010/issuer';
const SANDBOX_CLIENT = 'latchkey-sandbox';
const LIMIT_MS = 10_000;
const granted = z.object({ access_token: z.string() });
const refused = z.object({ error_description: z.string() });

/** Adds `latchkey token`: the sandbox's issuer gives tokens to anybody, for local use. */
export function addTokenCommand({ program, settingsOf, say }: TokenParts): void {
  program
    .command('token')
    .description('prints a token of the sandbox’s issuer, for local use: export LATCHKEY_TOKEN=$(npx latchkey token)')
    .option('--sub <id>', 'whom it is for; a second person has another one', 'agent-1')
    .option('--name <name>', 'their name', 'Sam Support')
    .option('--scope <scopes>', 'what it allows, between blanks (default: everything)')
    .addHelpText('after', `\nAUTH_ISSUER says where the sandbox’s issuer is (${SANDBOX_ISSUER}).`)
    .action(async ({ sub, name, scope }: TokenOptions) => {
      const { AUTH_ISSUER: issuer = SANDBOX_ISSUER } = settingsOf('sandbox');
      const form = { grant_type: 'client_credentials', client_id: SANDBOX_CLIENT, sub, name };
      const response = await fetch(`${issuer}/token`, {
        method: 'POST',
        body: new URLSearchParams(scope === undefined ? form : { ...form, scope }),
        redirect: 'error',
        signal: AbortSignal.timeout(LIMIT_MS),
      }).catch((error: unknown) => {
        const words = `no sandbox answers at ${issuer}: npm start has one, and latchkey sandbox; AUTH_ISSUER says where its issuer is`;
        throw new CommandFailure(words, { exitCode: exitCodes.away, cause: error });
      });
      const answer: unknown = await response.json().catch(() => null);
      const token = granted.safeParse(answer);
      if (!token.success) {
        const { data } = refused.safeParse(answer);
        throw new Error(`${issuer} gives no token: ${data?.error_description ?? `it answers ${response.status}`}`);
      }
      say(token.data.access_token);
    });
}
