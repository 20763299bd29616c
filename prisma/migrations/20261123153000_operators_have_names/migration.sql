-- An operator's action is somebody's: the row names who it was.

ALTER TABLE public.audit_event ADD CONSTRAINT actor_where_an_operator_acts CHECK (actor_id IS NOT NULL OR action NOT IN (
  'customer.unlock.cancel_requested', 'customer.unlock.paused', 'customer.unlock.resumed', 'customer.unlock.retried_now'));
