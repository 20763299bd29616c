const BASE64 = /^[A-Za-z0-9+/]+={0,2}$/;

/** What Temporal keeps, as text to search in: everything that may be base64 stands there decoded as well. */
export function historyText(kept: object): string {
  return JSON.stringify(kept, (_key, value: unknown) =>
    typeof value === 'string' && BASE64.test(value) ? `${value} ${Buffer.from(value, 'base64').toString('utf8')}` : value,
  );
}
