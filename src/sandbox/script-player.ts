import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServerResponse } from 'node:http';
import type { Step } from './script.js';

/** What the bank sends; null: no body. */
export interface BankAnswer {
  readonly httpStatus: number;
  readonly body: string | null;
  readonly contentType?: string;
}

export function jsonAnswer(httpStatus: number, body: unknown): BankAnswer {
  return { httpStatus, body: JSON.stringify(body), contentType: 'application/json' };
}

/** The bank's error body. */
export function errorAnswer(httpStatus: number, code: string | undefined, message: string): BankAnswer {
  return jsonAnswer(httpStatus, { status: httpStatus, message, ...(code === undefined ? {} : { code }) });
}

interface Scene {
  /** Null: the bank behaves. */
  readonly step: Step | null;
  readonly response: ServerResponse;
  /** Ends every wait when the sandbox closes. */
  readonly closing: AbortSignal;
  /** Carries out what was asked for. */
  readonly apply: () => void;
  readonly lockAgain: () => void;
  /** Asked for after the call was carried out. */
  readonly ordinaryAnswer: () => BankAnswer;
}

/**
 * Plays one call through its scripted step, in the order that the script promises.
 * @throws where the caller goes away or the sandbox closes
 */
export async function playStep({ step, response, closing, apply, lockAgain, ordinaryAnswer }: Scene): Promise<void> {
  const pause = async (ms: number | undefined): Promise<void> => {
    if (ms !== undefined && ms > 0) await sleep(ms, undefined, { signal: closing, ref: false });
  };
  await pause(step?.delayMs);
  if (step?.loseConnection === 'before_applying') return void response.socket?.resetAndDestroy();
  if (step?.apply ?? (step?.httpStatus === undefined || step.httpStatus < 300)) apply();
  if (step?.lockAgain === true) lockAgain();
  if (step?.loseConnection === 'after_applying') return void response.socket?.destroy();
  const answer = step === null ? ordinaryAnswer() : scriptedAnswer(step, ordinaryAnswer);
  await pause(step?.answerDelayMs);
  response.writeHead(answer.httpStatus, {
    ...(answer.contentType === undefined ? {} : { 'content-type': answer.contentType }),
    ...step?.headers,
  });
  if (step?.bodyDelayMs === undefined && step?.bodyBytes === undefined) return void response.end(answer.body ?? undefined);
  await pipeline(Readable.from(slowly(answer.body ?? '', step, pause)), response, { signal: closing });
}

function scriptedAnswer(step: Step, ordinaryAnswer: () => BankAnswer): BankAnswer {
  if (step.httpStatus === undefined) return ordinaryAnswer();
  const contentType = step.contentType === undefined ? {} : { contentType: step.contentType };
  if (typeof step.body === 'string') return { httpStatus: step.httpStatus, body: step.body, contentType: 'text/html', ...contentType };
  if (step.body !== undefined) return { ...jsonAnswer(step.httpStatus, step.body), ...contentType };
  const isPlainSuccess = step.httpStatus < 300 && (step.code ?? step.message) === undefined;
  if (isPlainSuccess) return { httpStatus: step.httpStatus, body: null, ...contentType };
  return { ...errorAnswer(step.httpStatus, step.code, step.message ?? 'Scripted answer'), ...contentType };
}

async function* slowly(body: string, step: Step, pause: (ms: number | undefined) => Promise<void>): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(body);
  if (step.bodyDelayMs !== undefined) {
    yield bytes.subarray(0, 1);
    await pause(step.bodyDelayMs);
    yield bytes.subarray(1);
  } else {
    yield bytes;
  }
  const filler = Buffer.alloc(64 * 1024, ' ');
  for (let left = (step.bodyBytes ?? 0) - bytes.length; left > 0; left -= filler.length) yield filler.subarray(0, left);
}
