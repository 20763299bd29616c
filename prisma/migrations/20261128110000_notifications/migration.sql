-- Callers who have a webhook are told that their requests have ended; what became of that is recorded once a request.

ALTER TABLE public.audit_event DROP CONSTRAINT action_is_known, ADD CONSTRAINT action_is_known CHECK (action IN (
  'customer.unlock.requested', 'customer.unlock.joined', 'customer.unlock.status_checked',
  'customer.unlock.attempt_started', 'customer.unlock.attempt_finished', 'customer.unlock.late_answer',
  'customer.unlock.cancel_requested', 'customer.unlock.paused', 'customer.unlock.resumed', 'customer.unlock.retried_now',
  'customer.unlock.completed', 'customer.unlock.reconciled', 'customer.unlock.relock_checked', 'operator.out_of_band',
  'customer.unlock.approval_required', 'customer.unlock.approved', 'customer.unlock.declined', 'customer.unlock.notified',
  'customer.lock_status.viewed', 'customer.unlock_dry_run', 'access.denied', 'audit.viewed', 'audit.exported', 'audit.export_ended'));
-- Nobody acts in it, and a receiver's status is not the bank's.
ALTER TABLE public.audit_event ADD CONSTRAINT notified_tells_what_came_of_it CHECK (
  action <> 'customer.unlock.notified'
  OR (actor_id IS NULL AND http_status IS NULL AND jsonb_typeof(metadata -> 'delivered') IS NOT DISTINCT FROM 'boolean'));
