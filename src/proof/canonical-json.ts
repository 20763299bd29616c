import canonicalizeModule from 'canonicalize';
import { z } from 'zod';

/** A value in RFC 8785 canonical JSON: the same value, the same bytes. */
// The package is CommonJS and its types speak of a default export that it does not have.
export const canonicalize = z.custom<(value: unknown) => string>((value) => typeof value === 'function').parse(canonicalizeModule);
