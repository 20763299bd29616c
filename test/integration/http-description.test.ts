import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { openFrontDoor, startForeignIssuer, type ForeignIssuer, type FrontDoor } from '../support/front-door.js';

const operationSchema = z.object({
  operationId: z.string(),
  security: z.array(z.object({ bearer: z.array(z.string()) })),
  parameters: z.array(z.object({ name: z.string(), in: z.string(), required: z.boolean().optional() })).optional(),
  responses: z.record(z.string(), z.object({ description: z.string() })),
});
const descriptionSchema = z.object({ openapi: z.literal('3.1.0'), paths: z.record(z.string(), z.record(z.string(), operationSchema)) });

let issuer: ForeignIssuer;
let door: FrontDoor;

beforeAll(async () => {
  issuer = await startForeignIssuer();
  door = await openFrontDoor({ issuerUrl: issuer.url, readiness: [{ part: 'postgres', check: async () => undefined }] });
});

afterAll(async () => {
  await door.close();
  await issuer.stop();
});

describe('/openapi.json', () => {
  it('describes every route with its scope', async () => {
    const reply = await door.send({ path: '/openapi.json' });
    const { paths } = descriptionSchema.parse(reply.body);
    const scopes = Object.entries(paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, { security }]) => [`${method} ${path}`, security.flatMap(({ bearer }) => bearer)]),
    );
    expect(Object.fromEntries(scopes)).toEqual({
      'put /v1/customers/{customerId}:unlock-user': ['institution-users:write'],
      'post /v1/unlocks': ['institution-users:write'],
      'get /v1/unlocks': ['institution-users:read'],
      'get /v1/unlocks/{correlationId}/events': ['institution-users:read'],
      'get /v1/unlocks/{correlationId}': ['institution-users:read'],
      'post /v1/unlocks/{correlationId}:cancel': ['unlocks:operate'],
      'post /v1/unlocks/{correlationId}:retry-now': ['unlocks:operate'],
      'post /v1/unlocks/{correlationId}:pause': ['unlocks:operate'],
      'post /v1/unlocks/{correlationId}:resume': ['unlocks:operate'],
      'post /v1/unlocks/{correlationId}:approve': ['unlocks:approve'],
      'post /v1/unlocks/{correlationId}:decline': ['unlocks:approve'],
      'get /v1/customers/{customerId}/lock-status': ['institution-users:read'],
      'get /v1/audit/events': ['audit:read'],
      'get /v1/audit/summary': ['audit:read'],
      'get /v1/audit/export': ['audit:read'],
      'get /v1/audit/exports/{exportId}': ['audit:read'],
      'get /v1/audit/unlocks/{correlationId}/evidence': ['audit:read'],
      'get /v1/audit/checkpoint': ['audit:read'],
      'get /v1/audit/events/{eventId}/inclusion-proof': ['audit:read'],
      'get /v1/audit/consistency-proof': ['audit:read'],
      'get /v1/health-summary': ['unlocks:operate'],
      'get /healthz': [],
      'get /readyz': [],
      'get /openapi.json': [],
    });
  });

  it('refers to nothing that is not in it and names every path parameter', async () => {
    const { text, body } = await door.send({ path: '/openapi.json' });
    for (const [, ref = ''] of text.matchAll(/"\$ref":"#\/([^"]+)"/g)) {
      const found = ref.split('/').reduce<unknown>((at, step) => z.record(z.string(), z.unknown()).parse(at)[step], body);
      expect([ref, found]).not.toEqual([ref, undefined]);
    }
    for (const [path, methods] of Object.entries(descriptionSchema.parse(body).paths)) {
      const wanted = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const { parameters = [] } of Object.values(methods)) {
        expect(parameters.filter((parameter) => parameter.in === 'path' && parameter.required).map(({ name }) => name)).toEqual(wanted);
      }
    }
  });

  it('has no pattern that readers without Unicode property escapes cannot read', async () => {
    const { text } = await door.send({ path: '/openapi.json' });
    const patterns = [...text.matchAll(/"pattern":("(?:[^"\\]|\\.)*")/g)].map(([, literal = '""']) =>
      z.string().parse(JSON.parse(literal)),
    );
    expect(patterns.length).toBeGreaterThan(3);
    for (const pattern of patterns) expect(pattern).not.toMatch(/\\p\{/i);
  });

  it('says which headers and queries a route takes', async () => {
    const { paths } = descriptionSchema.parse((await door.send({ path: '/openapi.json' })).body);
    expect(paths['/v1/customers/{customerId}:unlock-user']?.put?.parameters).toContainEqual({
      name: 'correlationId',
      in: 'header',
      required: true,
    });
    const query = paths['/v1/audit/events']?.get?.parameters?.map(({ name }) => name);
    expect(query).toEqual([
      'correlationId',
      'customerId',
      'action',
      'result',
      'outcome',
      'httpStatus',
      'attempt',
      'actor',
      'from',
      'to',
      'limit',
      'cursor',
    ]);
  });
});

describe('/readyz', () => {
  it('says which part is not there', async () => {
    expect(await door.send({ path: '/readyz' })).toMatchObject({
      httpStatus: 200,
      body: { status: 'ready', parts: [{ part: 'postgres', ready: true }] },
    });
    const gone = async (): Promise<never> => {
      throw new Error('connection refused');
    };
    const readiness = [
      { part: 'postgres', check: async () => undefined },
      { part: 'temporal', check: gone },
    ];
    const lame = await openFrontDoor({ issuerUrl: issuer.url, readiness });
    try {
      const reply = await lame.send({ path: '/readyz' });
      const parts = [
        { part: 'postgres', ready: true },
        { part: 'temporal', ready: false },
      ];
      expect([reply.httpStatus, reply.body, reply.headers['retry-after']]).toEqual([503, { status: 'not_ready', parts }, '5']);
      expect(reply.text).not.toContain('refused');
    } finally {
      await lame.close();
    }
  });

  it('takes a part that does not answer for one that is not there', async () => {
    const lame = await openFrontDoor({
      issuerUrl: issuer.url,
      readiness: [{ part: 'postgres', check: () => new Promise<void>(() => undefined) }],
    });
    try {
      expect(await lame.send({ path: '/readyz' })).toMatchObject({
        httpStatus: 503,
        body: { parts: [{ part: 'postgres', ready: false }] },
      });
    } finally {
      await lame.close();
    }
  });

  it('is not ready once the process is going down, while it still lives', async () => {
    const going = await openFrontDoor({ issuerUrl: issuer.url });
    try {
      going.shutdown.abort();
      const reply = await going.send({ path: '/readyz' });
      expect([reply.httpStatus, reply.headers.connection]).toEqual([503, 'close']);
      expect((await going.send({ path: '/healthz' })).httpStatus).toBe(200);
    } finally {
      await going.close();
    }
  });
});
