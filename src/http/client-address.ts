import { isIP } from 'node:net';
import type { Request } from 'express';

/**
 * Whose word counts for where a request came from. False: nobody's, the connection's own address stands; a number: so many proxies in a row;
 * a list: proxies at these addresses (or in these ranges).
 */
export type TrustedProxies = false | number | readonly string[];

/** Where the request came from, as far as the proxies that are trusted tell; what is no address is not believed. */
export function clientAddress({ ip, socket }: Pick<Request, 'ip' | 'socket'>): string | null {
  return ip !== undefined && isIP(ip) !== 0 ? ip : (socket.remoteAddress ?? null);
}
