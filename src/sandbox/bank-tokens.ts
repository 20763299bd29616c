import { randomBytes } from 'node:crypto';

/** The bank's token response (RFC 6749, 5.1). */
export interface BankTokenAnswer {
  readonly access_token: string;
  readonly token_type: 'Bearer';
  /** Seconds. */
  readonly expires_in: number;
  readonly scope: string;
}

export type TokenVerdict = 'valid' | 'unknown' | 'expired' | 'revoked';

/** The access tokens that the bank has given out; they are opaque, as a caller must not look into them. */
export interface BankTokens {
  issue(): BankTokenAnswer;
  check(token: string): TokenVerdict;
  /**
   * Makes every token given out so far worthless.
   * @returns how many of them were still good
   */
  revoke(): number;
}

/** @param ttlSeconds how long a token is good, fractions allowed */
export function createBankTokens({ ttlSeconds }: { readonly ttlSeconds: number }): BankTokens {
  const tokens = new Map<string, { readonly expiresAtMs: number; revoked: boolean }>();
  const keptAfterExpiryMs = 3_600_000;
  return {
    issue() {
      const nowMs = Date.now();
      for (const [token, { expiresAtMs }] of tokens) if (expiresAtMs + keptAfterExpiryMs < nowMs) tokens.delete(token);
      const token = randomBytes(24).toString('base64url');
      tokens.set(token, { expiresAtMs: nowMs + ttlSeconds * 1000, revoked: false });
      const scope = 'institution-users:read institution-users:write';
      return { access_token: token, token_type: 'Bearer', expires_in: Math.floor(ttlSeconds), scope };
    },
    check(token) {
      const known = tokens.get(token);
      if (known === undefined) return 'unknown';
      if (known.revoked) return 'revoked';
      return Date.now() < known.expiresAtMs ? 'valid' : 'expired';
    },
    revoke() {
      const good = [...tokens.values()].filter(({ revoked, expiresAtMs }) => !revoked && Date.now() < expiresAtMs);
      for (const token of good) token.revoked = true;
      return good.length;
    },
  };
}
