import * as z from 'zod';
import type { BankTokens } from './bank-tokens.js';
import type { CallLog } from './call-log.js';
import type { Customer, Customers } from './customers.js';
import { BodyTooLargeError, decodeSegment, readBody, sendJson } from './exchange.js';
import type { Exchange, Handler } from './exchange.js';
import { customerIdSchema, setupSchema } from './script.js';

interface ControlParts {
  readonly customers: Customers;
  readonly tokens: BankTokens;
  readonly calls: CallLog;
}

const BODY_LIMIT_BYTES = 1024 * 1024;

const callFilters = z.strictObject({
  customerId: z.string().optional(),
  correlationId: z.string().toLowerCase().optional(),
  endpoint: z.enum(['token', 'status', 'unlock', 'other']).optional(),
});

type Verb = (exchange: Exchange, customerId: string) => Promise<void> | void;

/** Lets a person or a test set the stage: customers' states and scripts, the bank's log of calls, and its tokens. */
export function createControl({ customers, tokens, calls }: ControlParts): Handler {
  const routes: readonly { readonly path: RegExp; readonly verbs: Readonly<Record<string, Verb>> }[] = [
    { path: /^\/control$/, verbs: { GET: ({ response }) => sendJson(response, 200, description) } },
    {
      path: /^\/control\/customers$/,
      verbs: {
        GET({ response }) {
          sendJson(response, 200, { customers: [...customers.list()].map(([customerId, customer]) => present(customerId, customer)) });
        },
      },
    },
    {
      path: /^\/control\/customers\/([^/]+)$/,
      verbs: {
        GET({ response }, customerId) {
          const customer = customers.get(customerId);
          if (customer === null) return sendJson(response, 404, { error: 'the bank does not know this customer' });
          sendJson(response, 200, present(customerId, customer));
        },
        async PUT({ request, response }, customerId) {
          const setup = setupSchema.parse(JSON.parse(await readBody(request, BODY_LIMIT_BYTES)));
          sendJson(response, 200, present(customerId, customers.set(customerId, setup)));
        },
        DELETE({ response }, customerId) {
          customers.reset(customerId);
          response.writeHead(204).end();
        },
      },
    },
    {
      path: /^\/control\/calls$/,
      verbs: {
        GET({ response, query }) {
          const { customerId, correlationId, endpoint } = callFilters.parse(Object.fromEntries(query));
          const found = calls
            .list()
            .filter((call) => customerId === undefined || call.customerId === customerId)
            .filter((call) => correlationId === undefined || call.correlationId?.toLowerCase() === correlationId)
            .filter((call) => endpoint === undefined || call.endpoint === endpoint);
          sendJson(response, 200, { calls: found, dropped: calls.dropped() });
        },
        DELETE({ response }) {
          calls.clear();
          response.writeHead(204).end();
        },
      },
    },
    { path: /^\/control\/tokens:revoke$/, verbs: { POST: ({ response }) => sendJson(response, 200, { revoked: tokens.revoke() }) } },
  ];

  return async (exchange) => {
    const { response, method, path } = exchange;
    const route = routes.find((candidate) => candidate.path.test(path));
    const verb = route !== undefined && Object.hasOwn(route.verbs, method) ? route.verbs[method] : undefined;
    if (route === undefined) return sendJson(response, 404, { error: 'no such resource; GET /control tells what there is' });
    if (verb === undefined) return sendJson(response, 405, { error: 'method not allowed' }, { allow: Object.keys(route.verbs).join(', ') });
    try {
      const segment = route.path.exec(path)?.[1];
      await verb(exchange, segment === undefined ? '' : customerIdSchema.parse(decodeSegment(segment)));
    } catch (error) {
      if (error instanceof z.ZodError) return sendJson(response, 400, { error: z.prettifyError(error) });
      if (error instanceof SyntaxError) return sendJson(response, 400, { error: 'the body is not JSON' });
      if (!(error instanceof BodyTooLargeError)) throw error;
      sendJson(response, 413, { error: error.message });
    }
  };
}

function present(customerId: string, { state, script }: Customer): object {
  return { customerId, state, script };
}

const description = {
  endpoints: {
    'GET /control/customers': 'every customer with state and what is left of the script',
    'GET /control/customers/{customerId}': 'one of them',
    'PUT /control/customers/{customerId}': 'sets state and script; what is left out is as by default (see schema)',
    'DELETE /control/customers/{customerId}': 'puts the customer back to the start',
    'GET /control/calls': "the bank's log of every call, oldest first; filters customerId, correlationId, endpoint",
    'DELETE /control/calls': 'empties that log',
    'POST /control/tokens:revoke': 'makes every bank token given out so far worthless',
  },
  schema: z.toJSONSchema(setupSchema, { io: 'input' }),
};
