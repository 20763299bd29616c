import * as z from 'zod';
import { basicCredentials, BodyTooLargeError, header, readBody, sendJson } from './exchange.js';
import type { Exchange, Handler } from './exchange.js';
import { CALLER_CLIENT_ID, CALLER_TOKEN_SECONDS, callerScopes } from './issuer.js';
import type { Issuer } from './issuer.js';
import { DESK_CLIENT_ID } from './issuer-login.js';
import type { LoginEndpoints } from './issuer-login.js';
import { people } from './people.js';

// RFC 8414 puts the well-known part before the issuer's path, OpenID Connect after it; both spellings answer.
const DISCOVERY = new Set(
  ['openid-configuration', 'oauth-authorization-server'].flatMap((name) => [`/issuer/.well-known/${name}`, `/.well-known/${name}/issuer`]),
);

const methods: ReadonlyMap<string, readonly string[]> = new Map([
  ['/issuer/jwks', ['GET']],
  ['/issuer/token', ['POST']],
  ['/issuer/authorize', ['GET', 'POST']],
  ['/issuer/revoke', ['POST']],
  ['/issuer/end-session', ['GET']],
]);

const FORM_LIMIT_BYTES = 16 * 1024;
const text = z.string().min(1).max(200);

/** `sub` and `name` make a token of a person, without them it is the client's own (a service); `institution_id` to try another's. */
const formSchema = z.object({
  grant_type: z.literal('client_credentials'),
  client_id: text.optional(),
  scope: z.string().max(1000).optional(),
  sub: text.optional(),
  name: text.optional(),
  institution_id: text.optional(),
});

interface IssuerEndpointsParts {
  readonly issuer: Issuer;
  readonly issuerUrl: () => string;
  readonly login: LoginEndpoints;
}

/** Discovery, keys, the login of people and the token endpoint of the sandbox's issuer. */
export function createIssuerEndpoints({ issuer, issuerUrl, login }: IssuerEndpointsParts): Handler {
  const refuse = ({ response }: Exchange, httpStatus: number, error: string, description: string): void => {
    const challenge = httpStatus === 401 ? { 'www-authenticate': 'Basic realm="latchkey sandbox"' } : {};
    sendJson(response, httpStatus, { error, error_description: description }, challenge);
  };

  const desk = async (exchange: Exchange, form: URLSearchParams): Promise<void> => {
    const grantType = form.get('grant_type');
    if (grantType !== 'authorization_code' && grantType !== 'refresh_token') {
      return refuse(exchange, 400, 'unsupported_grant_type', `${DESK_CLIENT_ID} is for people: authorization_code or refresh_token`);
    }
    const grant = await (grantType === 'refresh_token' ? login.refresh(form) : login.redeem(form));
    if (grant.kind === 'refused') return refuse(exchange, 400, 'invalid_grant', grant.description);
    sendJson(exchange.response, 200, grant.body);
  };

  const token = async (exchange: Exchange): Promise<void> => {
    const { request, response } = exchange;
    if (!/^application\/x-www-form-urlencoded\b/i.test(header(request, 'content-type') ?? '')) {
      return refuse(exchange, 400, 'invalid_request', 'the token request must be application/x-www-form-urlencoded');
    }
    const form = new URLSearchParams(await readBody(request, FORM_LIMIT_BYTES));
    if (new Set(form.keys()).size !== form.size) return refuse(exchange, 400, 'invalid_request', 'a parameter is given twice');
    if (form.get('client_id') === DESK_CLIENT_ID) return desk(exchange, form);
    if (form.get('grant_type') !== 'client_credentials') {
      return refuse(exchange, 400, 'unsupported_grant_type', 'grant_type must be client_credentials');
    }
    const wish = formSchema.safeParse(Object.fromEntries(form));
    if (!wish.success) return refuse(exchange, 400, 'invalid_request', z.prettifyError(wish.error));
    const { sub, name, scope, institution_id: institutionId } = wish.data;
    if ((basicCredentials(request)?.id ?? wish.data.client_id) !== CALLER_CLIENT_ID) {
      return refuse(exchange, 401, 'invalid_client', `the client is ${CALLER_CLIENT_ID}, without a secret`);
    }
    const scopes = scope?.split(' ').filter((part) => part !== '') ?? callerScopes;
    if (scopes.some((wanted) => !callerScopes.some((known) => known === wanted))) {
      return refuse(exchange, 400, 'invalid_scope', `scopes are ${callerScopes.join(', ')}`);
    }
    const accessToken = await issuer.mintToken({
      subject: sub ?? CALLER_CLIENT_ID,
      name: name ?? null,
      scopes,
      ...(institutionId === undefined ? {} : { institutionId }),
    });
    sendJson(response, 200, { access_token: accessToken, token_type: 'Bearer', expires_in: CALLER_TOKEN_SECONDS, scope: scopes.join(' ') });
  };

  return async (exchange) => {
    const { request, response, method, path } = exchange;
    const wanted = DISCOVERY.has(path) ? ['GET'] : methods.get(path);
    if (wanted === undefined) return sendJson(response, 404, { error: 'not_found' });
    if (!wanted.includes(method)) return sendJson(response, 405, { error: 'method_not_allowed' }, { allow: wanted.join(', ') });
    if (path === '/issuer/jwks') return sendJson(response, 200, issuer.jwks());
    if (DISCOVERY.has(path)) return sendJson(response, 200, metadata(issuerUrl()));
    if (path === '/issuer/end-session') return login.endSession(exchange);
    try {
      if (path === '/issuer/authorize') return await login.authorize(exchange);
      if (path === '/issuer/token') return await token(exchange);
      login.revoke(new URLSearchParams(await readBody(request, FORM_LIMIT_BYTES)));
      sendJson(response, 200, {});
    } catch (error) {
      if (!(error instanceof BodyTooLargeError)) throw error;
      refuse(exchange, 413, 'invalid_request', error.message);
    }
  };
}

function metadata(issuerUrl: string): object {
  return {
    issuer: issuerUrl,
    token_endpoint: `${issuerUrl}/token`,
    jwks_uri: `${issuerUrl}/jwks`,
    authorization_endpoint: `${issuerUrl}/authorize`,
    revocation_endpoint: `${issuerUrl}/revoke`,
    end_session_endpoint: `${issuerUrl}/end-session`,
    grant_types_supported: ['client_credentials', 'authorization_code', 'refresh_token'],
    response_types_supported: ['code'],
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    token_endpoint_auth_methods_supported: ['none', 'client_secret_basic'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
    scopes_supported: [...new Set(['openid', 'profile', ...callerScopes, ...people.flatMap(({ scopes }) => scopes)])],
  };
}
