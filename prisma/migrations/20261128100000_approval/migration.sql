-- A customer who was unlocked too often in a short time is unlocked again only once a second person has approved it.

ALTER TABLE public.audit_event DROP CONSTRAINT action_is_known, ADD CONSTRAINT action_is_known CHECK (action IN (
  'customer.unlock.requested', 'customer.unlock.joined', 'customer.unlock.status_checked',
  'customer.unlock.approval_required', 'customer.unlock.approved', 'customer.unlock.declined',
  'customer.unlock.attempt_started', 'customer.unlock.attempt_finished', 'customer.unlock.late_answer',
  'customer.unlock.cancel_requested', 'customer.unlock.paused', 'customer.unlock.resumed', 'customer.unlock.retried_now',
  'customer.unlock.completed', 'customer.unlock.reconciled', 'customer.unlock.relock_checked', 'operator.out_of_band',
  'customer.lock_status.viewed', 'customer.unlock_dry_run', 'access.denied', 'audit.viewed', 'audit.exported', 'audit.export_ended'));
-- A service has no judgement of its own, and whom it names nobody has verified.
ALTER TABLE public.audit_event ADD CONSTRAINT decision_is_a_persons CHECK (
  action NOT IN ('customer.unlock.approved', 'customer.unlock.declined')
  OR (actor_type = 'user' AND actor_id IS NOT NULL AND on_behalf_of IS NULL AND reason IS NOT NULL));
