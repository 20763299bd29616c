import { z } from 'zod';
import type { AuditLog } from '../audit/audit-log.js';
import { unlockRecord } from '../domain/unlock-record.js';
import { dryRunSchema, unlockPageSchema, unlockSchema } from './answer-schemas.js';
import { fromAudit } from './availability.js';
import { pageOf, requestCursor, rowsToAsk } from './cursor.js';
import { EXAMPLE_CORRELATION_ID } from './example-errors.js';
import { dryRun } from './dry-run.js';
import { dryRuns, unlockPage } from './example-readings.js';
import type { LockStatusLook } from './lock-status-look.js';
import { approvedUnlocks, endedUnlocks, runningUnlocks, unlockWishes } from './example-unlocks.js';
import { failures, good } from './operation.js';
import { MAX_WAIT_SECONDS, preferredWaitSeconds } from './prefer.js';
import { Problem } from './problem.js';
import { represent, unlockPath } from './representation.js';
import type { RequestSchemas } from './request-schemas.js';
import type { Answer, AuthenticatedCall, Route } from './route.js';
import { rulesOf, type HttpSettings } from './settings.js';
import type { UnlockDesk } from './unlock-desk.js';
import { refuseUserOnBehalf, unlockRequest } from './unlock-wish.js';
import { parsePart, parseQuery } from './validation.js';

interface UnlocksParts {
  readonly audit: AuditLog;
  readonly desk: UnlockDesk;
  readonly look: LockStatusLook;
  readonly schemas: RequestSchemas;
  readonly settings: HttpSettings;
}

const prefer = z
  .string()
  .optional()
  .meta({ description: `RFC 7240: \`wait=N\` waits up to N seconds (at most ${MAX_WAIT_SECONDS}) for the end` });
const location = { description: 'Where the request is read', example: unlockPath(EXAMPLE_CORRELATION_ID) };
const preferenceApplied = { description: 'The wait that was granted, if one was asked for', example: 'wait=30' };
const waitHeaders = z.object({
  location: z.string().meta(location),
  'preference-applied': z.string().optional().meta(preferenceApplied),
});
/** A dry run makes no request to read. */
const endedHeaders = waitHeaders.extend({ location: z.string().optional().meta(location) });

/** Unlock requests as a resource. */
export function unlockRoutes({ audit, desk, look, schemas, settings }: UnlocksParts): Route[] {
  async function create(call: AuthenticatedCall): Promise<Answer> {
    parseQuery(schemas.noQuery, call.search);
    parsePart('header', schemas.optionalHeaders, { correlationId: call.headers.correlationid });
    const { dryRun: isDry = false, ...wish } = parsePart(
      'body',
      schemas.unlockBodyOf(rulesOf(settings, call.caller.institutionId)),
      call.body,
    );
    refuseUserOnBehalf(call, wish.onBehalfOf);
    if (isDry)
      return {
        httpStatus: 200,
        body: await dryRun(call, wish, { look, audit, guard: rulesOf(settings, call.caller.institutionId).repeatGuard }),
      };
    const request = unlockRequest(call, { ...wish, correlationId: call.correlationId }, settings);
    const waitSeconds = preferredWaitSeconds(call.headers.prefer);
    const accepted = await desk.accept(request);
    const waited = waitSeconds === null ? null : await desk.waitFor(accepted, request, { waitMs: waitSeconds * 1000, signal: call.signal });
    const view = waited ?? accepted;
    return {
      httpStatus: view.record.completed === null ? 202 : 200,
      headers: {
        location: unlockPath(request.correlationId),
        ...(waited !== null && { 'preference-applied': `wait=${waitSeconds}` }),
      },
      body: represent(view, settings),
    };
  }

  async function read(call: AuthenticatedCall): Promise<Answer> {
    parseQuery(schemas.noQuery, call.search);
    const { correlationId } = parsePart('path', schemas.requestPath, call.params);
    const view = await desk.look(correlationId, call.caller.institutionId);
    if (view === null) throw new Problem('not_found', { detail: 'No unlock request has this correlationId.' });
    return { httpStatus: 200, body: represent(view, settings) };
  }

  async function list(call: AuthenticatedCall): Promise<Answer> {
    const { limit, cursor, ...filters } = parseQuery(schemas.unlocksQuery, call.search);
    const { institutionId } = call.caller;
    const wanted = { filters: { ...filters, institutionId }, limit: rowsToAsk(limit), after: cursor ?? null };
    const { rows, nextCursor } = pageOf({ rows: await fromAudit(audit.listRequests(wanted)), limit, cursorOf: requestCursor });
    const correlationIds = rows.map(({ correlationId }) => correlationId);
    const events = rows.length === 0 ? [] : await fromAudit(audit.eventsOfAll(correlationIds, institutionId));
    const items = rows.map(({ correlationId }) => {
      const record = unlockRecord(events.filter((event) => event.correlationId === correlationId));
      return represent({ record, request: null, execution: null }, settings);
    });
    return { httpStatus: 200, body: { items, nextCursor } };
  }

  return [
    {
      method: 'post',
      path: '/v1/unlocks',
      scope: 'institution-users:write',
      body: 'json',
      errorShape: 'problem',
      operation: {
        operationId: 'createUnlock',
        tags: ['Unlock requests'],
        summary: 'Ask for a customer to be unlocked',
        description: [
          'Takes the request in and answers 202 once it cannot be lost any more; `Location` says where to follow it.',
          'With `Prefer: wait=N` it answers 200 if the request ends within N seconds; without `Preference-Applied` in the answer nothing was waited for,',
          'because too many answers are being held back.',
          'The same correlationId and customer again is the same request: the first reason stands.',
          'With `dryRun` nothing is unlocked: the lock status is read, and the answer says what would come of the request.',
        ].join(' '),
        requestParams: { header: schemas.optionalHeaders.extend({ prefer }) },
        requestBody: { required: true, content: { 'application/json': { schema: schemas.unlockBody, examples: unlockWishes } } },
        responses: {
          '200': good(
            'The request has ended; `outcome` says how. Or, with `dryRun`, what would come of it',
            z.union([unlockSchema, dryRunSchema]),
            {
              headers: endedHeaders,
              examples: { ...endedUnlocks, ...dryRuns },
            },
          ),
          '202': good('The request is accepted and will not be lost', unlockSchema, { headers: waitHeaders, examples: runningUnlocks }),
          ...failures({
            path: '/v1/unlocks',
            codes: [
              'malformed_json',
              'correlation_id_in_use',
              'customer_not_found',
              'upstream_refused',
              'upstream_unavailable',
              'body_too_large',
              'unsupported_media_type',
            ],
          }),
        },
      },
      handle: create,
    },
    {
      method: 'get',
      path: '/v1/unlocks',
      scope: 'institution-users:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'listUnlocks',
        tags: ['Unlock requests'],
        summary: 'Unlock requests, newest first',
        description: "Your institution's requests, narrowed by the filters given. Pass `nextCursor` on as `cursor` for the next page.",
        requestParams: { query: schemas.unlocksQuery },
        responses: { '200': good('One page', unlockPageSchema, { examples: { page: unlockPage } }), ...failures({ path: '/v1/unlocks' }) },
      },
      handle: list,
    },
    {
      method: 'get',
      path: '/v1/unlocks/{correlationId}',
      scope: 'institution-users:read',
      body: 'none',
      errorShape: 'problem',
      operation: {
        operationId: 'getUnlock',
        tags: ['Unlock requests'],
        summary: 'One unlock request',
        description:
          'How a request goes or went: its attempts, what the bank answered, when the next attempt is due, and in the end its outcome.',
        requestParams: { path: schemas.requestPath },
        responses: {
          '200': good('The request', unlockSchema, {
            examples: { ...runningUnlocks, waiting_for_approval: approvedUnlocks.waiting, ...endedUnlocks },
          }),
          ...failures({ path: unlockPath(EXAMPLE_CORRELATION_ID), codes: ['not_found'] }),
        },
      },
      handle: read,
    },
  ];
}
