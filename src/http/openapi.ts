import { createDocument, type ZodOpenApiPathsObject } from 'zod-openapi';
import { scopes } from './auth.js';
import { introduction, tags } from './introduction.js';
import type { Route } from './route.js';
import { webhookDescriptions } from './webhook-description.js';

const scopeList = Object.entries(scopes)
  .map(([scope, allows]) => `\`${scope}\` (${allows})`)
  .join(', ');

/** The API's description (OpenAPI 3.1), made from the table of routes and the schemas that validate. */
export function openApiDocument(routes: readonly Route[]): object {
  const paths: ZodOpenApiPathsObject = {};
  for (const { path, method, scope, operation } of routes) {
    if (operation === null) continue;
    const security = scope === 'public' ? [] : [{ bearer: [scope] }];
    const needs = scope === 'public' ? 'Needs no token.' : `Needs the scope \`${scope}\`.`;
    const description = operation.description === undefined ? needs : `${operation.description}\n\n${needs}`;
    paths[path] = { ...paths[path], [method]: { ...operation, description, security } };
  }
  return createDocument({
    openapi: '3.1.0',
    info: { title: 'Latchkey', version: '1.0.0', description: introduction },
    externalDocs: { url: '/docs/errors', description: 'The catalogue of error codes' },
    tags: Object.entries(tags).map(([name, description]) => ({ name, description })),
    paths,
    webhooks: webhookDescriptions,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: `An access token (RFC 9068) with the claim \`institution_id\`. Scopes: ${scopeList}.`,
        },
      },
    },
  });
}

/** The table of routes with the one that describes it. */
export function withDescription(routes: readonly Route[]): Route[] {
  const described: Route = {
    method: 'get',
    path: '/openapi.json',
    scope: 'public',
    body: 'none',
    errorShape: 'problem',
    operation: {
      operationId: 'getDescription',
      tags: ['Operations'],
      summary: 'This description',
      responses: { '200': { description: 'An OpenAPI 3.1 document', content: { 'application/json': { schema: { type: 'object' } } } } },
    },
    handle: async () => ({ httpStatus: 200, body: document }),
  };
  const all = [...routes, described];
  const document = openApiDocument(all);
  return all;
}
