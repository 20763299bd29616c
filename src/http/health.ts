import type { z } from 'zod';
import type { ZodOpenApiResponseObject } from 'zod-openapi';
import { healthSchema, readinessSchema } from './answer-schemas.js';
import { RETRY_AFTER_SECONDS } from './error-codes.js';
import type { Answer, Route } from './route.js';
import type { LookAtParts } from './readiness.js';

/** Whether the process lives, and whether all is there that requests need. */
export function healthRoutes({ lookAtParts }: { readonly lookAtParts: LookAtParts }): Route[] {
  async function readyz(): Promise<Answer> {
    const parts = await lookAtParts();
    const ready = parts.every((each) => each.ready);
    return {
      httpStatus: ready ? 200 : 503,
      headers: { 'cache-control': 'no-store', ...(!ready && { 'retry-after': RETRY_AFTER_SECONDS }) },
      body: { status: ready ? 'ready' : 'not_ready', parts },
    };
  }

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
      handle: readyz,
    },
  ];
}

function plain<Schema extends z.ZodType>(description: string, schema: Schema, example: z.infer<Schema>): ZodOpenApiResponseObject {
  return { description, content: { 'application/json': { schema, example } } };
}

export function exampleParts(temporal: boolean) {
  return [
    { part: 'postgres', ready: true },
    { part: 'temporal', ready: temporal },
  ];
}
