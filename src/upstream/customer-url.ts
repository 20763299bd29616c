/** Thrown where a customer id would change more of the URL than its own place; nothing is sent then. */
export class UnsafeCustomerIdError extends Error {
  override readonly name = 'UnsafeCustomerIdError';
}

/** Makes the URL of one customer's resource at the bank. */
export type CustomerUrl = (customerId: string) => URL;

const PLACEHOLDER = '{customerId}';

/**
 * @param baseUrl the bank's base URL; its path is kept
 * @param template path (and query) below it, with `{customerId}` once
 * @param customerIdPattern which ids are let through at all; an id must match it as a whole
 * @throws TypeError where base or template cannot be used
 */
export function createCustomerUrl(baseUrl: string, template: string, customerIdPattern: RegExp): CustomerUrl {
  const base = new URL(baseUrl);
  if (base.search !== '' || base.hash !== '' || base.username !== '' || base.password !== '') {
    throw new TypeError('the base URL must not carry a query, a fragment or credentials');
  }
  if (!template.startsWith('/') || template.split(PLACEHOLDER).length !== 2) {
    throw new TypeError(`the path template must start with a slash and name ${PLACEHOLDER} once`);
  }
  const prefix = base.origin + base.pathname.replace(/\/+$/, '');
  // A pattern without anchors would let through whatever merely contains a good id.
  const wholeId = new RegExp(`^(?:${customerIdPattern.source})$`, customerIdPattern.flags.replace(/[gym]/g, ''));

  /** Parsing resolves dot segments away and encodes anew; null where it changed anything, or put a part out of reach in a fragment. */
  function urlAround(segment: string): URL | null {
    const spelled = prefix + template.replace(PLACEHOLDER, () => segment);
    const url = new URL(spelled);
    return url.href === spelled && url.origin === base.origin && url.hash === '' ? url : null;
  }

  if (urlAround('1') === null) throw new TypeError('the path template must be spelled as a URL has it, without dot segments or a fragment');
  return (customerId) => {
    if (!wholeId.test(customerId)) throw new UnsafeCustomerIdError('the customer id has a form that is not let through');
    const segment = encoded(customerId);
    // Without a segment of its own the path would name the collection, not a customer.
    const url = segment === '' ? null : urlAround(segment);
    if (url === null) throw new UnsafeCustomerIdError('the customer id would change the path');
    return url;
  };
}

function encoded(customerId: string): string {
  try {
    return encodeURIComponent(customerId);
  } catch {
    throw new UnsafeCustomerIdError('the customer id is no well-formed Unicode');
  }
}
