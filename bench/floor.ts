import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import express from 'express';
import { Agent } from 'undici';
import { z } from 'zod';
import { auditEventId } from '../src/audit/event-id.js';
import type { AuditAction, NewAuditEvent } from '../src/domain/audit-event.js';
import { createAuthenticator } from '../src/http/auth.js';
import { floorAudit } from './floor-audit.js';
import { issuerFetch } from '../test/support/anywhere.js';

// A program of its own: what an unlock costs where nothing is durable. The same calls to the bank, the same five rows, the same check
// of the caller's token as Latchkey's, one after the other in one handler.

const settings = z.object({
  DATABASE_URL: z.string(),
  UPSTREAM_BASE_URL: z.string(),
  UPSTREAM_TOKEN_URL: z.string(),
  UPSTREAM_INSTITUTION_ID: z.string(),
  AUTH_ISSUER: z.string(),
  AUTH_AUDIENCE: z.string(),
  FLOOR_AUDIT: z.enum(['pg', 'prisma']),
});
const env = settings.parse(process.env);
const institutionId = env.UPSTREAM_INSTITUTION_ID;
const record = floorAudit[env.FLOOR_AUDIT](env.DATABASE_URL);
const authenticate = createAuthenticator({
  issuer: env.AUTH_ISSUER,
  audience: env.AUTH_AUDIENCE,
  jwksUrl: null,
  tokenTyp: 'at+jwt',
  allowedInstitutions: [institutionId],
  fetch: issuerFetch(env.AUTH_ISSUER),
});

const bank = new Agent({ connections: 512, pipelining: 1 });
const tokenResponse = await fetch(env.UPSTREAM_TOKEN_URL, { method: 'POST', body: 'grant_type=client_credentials' });
const { access_token: bankToken } = z.object({ access_token: z.string() }).parse(await tokenResponse.json());
const statusAnswer = z.object({ userStatus: z.object({ locked: z.boolean() }) });

async function askBank(method: 'GET' | 'PUT', path: string, correlationId: string) {
  const startedMs = performance.now();
  const headers = {
    authorization: `Bearer ${bankToken}`,
    accept: 'application/json',
    correlationId,
    institutionId,
    transactionId: randomUUID(),
  };
  const { statusCode, body } = await bank.request({ origin: env.UPSTREAM_BASE_URL, path, method, headers });
  return { httpStatus: statusCode, text: await body.text(), durationMs: Math.round(performance.now() - startedMs) };
}

async function readLockStatus(customerId: string, correlationId: string) {
  const { httpStatus, text, durationMs } = await askBank('GET', `/v1/customers/${customerId}?userIdType=CUSTOMER_ID`, correlationId);
  const { locked } = statusAnswer.parse(JSON.parse(text)).userStatus;
  return { lockStatus: locked ? 'locked' : 'not_locked', httpStatus, durationMs } as const;
}

const params = z.object({ customerId: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/) });
const headers = z.object({ correlationid: z.uuid() });
const app = express();

app.put('/v1/customers/:customerId\\:unlock-user', async (request, response) => {
  const { actor } = await authenticate(request.headersDistinct.authorization ?? [], 'institution-users:write');
  const { customerId } = params.parse(request.params);
  const { correlationid: correlationId } = headers.parse(request.headers);
  const workflowId = `unlock-${correlationId}`;
  const write = (action: AuditAction, columns: Partial<NewAuditEvent>) =>
    record({
      id: auditEventId(workflowId, action, 1),
      occurredAt: new Date(),
      action,
      correlationId,
      institutionId,
      customerId,
      workflowId,
      ...columns,
    });

  const { type: actorType, id: actorId, name: actorName, clientId } = actor;
  const source = { component: 'api', clientAddress: request.ip ?? null, userAgent: null };
  await write('customer.unlock.requested', { actorType, actorId, actorName, source, metadata: { clientId } });
  const found = await readLockStatus(customerId, correlationId);
  await write('customer.unlock.status_checked', { ...found, metadata: { afterAttempt: 0 } });
  await write('customer.unlock.attempt_started', { attempt: 1, activityAttempt: 1, executionId: randomUUID() });
  const { httpStatus, durationMs } = await askBank('PUT', `/v1/customers/${customerId}:unlock-user`, correlationId);
  const result = httpStatus === 204 ? 'succeeded' : 'rejected';
  await write('customer.unlock.attempt_finished', { attempt: 1, result, httpStatus, durationMs });
  const { lockStatus } = await readLockStatus(customerId, correlationId);
  const outcome = result === 'succeeded' ? 'unlocked' : 'rejected';
  const verification = lockStatus === 'not_locked' ? 'confirmed' : 'still_locked';
  await write('customer.unlock.completed', { outcome, verification, lockStatus, metadata: { attempts: 1 } });
  response.status(httpStatus).end();
});

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
if (address === null || typeof address === 'string') throw new Error('the floor listens on no port');
process.stdout.write(`floor http://127.0.0.1:${address.port}\n`);
process.once('SIGTERM', () => process.exit(0));
