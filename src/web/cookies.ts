/** A cookie of ours, and how it is told to the browser. */
export interface Cookie {
  readonly name: string;
  /** The header that sets it; it goes with the browser, or after so many seconds. */
  set(value: string, seconds?: number): string;
  clear(): string;
  /** @returns null where the browser sent none, or two of the name */
  read(header: string | undefined): string | null;
}

const VALUE = /^[\w-]{1,2000}$/;

/**
 * A cookie that scripts cannot read and other sites' forms do not bring along.
 * @param secure whether the pages are on https: only then a browser takes it under a name that no other host can set
 */
export function createCookie(name: string, secure: boolean): Cookie {
  const fullName = secure ? `__Host-${name}` : name;
  const manners = `Path=/; HttpOnly; SameSite=Lax${secure ? '; Secure' : ''}`;
  return {
    name: fullName,
    set: (value, seconds) => `${fullName}=${value}; ${manners}${seconds === undefined ? '' : `; Max-Age=${seconds}`}`,
    clear: () => `${fullName}=; ${manners}; Max-Age=0`,
    read(header = '') {
      const values = header.split(/; */).flatMap((pair) => (pair.startsWith(`${fullName}=`) ? [pair.slice(fullName.length + 1)] : []));
      const [value] = values;
      return value !== undefined && values.length === 1 && VALUE.test(value) ? value : null;
    },
  };
}
