import type { Config } from '../config.js';
import { secretSettings } from '../secret-files.js';
import { parseHeaders } from './tracing.js';

/** What stands in place of what must not be read. */
export const CENSOR = '[redacted]';

/** What of an object must never be logged, whatever it holds. */
const secretFields = ['authorization', 'cookie', 'password', 'secret', 'clientSecret', 'token', 'accessToken', 'apiKey', 'customerId'];

/** For pino's `redact`: these fields at the root, and one and two levels below it. */
export const redactedPaths: readonly string[] = secretFields.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]);

/** What looks like a secret wherever it stands, and what is left of it. */
const shapes: readonly (readonly [RegExp, string])[] = [
  // A JWT, or the head of one that was cut off
  [/\beyJ[\w-]{8,}(?:\.[\w-]*){0,4}/g, CENSOR],
  [/\b(Bearer|Basic|DPoP)(\s+)(?!realm=)[\w.~+/=-]{6,}/gi, `$1$2${CENSOR}`],
  // The password in a connection string
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"]*:)[^\s"]*@/gi, `$1${CENSOR}@`],
  [
    /\b(password|passwd|pwd|client_secret|clientSecret|access_token|refresh_token|id_token|api_?key)(\\?["']?\s*[=:]\s*\\?["']?)(?!\[redacted\])[^\s"'&,;})\\]+/gi,
    `$1$2${CENSOR}`,
  ],
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^"]*?(?:-----END [A-Z ]*PRIVATE KEY-----|(?="|$))/g, CENSOR],
  // A customer's id in the path of a URL; a template keeps its name
  [/(\/customers\/)(?![{\\])[^\s"/?:\\]+/g, `$1${CENSOR}`],
];

/** A shorter one would be found in innocent words. */
const SHORTEST = 8;

/** Takes out of any text the given secrets, in the forms in which they are written, and what looks like one. */
export function createRedaction(secrets: readonly string[]): (text: string) => string {
  const forms = new Set(secrets.filter((secret) => secret.length >= SHORTEST).flatMap(formsOf));
  // The longest first, or a part would be taken out of it and the rest left.
  const known = [...forms].toSorted((one, other) => other.length - one.length);
  return (text) => {
    const withoutKnown = known.reduce((rest, secret) => rest.replaceAll(secret, CENSOR), text);
    return shapes.reduce((rest, [shape, left]) => rest.replace(shape, left), withoutKnown);
  };
}

function formsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  const inJson = JSON.stringify(secret).slice(1, -1);
  return [secret, inJson, encodeURIComponent(secret), bytes.toString('base64'), bytes.toString('base64url'), bytes.toString('hex')];
}

/** The secrets that a process knows from its settings: of URLs the password, of lists of keys each key. */
export function secretsOf(config: Config): string[] {
  const ofInstitutions = config.institutions?.flatMap(({ clientSecret }) => clientSecret ?? []) ?? [];
  // With what says that they are secrets, and without it.
  const ofWebhooks = config.webhooks.flatMap(({ secrets }) => secrets.flatMap((secret) => [secret, secret.replace(/^whsec_/, '')]));
  const ofSettings = secretSettings.flatMap((name) => {
    const value = config[name];
    if (value === undefined) return [];
    if (name.endsWith('_URL')) return passwordOf(value);
    if (name.endsWith('_HEADERS')) return Object.values(parseHeaders(value)).flatMap((header) => [header, ...header.split(' ')]);
    return name === 'PAYLOAD_KEYS' ? value.split(',').map((key) => key.slice(key.indexOf(':') + 1)) : [value];
  });
  return [...ofSettings, ...ofInstitutions, ...ofWebhooks];
}

function passwordOf(url: string): string[] {
  const { password } = new URL(url);
  try {
    return [password, decodeURIComponent(password)];
  } catch {
    return [password];
  }
}
