export type { Dispatcher } from 'undici';
export { exchange, parseJson, type Exchange } from './exchange.js';
export { createFetch, type FetchDocument } from './fetch.js';
export { createOutbound, type OutboundPolicy } from './outbound.js';
