export { notifyCaller } from './notify-caller.js';
export { readLockStatus } from './read-lock-status.js';
export { reconcileAudit } from './reconcile-audit.js';
export { sealAudit } from './seal-audit.js';
export { unlockCustomer } from './unlock-customer.js';
export { watchRelock } from './watch-relock.js';
