import { createFetch, type FetchDocument, type OutboundPolicy } from '../../src/outbound/index.js';

/** As outside production: to any address, with the system's authorities. */
export const anywhere: OutboundPolicy = { privateHosts: 'any', ca: null, clientCertificate: null };

/** The product's own way to an issuer. */
export function issuerFetch(issuerUrl: string): FetchDocument {
  return createFetch({ policy: anywhere, urls: [issuerUrl], timeoutMs: 3_000, bodyLimitBytes: 256 * 1024 });
}
