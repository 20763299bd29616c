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
 * @param customerIdPattern which ids are let through at all
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
  return (customerId) => {
    if (!customerIdPattern.test(customerId)) throw new UnsafeCustomerIdError('the customer id has a form that is not let through');
    const spelled = prefix + template.replace(PLACEHOLDER, () => encodeURIComponent(customerId));
    const url = new URL(spelled);
    // Parsing resolves dot segments away; whatever it changed, the id reached beyond its place.
    if (url.href !== spelled || url.origin !== base.origin) throw new UnsafeCustomerIdError('the customer id would change the path');
    return url;
  };
}
