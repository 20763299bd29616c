import { describe, expect, it } from '@jest/globals';
import { createRoutes } from '../../src/http/app.js';
import { refuseUnsoundRoutes, type Route } from '../../src/http/route.js';
import { closedRooms, settings } from '../support/front-door.js';

const log = { info: () => {}, warn: () => {}, error: () => {} };
const routes = createRoutes({ ...closedRooms(), settings, readiness: [], log, draining: new AbortController().signal });
const [guarded] = routes.filter(({ scope }) => scope !== 'public');

describe('the table of routes', () => {
  it('opens to everybody what is listed here, and nothing else', () => {
    const open = routes
      .filter(({ scope }) => scope === 'public')
      .map(({ method, path }) => `${method} ${path.replace(/\.[0-9a-f]{8,}\./, '.*.')}`);
    expect(open.filter((name) => !name.startsWith('get /docs'))).toEqual(['get /healthz', 'get /readyz', 'get /openapi.json']);
  });

  it('is refused at start with a route that names no scope, an unknown one, none of its description, or that stands there twice', () => {
    if (guarded === undefined) throw new Error('no route needs a token');
    const broken = (change: object): Route => ({ ...guarded, ...change });
    refuseUnsoundRoutes(routes);
    for (const change of [{ scope: undefined }, { scope: '' }, { scope: 'admin' }, { scope: 'toString' }]) {
      expect(() => refuseUnsoundRoutes([broken(change)])).toThrow(/has no scope that is known/);
    }
    expect(() => refuseUnsoundRoutes([broken({ operation: null })])).toThrow(/is not described/);
    expect(() => refuseUnsoundRoutes([guarded, guarded])).toThrow(/stands in the table twice/);
  });

  it('takes no route without a scope, as the compiler sees it', () => {
    const { scope: _, ...rest } = {
      method: 'get',
      path: '/x',
      scope: 'public',
      body: 'none',
      errorShape: 'problem',
      operation: null,
    } as const;
    // @ts-expect-error: a route says which scope it needs, or that it is public
    const route: Route = { ...rest, handle: async () => ({ httpStatus: 200 }) };
    expect(() => refuseUnsoundRoutes([route])).toThrow(TypeError);
  });
});
