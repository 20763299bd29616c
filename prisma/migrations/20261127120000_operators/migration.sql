-- What is done to an unlock's workflow directly in Temporal is no action of the front door: it is recorded as soon as it is noticed.
-- Some time after an unlock it may be looked whether the customer is locked again.
-- A dry run is a look at the lock status with a reason, and no request.

ALTER TABLE public.audit_event DROP CONSTRAINT action_is_known, ADD CONSTRAINT action_is_known CHECK (action IN (
  'customer.unlock.requested', 'customer.unlock.joined', 'customer.unlock.status_checked',
  'customer.unlock.attempt_started', 'customer.unlock.attempt_finished', 'customer.unlock.late_answer',
  'customer.unlock.cancel_requested', 'customer.unlock.paused', 'customer.unlock.resumed', 'customer.unlock.retried_now',
  'customer.unlock.completed', 'customer.unlock.reconciled', 'customer.unlock.relock_checked', 'operator.out_of_band',
  'customer.lock_status.viewed', 'customer.unlock_dry_run', 'access.denied', 'audit.viewed', 'audit.exported', 'audit.export_ended'));
ALTER TABLE public.audit_event ADD CONSTRAINT out_of_band_names_its_request CHECK (
  action <> 'operator.out_of_band'
  OR (correlation_id IS NOT NULL AND institution_id IS NOT NULL AND customer_id IS NOT NULL AND actor_id IS NULL));
ALTER TABLE public.audit_event ADD CONSTRAINT dry_run_names_what_it_is_about CHECK (
  action <> 'customer.unlock_dry_run'
  OR (correlation_id IS NOT NULL AND institution_id IS NOT NULL AND customer_id IS NOT NULL AND actor_id IS NOT NULL AND lock_status IS NOT NULL));
ALTER TABLE public.audit_event DROP CONSTRAINT lock_status_only_where_one_is_read,
  ADD CONSTRAINT lock_status_only_where_one_is_read CHECK (lock_status IS NULL OR action IN (
    'customer.unlock.status_checked', 'customer.unlock.completed', 'customer.unlock.reconciled', 'customer.unlock.relock_checked',
    'customer.lock_status.viewed', 'customer.unlock_dry_run'));
ALTER TABLE public.audit_event ADD CONSTRAINT relock_check_tells_what_was_found CHECK (
  action <> 'customer.unlock.relock_checked' OR lock_status IS NOT NULL);
