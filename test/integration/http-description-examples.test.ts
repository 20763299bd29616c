import { registerSchema, unregisterSchema, validate, type SchemaObject } from '@hyperjump/json-schema/openapi-3-1';
import { BASIC } from '@hyperjump/json-schema/experimental';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { z } from 'zod';
import { outcomes } from '../../src/domain/outcome.js';
import { dropInCode, errorCodes, type ErrorKind } from '../../src/http/error-codes.js';
import { openFrontDoor, settings, type FrontDoor } from '../support/front-door.js';

type Json = z.infer<ReturnType<typeof z.json>>;

const examplesSchema = z.record(z.string(), z.object({ summary: z.string().min(1), value: z.json() }));
const contentSchema = z.record(z.string(), z.object({ example: z.json().optional(), examples: examplesSchema.optional() }));
const parameterSchema = z.object({
  name: z.string(),
  in: z.string(),
  description: z.string().min(1),
  schema: z.object({ example: z.json().optional() }),
});
const headerSchema = z.object({ description: z.string().min(1), schema: z.object({ example: z.json().optional() }) });
const operationSchema = z.object({
  tags: z.array(z.string()).length(1),
  summary: z.string().min(1),
  description: z.string().min(1),
  parameters: z.array(parameterSchema).optional(),
  requestBody: z.object({ content: contentSchema }).optional(),
  responses: z.record(z.string(), z.object({ headers: z.record(z.string(), headerSchema).optional(), content: contentSchema.optional() })),
});
const documentSchema = z.object({
  tags: z.array(z.object({ name: z.string(), description: z.string() })),
  paths: z.record(z.string(), z.record(z.string(), operationSchema)),
  webhooks: z.record(z.string(), z.record(z.string(), operationSchema)),
});

const AT = 'https://latchkey.example/openapi.json';

let door: FrontDoor;
let raw: Json;
let description: z.infer<typeof documentSchema>;

beforeAll(async () => {
  door = await openFrontDoor({ issuerUrl: 'http://127.0.0.1:9' });
  raw = z.json().parse((await door.send({ path: '/openapi.json' })).body);
  description = documentSchema.parse(raw);
  registerSchema(raw as SchemaObject, AT, 'https://spec.openapis.org/oas/3.1/dialect/base');
});

afterAll(async () => {
  unregisterSchema(AT);
  await door.close();
});

/** A step of a JSON pointer as a URI fragment has it. */
const step = (name: string): string => encodeURIComponent(name.replaceAll('~', '~0').replaceAll('/', '~1'));

interface Shown {
  readonly at: string;
  readonly value: Json;
}

/** Every example of the description, with the pointer to the schema that it must satisfy. */
function allExamples(): Shown[] {
  const shown: Shown[] = [];
  const inContent = (at: string, content: z.infer<typeof contentSchema> = {}): void => {
    for (const [type, { example, examples = {} }] of Object.entries(content)) {
      // A stream has no schema.
      if (type === 'text/event-stream') continue;
      const values = [...(example === undefined ? [] : [example]), ...Object.values(examples).map(({ value }) => value)];
      shown.push(...values.map((value) => ({ at: `${at}/content/${step(type)}/schema`, value })));
    }
  };
  const ofPaths = Object.entries(description.paths).map(([path, methods]) => [`/paths/${step(path)}`, methods] as const);
  const ofWebhooks = Object.entries(description.webhooks).map(([name, methods]) => [`/webhooks/${step(name)}`, methods] as const);
  for (const [place, methods] of [...ofPaths, ...ofWebhooks]) {
    for (const [method, { parameters = [], requestBody, responses }] of Object.entries(methods)) {
      const at = `${place}/${method}`;
      parameters.forEach(({ schema: { example } }, index) => {
        if (example !== undefined) shown.push({ at: `${at}/parameters/${index}/schema`, value: example });
      });
      inContent(`${at}/requestBody`, requestBody?.content);
      for (const [status, { headers = {}, content }] of Object.entries(responses)) {
        for (const [name, { schema }] of Object.entries(headers)) {
          if (schema.example !== undefined)
            shown.push({ at: `${at}/responses/${status}/headers/${step(name)}/schema`, value: schema.example });
        }
        inContent(`${at}/responses/${status}`, content);
      }
    }
  }
  return shown;
}

function examplesOf(path: string, method: string, status?: string): [string, unknown][] {
  const responses = Object.entries(description.paths[path]?.[method]?.responses ?? {}).filter(
    ([each]) => status === undefined || each === status,
  );
  return responses.flatMap(([, { content = {} }]) =>
    Object.values(content).flatMap(({ examples = {} }) =>
      Object.entries(examples).map(([name, { value }]): [string, unknown] => [name, value]),
    ),
  );
}

describe('the description', () => {
  it('is valid by the official schema of OpenAPI 3.1, its own schemas included', async () => {
    const output = await validate('https://spec.openapis.org/oas/3.1/schema-base', raw, BASIC);
    expect(output).toEqual(expect.objectContaining({ valid: true }));
  });

  it('would not be, had it a fault', async () => {
    const broken = { ...(raw as SchemaObject), paths: { '/x': { get: { responses: { '200': {} } } } } };
    expect((await validate('https://spec.openapis.org/oas/3.1/schema-base', broken, BASIC)).valid).toBe(false);
  });

  it('shows examples that its own schemas take', async () => {
    const shown = allExamples();
    expect(shown.length).toBeGreaterThan(80);
    for (const { at, value } of shown) {
      const { valid } = await validate(`${AT}#${at}`, value, BASIC);
      expect([at, value, valid]).toEqual([at, value, true]);
    }
    expect(
      (await validate(`${AT}#/paths/~1v1~1unlocks/post/requestBody/content/application~1json/schema`, { reason: 'x' }, BASIC)).valid,
    ).toBe(false);
  });

  it('shows the message that callers with a webhook are sent', () => {
    expect(allExamples().filter(({ at }) => at.startsWith('/webhooks/unlockCompleted/post/requestBody'))).toHaveLength(1);
  });

  it('explains its groups, and each operation is in one', () => {
    const used = Object.values(description.paths).flatMap((methods) => Object.values(methods).flatMap(({ tags }) => tags));
    expect([...new Set(used)]).toEqual(description.tags.map(({ name }) => name));
  });

  it('shows every outcome of an unlock, and how one looks under way', () => {
    for (const [path, method] of [
      ['/v1/unlocks', 'post'],
      ['/v1/unlocks/{correlationId}', 'get'],
    ] as const) {
      const seen = examplesOf(path, method).map(([, value]) => z.object({ outcome: z.string().nullable() }).safeParse(value).data?.outcome);
      expect(seen).toEqual(expect.arrayContaining([null, ...outcomes]));
    }
    expect(examplesOf('/v1/unlocks', 'post', '202').map(([name]) => name)).toEqual(['accepted', 'retrying']);
  });

  it('shows every answer of the drop-in, and no code that it never gives', () => {
    const names = new Set(examplesOf('/v1/customers/{customerId}:unlock-user', 'put').map(([name]) => name));
    // A wrong method is answered before there is an operation.
    const kinds = (Object.entries(errorCodes) as [keyof typeof errorCodes, ErrorKind][]).filter(([code]) => code !== 'method_not_allowed');
    expect([...names].sort()).toEqual(
      [...kinds.filter(([, { only }]) => only !== 'others').map(([code]) => dropInCode(code)), 'the_bank'].sort(),
    );
  });

  it('shows problem details only with codes that are answered so', () => {
    const elsewhere = Object.entries(description.paths).filter(([path]) => !path.endsWith(':unlock-user'));
    const names = elsewhere.flatMap(([path, methods]) => Object.keys(methods).flatMap((method) => examplesOf(path, method)));
    const codes = names.map(([, value]) => z.object({ code: z.string() }).safeParse(value).data?.code).filter((code) => code !== undefined);
    const kinds: [string, ErrorKind][] = Object.entries(errorCodes);
    const forbidden = kinds.filter(([, { only }]) => only === 'drop-in').map(([code]) => code);
    expect(codes.filter((code) => forbidden.includes(code))).toEqual([]);
  });

  it('leaves out what a deployment never answers', async () => {
    const accepting = await openFrontDoor({ issuerUrl: 'http://127.0.0.1:9', settings: { ...settings, notLockedPolicy: 'accept' } });
    try {
      expect((await accepting.send({ path: '/openapi.json' })).text).not.toContain(dropInCode('not_locked'));
    } finally {
      await accepting.close();
    }
  });
});
