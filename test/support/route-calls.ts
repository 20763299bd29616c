import { z } from 'zod';
import { createRoutes } from '../../src/http/app.js';
import type { Scope } from '../../src/http/auth.js';
import { openApiDocument } from '../../src/http/openapi.js';
import type { Route } from '../../src/http/route.js';
import { closedRooms, settings } from './front-door.js';

/** A well-formed request for one route that needs a token. */
export interface RouteCall {
  /** As it stands in the table. */
  readonly name: string;
  readonly method: string;
  readonly path: string;
  /** What the route cannot do without, with its question mark; else empty. */
  readonly search: string;
  readonly scope: Scope;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

interface Ids {
  readonly correlationId: string;
  readonly customerId: string;
}

type GuardedRoute = Route & { readonly scope: Scope };

/** The routes that need a token, from the table that the front door is made of. */
export function guardedRoutes(): GuardedRoute[] {
  const log = { info: () => {}, warn: () => {}, error: () => {} };
  const routes = createRoutes({ ...closedRooms(), settings, readiness: [], log, draining: new AbortController().signal });
  return routes.filter((route): route is GuardedRoute => route.scope !== 'public');
}

const operationSchema = z.object({
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.string(),
        required: z.boolean().optional(),
        schema: z.looseObject({ enum: z.array(z.string()).optional(), example: z.unknown().optional() }),
      }),
    )
    .default([]),
  requestBody: z
    .object({
      content: z.object({ 'application/json': z.object({ examples: z.record(z.string(), z.object({ value: z.looseObject({}) })) }) }),
    })
    .optional(),
});
const documentSchema = z.object({ paths: z.record(z.string(), z.record(z.string(), operationSchema)) });

/** What a caller would send to the route about these ids: the body is the first example of the route's own description. */
export function callOf(route: GuardedRoute, { correlationId, customerId }: Ids): RouteCall {
  const { paths } = documentSchema.parse(openApiDocument([route]));
  const operation = paths[route.path]?.[route.method];
  const [example] = Object.values(operation?.requestBody?.content['application/json'].examples ?? {});
  if (route.body === 'json' && example === undefined) throw new Error(`${route.path} describes no body`);
  const value = example && { ...example.value, ...('customerId' in example.value && { customerId }) };
  const needed = (operation?.parameters ?? []).filter((parameter) => parameter.in === 'query' && parameter.required === true);
  const search = new URLSearchParams(
    needed.map(({ name, schema }): [string, string] => [name, String(schema.enum?.[0] ?? schema.example)]),
  ).toString();
  return {
    name: `${route.method.toUpperCase()} ${route.path}`,
    method: route.method.toUpperCase(),
    path: route.path.replace(/\{(correlationId|exportId|eventId)\}/, correlationId).replace('{customerId}', customerId),
    search: search === '' ? '' : `?${search}`,
    scope: route.scope,
    headers: { correlationId, ...(value && { 'content-type': 'application/json' }) },
    body: value && JSON.stringify(value),
  };
}
