-- The audit log: one row an event, written once. What may not happen to a row afterwards is in the next migration.

CREATE TABLE public.audit_event (
  id uuid NOT NULL,
  position bigint GENERATED ALWAYS AS IDENTITY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  -- Milliseconds, as the writers' clocks have them, so that a page that ends at a time ends exactly there.
  occurred_at timestamptz(3) NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  action text NOT NULL,
  correlation_id uuid,
  institution_id text,
  customer_id text,
  actor_type text,
  actor_id text,
  actor_name text,
  on_behalf_of text,
  reason text,
  reason_code text,
  ticket text,
  source jsonb,
  workflow_id text,
  run_id text,
  attempt integer,
  activity_attempt integer,
  execution_id uuid,
  result text,
  outcome text,
  verification text,
  http_status integer,
  upstream_code text,
  upstream_message text,
  duration_ms integer,
  lock_status text,
  metadata jsonb NOT NULL DEFAULT '{}',

  CONSTRAINT audit_event_pkey PRIMARY KEY (id),
  CONSTRAINT audit_event_position_key UNIQUE (position),

  -- The values that the columns may have
  CONSTRAINT action_is_known CHECK (action IN (
    'customer.unlock.requested', 'customer.unlock.joined', 'customer.unlock.status_checked',
    'customer.unlock.attempt_started', 'customer.unlock.attempt_finished', 'customer.unlock.late_answer',
    'customer.unlock.cancel_requested', 'customer.unlock.paused', 'customer.unlock.resumed', 'customer.unlock.retried_now',
    'customer.unlock.completed', 'customer.unlock.reconciled',
    'customer.lock_status.viewed', 'access.denied', 'audit.viewed', 'audit.exported')),
  CONSTRAINT actor_type_is_known CHECK (actor_type IN ('user', 'service')),
  CONSTRAINT result_is_known CHECK (result IN ('succeeded', 'rejected', 'retryable', 'unknown')),
  CONSTRAINT outcome_is_known CHECK (outcome IN ('unlocked', 'not_locked', 'rejected', 'failed', 'cancelled')),
  CONSTRAINT verification_is_known CHECK (verification IN ('confirmed', 'attributed', 'still_locked', 'unavailable')),
  CONSTRAINT lock_status_is_known CHECK (lock_status IN ('locked', 'not_locked', 'unknown')),
  CONSTRAINT attempt_counts_from_1 CHECK (attempt >= 1),
  CONSTRAINT activity_attempt_counts_from_1 CHECK (activity_attempt >= 1),
  CONSTRAINT http_status_is_one CHECK (http_status BETWEEN 100 AND 599),
  CONSTRAINT duration_ms_is_not_negative CHECK (duration_ms >= 0),
  CONSTRAINT upstream_message_is_cut CHECK (char_length(upstream_message) <= 500),
  CONSTRAINT upstream_message_is_escaped CHECK (upstream_message !~ '[\u0001-\u001f\u007f-\u009f\u2028\u2029]'),
  CONSTRAINT source_is_an_object CHECK (jsonb_typeof(source) = 'object'),
  CONSTRAINT metadata_is_an_object CHECK (jsonb_typeof(metadata) = 'object'),

  -- What an action must and must not have
  CONSTRAINT result_where_an_attempt_ends CHECK (
    (result IS NOT NULL) = (action IN ('customer.unlock.attempt_finished', 'customer.unlock.late_answer'))),
  CONSTRAINT outcome_where_a_request_ends CHECK ((outcome IS NOT NULL) = (action = 'customer.unlock.completed')),
  CONSTRAINT verification_where_a_request_ends CHECK (verification IS NULL OR action = 'customer.unlock.completed'),
  CONSTRAINT verification_fits_the_outcome CHECK (verification NOT IN ('confirmed', 'attributed') OR outcome = 'unlocked'),
  CONSTRAINT attempt_where_one_is_told_of CHECK (attempt IS NOT NULL OR action NOT IN (
    'customer.unlock.attempt_started', 'customer.unlock.attempt_finished', 'customer.unlock.late_answer')),
  CONSTRAINT execution_id_where_one_claims CHECK ((execution_id IS NOT NULL) = (action = 'customer.unlock.attempt_started')),
  CONSTRAINT unlock_names_its_request CHECK (
    action NOT LIKE 'customer.unlock.%' OR (correlation_id IS NOT NULL AND institution_id IS NOT NULL AND customer_id IS NOT NULL)),
  CONSTRAINT lock_status_names_its_customer CHECK (
    action <> 'customer.lock_status.viewed' OR (institution_id IS NOT NULL AND customer_id IS NOT NULL)),
  CONSTRAINT actor_where_somebody_acts CHECK (actor_id IS NOT NULL OR action NOT IN (
    'customer.unlock.requested', 'customer.unlock.joined', 'customer.lock_status.viewed', 'audit.viewed', 'audit.exported')),
  CONSTRAINT actor_has_type_and_id CHECK ((actor_type IS NULL) = (actor_id IS NULL)),
  CONSTRAINT actor_name_has_an_actor CHECK (actor_name IS NULL OR actor_id IS NOT NULL),
  CONSTRAINT on_behalf_of_comes_from_a_service CHECK (on_behalf_of IS NULL OR actor_type IS NOT DISTINCT FROM 'service'),
  CONSTRAINT lock_status_where_one_is_read CHECK (lock_status IS NOT NULL OR action NOT IN (
    'customer.unlock.status_checked', 'customer.lock_status.viewed')),
  CONSTRAINT lock_status_only_where_one_is_read CHECK (lock_status IS NULL OR action IN (
    'customer.unlock.status_checked', 'customer.unlock.completed', 'customer.unlock.reconciled', 'customer.lock_status.viewed')),
  CONSTRAINT answer_only_where_the_bank_was_asked CHECK (
    (http_status IS NULL AND upstream_code IS NULL AND upstream_message IS NULL AND duration_ms IS NULL) OR action NOT IN (
      'customer.unlock.requested', 'customer.unlock.joined', 'customer.unlock.attempt_started', 'customer.unlock.cancel_requested',
      'customer.unlock.paused', 'customer.unlock.resumed', 'customer.unlock.retried_now'))
);

COMMENT ON TABLE public.audit_event IS 'What happened, one row an event; written once, never changed. No token and no body of a message is kept.';
COMMENT ON COLUMN public.audit_event.id IS 'UUIDv5 of workflow id, action and attempt or sequence, so that writing twice writes once';
COMMENT ON COLUMN public.audit_event.position IS 'Order of writing; may have gaps, and rows may become visible out of order';
COMMENT ON COLUMN public.audit_event.xid IS 'The writing transaction, set by the database; not part of the record';
COMMENT ON COLUMN public.audit_event.occurred_at IS 'When it happened, by the writer''s clock';
COMMENT ON COLUMN public.audit_event.recorded_at IS 'When it was written, by the database''s clock, whatever the writer says';
COMMENT ON COLUMN public.audit_event.action IS 'What happened';
COMMENT ON COLUMN public.audit_event.correlation_id IS 'The unlock request it belongs to';
COMMENT ON COLUMN public.audit_event.institution_id IS 'The financial institution that customer and caller belong to';
COMMENT ON COLUMN public.audit_event.customer_id IS 'The bank''s id of the customer';
COMMENT ON COLUMN public.audit_event.actor_type IS 'user or service, by the verified token';
COMMENT ON COLUMN public.audit_event.actor_id IS 'The subject of the verified token';
COMMENT ON COLUMN public.audit_event.actor_name IS 'The name in the verified token';
COMMENT ON COLUMN public.audit_event.on_behalf_of IS 'The human whom a service names: asserted by it, not verified';
COMMENT ON COLUMN public.audit_event.reason IS 'Why, in the actor''s words';
COMMENT ON COLUMN public.audit_event.reason_code IS 'Why, by the institution''s own list';
COMMENT ON COLUMN public.audit_event.ticket IS 'The case it belongs to in the institution''s own system';
COMMENT ON COLUMN public.audit_event.source IS 'Where it came from: component, client address, user agent';
COMMENT ON COLUMN public.audit_event.workflow_id IS 'The Temporal workflow that carried it';
COMMENT ON COLUMN public.audit_event.run_id IS 'That workflow''s run';
COMMENT ON COLUMN public.audit_event.attempt IS 'The number of the PUT within its unlock request, from 1, without gaps';
COMMENT ON COLUMN public.audit_event.activity_attempt IS 'Temporal''s own count, which includes executions that sent nothing';
COMMENT ON COLUMN public.audit_event.execution_id IS 'Who claimed the attempt: the one execution that may send';
COMMENT ON COLUMN public.audit_event.result IS 'How the attempt ended; unknown: it may have been applied';
COMMENT ON COLUMN public.audit_event.outcome IS 'How the unlock request ended';
COMMENT ON COLUMN public.audit_event.verification IS 'What the status read after an attempt that succeeded or is unknown found';
COMMENT ON COLUMN public.audit_event.http_status IS 'The HTTP status that was answered';
COMMENT ON COLUMN public.audit_event.upstream_code IS 'The bank''s code, as it came';
COMMENT ON COLUMN public.audit_event.upstream_message IS 'The bank''s message, control characters escaped, cut at 500 characters';
COMMENT ON COLUMN public.audit_event.duration_ms IS 'How long the bank took to answer, in milliseconds';
COMMENT ON COLUMN public.audit_event.lock_status IS 'What the bank said of the customer; unknown where it gave no answer';
COMMENT ON COLUMN public.audit_event.metadata IS 'Small, documented per action; flags and diagnosis among them';

-- What may be there once only. A violation names the index.
CREATE UNIQUE INDEX audit_event_one_requested ON public.audit_event (correlation_id) WHERE action = 'customer.unlock.requested';
CREATE UNIQUE INDEX audit_event_one_completed ON public.audit_event (correlation_id) WHERE action = 'customer.unlock.completed';
CREATE UNIQUE INDEX audit_event_one_attempt_started ON public.audit_event (correlation_id, attempt) WHERE action = 'customer.unlock.attempt_started';
CREATE UNIQUE INDEX audit_event_one_attempt_finished ON public.audit_event (correlation_id, attempt) WHERE action = 'customer.unlock.attempt_finished';

-- One unlock request's story
CREATE INDEX audit_event_by_correlation ON public.audit_event (correlation_id, position);
-- Events of an institution, newest first
CREATE INDEX audit_event_by_institution ON public.audit_event (institution_id, position);
CREATE INDEX audit_event_by_customer ON public.audit_event (institution_id, customer_id, position);
CREATE INDEX audit_event_by_action ON public.audit_event (institution_id, action, position);
CREATE INDEX audit_event_by_time ON public.audit_event (institution_id, occurred_at);
CREATE INDEX audit_event_by_actor ON public.audit_event (institution_id, actor_id, position) WHERE actor_id IS NOT NULL;
CREATE INDEX audit_event_by_result ON public.audit_event (institution_id, result, position) WHERE result IS NOT NULL;
CREATE INDEX audit_event_by_outcome ON public.audit_event (institution_id, outcome, position) WHERE outcome IS NOT NULL;
CREATE INDEX audit_event_by_http_status ON public.audit_event (institution_id, http_status, position) WHERE http_status IS NOT NULL;
-- Unlock requests of an institution, or of one of its customers, newest first
CREATE INDEX audit_event_requests ON public.audit_event (institution_id, occurred_at, correlation_id) WHERE action = 'customer.unlock.requested';
CREATE INDEX audit_event_requests_of_customer ON public.audit_event (institution_id, customer_id, occurred_at, correlation_id)
  WHERE action = 'customer.unlock.requested';
