import { InvalidArgumentError, type Command } from 'commander';
import type { Config, Part } from '../config.js';
import { parseCorrelationId } from '../domain/unlock-request.js';
import type { Scope } from '../http/auth.js';
import { signalExitCode } from './signals.js';
import { createVoice, type Voice } from './voice.js';

/** What a command for people is made of. */
export interface PeopleParts {
  readonly program: Command;
  readonly settingsOf: (part: Part) => Config;
}

/** The voice of a command on this process's own streams. */
export function ownVoice(): Voice {
  // Whoever read it has gone, as `head` does; no outcome may be read from that.
  process.stdout.on('error', () => process.exit(signalExitCode('SIGPIPE')));
  return createVoice({ stdout: process.stdout, stderr: process.stderr });
}

/** Writes to stdout, no faster than it is read. */
export function write(text: string): Promise<void> {
  return new Promise((resolve) => void process.stdout.write(text, () => resolve()));
}

/** For `--help`: where the front door is looked for, and with which token. */
export function callerHelp(...scopes: readonly Scope[]): string {
  return [
    '',
    'LATCHKEY_URL says where the front door is (http://127.0.0.1:3000); LATCHKEY_TOKEN or LATCHKEY_TOKEN_FILE is a token',
    `with ${scopes.length === 1 ? 'the scope' : 'the scopes'} ${scopes.join(', ')}.`,
  ].join('\n');
}

/** Reads a correlationId as it is typed. */
export function correlationIdArgument(text: string): string {
  const correlationId = parseCorrelationId(text);
  if (correlationId === null) throw new InvalidArgumentError('It must be a GUID, such as 2f6fc4b8-0f0b-4d7e-9a52-6a3a8c5b7d11.');
  return correlationId;
}

/** Reads a number from 1 on as it is typed. */
export function countArgument(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('It must be a whole number from 1 on.');
  return Number(text);
}

/** `correlationId` as options are spelled: `correlation-id`. */
export const kebab = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
