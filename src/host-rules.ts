import { isAddressWithin } from './outbound/public-address.js';

/** Where calls may go. */
export interface HostRules {
  readonly production: boolean;
  /** Hosts that may be plain http beyond loopback, and in production stand within the house. */
  readonly plainHttpHosts: readonly string[];
}

/**
 * Holds one URL that is called against the rules.
 * @param name what the fault is to call it
 * @returns what is wrong; none where nothing is
 */
export function hostFaults(name: string, url: string, { production, plainHttpHosts }: HostRules): string[] {
  const { protocol, hostname } = new URL(url);
  if (plainHttpHosts.includes(hostname)) return [];
  const faults: string[] = [];
  if (production && isAddressWithin(hostname)) {
    faults.push(`${name} must not be an address within the house, unless ALLOW_HTTP_HOSTS names it`);
  }
  if (protocol !== 'https:' && (production || !isLoopback(hostname))) {
    faults.push(`${name} must be https (plain http is for loopback outside production, or for hosts that ALLOW_HTTP_HOSTS names)`);
  }
  return faults;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(hostname);
}
