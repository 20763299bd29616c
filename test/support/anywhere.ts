import type { OutboundPolicy } from '../../src/outbound/index.js';

/** As outside production: to any address, with the system's authorities. */
export const anywhere: OutboundPolicy = { privateHosts: 'any', ca: null, clientCertificate: null };
