-- What an unlock request begins with, in the order of writing: the reconciler goes over it and looks up which of them have an end.
-- Both columns besides come along, so that it never has to visit the table for a request that has ended.

CREATE INDEX audit_event_openings ON public.audit_event (position) INCLUDE (correlation_id, recorded_at)
  WHERE action IN ('customer.unlock.requested', 'customer.unlock.attempt_started');
