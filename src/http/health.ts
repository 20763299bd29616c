import type { z } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';
import { healthSchema, readinessSchema } from './answer-schemas.js';
import { RETRY_AFTER_SECONDS } from './error-codes.js';
import type { Answer, Route } from './route.js';
import type { HttpLog, ReadinessCheck } from './settings.js';

interface HealthParts {
  readonly readiness: readonly ReadinessCheck[];
  readonly log: HttpLog;
  readonly draining: AbortSignal;
}

const CHECK_TIMEOUT_MS = 2_000;

/** Whether the process lives, and whether all is there that requests need. */
export function healthRoutes({ readiness, log, draining }: HealthParts): Route[] {
  async function isReady({ part, check }: ReadinessCheck): Promise<boolean> {
    try {
      await withinTime(check());
      return true;
    } catch (error) {
      log.warn({ err: error, part }, 'not ready');
      return false;
    }
  }

  async function lookAtAll(): Promise<Answer> {
    const parts = await Promise.all(readiness.map(async (each) => ({ part: each.part, ready: await isReady(each) })));
    if (draining.aborted) parts.push({ part: 'process', ready: false });
    const ready = parts.every((each) => each.ready);
    return {
      httpStatus: ready ? 200 : 503,
      headers: { 'cache-control': 'no-store', ...(!ready && { 'retry-after': RETRY_AFTER_SECONDS }) },
      body: { status: ready ? 'ready' : 'not_ready', parts },
    };
  }

  // Nobody needs a token to ask, so many who ask at once share one look.
  let looking: Promise<Answer> | null = null;

  return [
    {
      method: 'get',
      path: '/healthz',
      scope: 'public',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getHealth',
        tags: ['Operations'],
        summary: 'Whether the process lives',
        responses: { '200': plain('It does', healthSchema, { status: 'ok' }) },
      },
      handle: async () => ({ httpStatus: 200, headers: { 'cache-control': 'no-store' }, body: { status: 'ok' } }),
    },
    {
      method: 'get',
      path: '/readyz',
      scope: 'public',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getReadiness',
        tags: ['Operations'],
        summary: 'Whether requests can be served, and which part is missing if not',
        responses: {
          '200': plain('They can', readinessSchema, { status: 'ready', parts: exampleParts(true) }),
          '503': plain('A part is missing', readinessSchema, { status: 'not_ready', parts: exampleParts(false) }),
        },
      },
      handle: async () => {
        looking ??= lookAtAll().finally(() => {
          looking = null;
        });
        return looking;
      },
    },
  ];
}

function plain<Schema extends z.ZodType>(description: string, schema: Schema, example: z.infer<Schema>): ZodOpenApiResponseObject {
  return { description, content: { 'application/json': { schema, example } } };
}

function exampleParts(temporal: boolean) {
  return [
    { part: 'postgres', ready: true },
    { part: 'temporal', ready: temporal },
  ];
}

async function withinTime(work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${CHECK_TIMEOUT_MS} ms`)), CHECK_TIMEOUT_MS);
  });
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
