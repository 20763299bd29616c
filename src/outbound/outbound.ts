import { lookup } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { Agent, type Dispatcher } from 'undici';
import { isAddressWithin, isPublicAddress } from './public-address.js';

/** What Latchkey's own calls keep to, whomever they go to. */
export interface OutboundPolicy {
  /** Hosts, as URLs spell them, that may stand at addresses which are not of the internet; `any`: all may. */
  readonly privateHosts: readonly string[] | 'any';
  /** PEM of certificate authorities, instead of the system's; null: the system's. */
  readonly ca: string | null;
  /** By which Latchkey names itself (mutual TLS); null: not at all. */
  readonly clientCertificate: ClientCertificate | null;
}

/** PEM. */
export interface ClientCertificate {
  readonly certificate: string;
  readonly privateKey: string;
}

interface OutboundParts {
  readonly policy: OutboundPolicy;
  /** The only places that are called; of each URL its origin counts. */
  readonly urls: readonly string[];
  readonly connectTimeoutMs: number;
}

/** Thrown before a byte is sent. */
export class OutboundRefusedError extends Error {
  override readonly name = 'OutboundRefusedError';
  /** Told as the reason of a call that was not sent. */
  readonly code: string;

  constructor(code: string) {
    super(code);
    this.code = code;
  }
}

const CONNECTIONS = 512;
const HEAD_LIMIT_BYTES = 16 * 1024;

/**
 * The one way out: calls go to the given places alone, over TLS 1.2 or newer with a certificate that is checked, and to no address within the
 * house unless the policy names the host. The address is the one that is connected to, so a name that changes its mind gets no further.
 * Redirects are never followed, and no proxy is used.
 */
export function createOutbound({ policy, urls, connectTimeoutMs }: OutboundParts): Dispatcher {
  const { ca, clientCertificate, privateHosts } = policy;
  const origins = new Set(urls.map((url) => new URL(url).origin));
  const mayBePrivate = (hostname: string): boolean => privateHosts === 'any' || privateHosts.includes(hostname);
  const agent = new Agent({
    connections: CONNECTIONS,
    pipelining: 1,
    maxHeaderSize: HEAD_LIMIT_BYTES,
    connect: {
      timeout: connectTimeoutMs,
      lookup: publicLookup(mayBePrivate),
      minVersion: 'TLSv1.2',
      // Also where the environment says that Node need not look.
      rejectUnauthorized: true,
      ...(ca === null ? {} : { ca }),
      ...(clientCertificate === null ? {} : { cert: clientCertificate.certificate, key: clientCertificate.privateKey }),
    },
  });
  return agent.compose((dispatch) => (options, handler) => {
    const origin = new URL(String(options.origin));
    if (!origins.has(origin.origin)) throw new OutboundRefusedError('a host that is not configured');
    // A literal address is never looked up.
    if (isAddressWithin(origin.hostname) && !mayBePrivate(origin.hostname)) throw new OutboundRefusedError(PRIVATE);
    return dispatch(options, handler);
  });
}

const PRIVATE = 'an address that is not public';

/** Looks a name up as Node does, and leaves out the addresses that must not be reached. */
function publicLookup(mayBePrivate: (hostname: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error !== null) return callback(error, '', 0);
      const reachable = mayBePrivate(hostname.toLowerCase()) ? addresses : addresses.filter(({ address }) => isPublicAddress(address));
      const [first] = reachable;
      if (first === undefined) return callback(new OutboundRefusedError(PRIVATE), '', 0);
      if (options.all === true) return callback(null, reachable);
      return callback(null, first.address, first.family);
    });
  };
}
