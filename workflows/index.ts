export { readLockStatus } from './read-lock-status.js';
export { unlockCustomer } from './unlock-customer.js';
