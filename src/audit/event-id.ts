import { v5 } from 'uuid';
import type { AuditAction } from '../domain/audit-event.js';

// Never changes: every id on record was made under it.
const NAMESPACE = '8f0b6f0e-6f0c-5a39-9d2b-3d4d1f6f7c52';

/**
 * The id of an audit event (UUIDv5): the same fact always has the same one, so that writing twice writes once.
 * @param workflowIdOrScope the workflow that it belongs to, or what stands in for one
 * @param key what tells it from its likes: the attempt's number, a sequence, an actor; `1` and `'1'` are the same key
 */
export function auditEventId(workflowIdOrScope: string, action: AuditAction, key: string | number): string {
  // As JSON, since a separator could be part of a key.
  return v5(JSON.stringify([workflowIdOrScope, action, String(key)]), NAMESPACE);
}
