-- The audit log for people: one row an attempt, one row a request. The views show what their reader may see in the table.

CREATE VIEW public.unlock_attempt WITH (security_invoker = true) AS
SELECT
  started.correlation_id,
  started.customer_id,
  started.institution_id,
  started.attempt,
  started.occurred_at AS started_at,
  finished.occurred_at AS finished_at,
  finished.result,
  finished.http_status,
  finished.upstream_code,
  finished.upstream_message,
  finished.duration_ms,
  started.workflow_id
FROM public.audit_event started
LEFT JOIN public.audit_event finished
  ON finished.correlation_id = started.correlation_id
  AND finished.attempt = started.attempt
  AND finished.action = 'customer.unlock.attempt_finished'
WHERE started.action = 'customer.unlock.attempt_started';
COMMENT ON VIEW public.unlock_attempt IS 'One row an attempt: one PUT for which the intent was committed; result is null while it is out';

CREATE VIEW public.unlock_request WITH (security_invoker = true) AS
SELECT
  requested.correlation_id,
  requested.customer_id,
  requested.institution_id,
  requested.actor_id,
  requested.reason,
  requested.occurred_at AS requested_at,
  completed.occurred_at AS completed_at,
  completed.outcome,
  completed.verification,
  (
    SELECT count(*)::integer FROM public.audit_event attempt
    WHERE attempt.correlation_id = requested.correlation_id AND attempt.action = 'customer.unlock.attempt_started'
  ) AS attempts
FROM public.audit_event requested
LEFT JOIN public.audit_event completed
  ON completed.correlation_id = requested.correlation_id
  AND completed.action = 'customer.unlock.completed'
WHERE requested.action = 'customer.unlock.requested';
COMMENT ON VIEW public.unlock_request IS 'One row a request: one wish to unlock one customer; outcome is null while it is under way';

REVOKE ALL ON public.unlock_attempt, public.unlock_request FROM PUBLIC;
GRANT SELECT ON public.unlock_attempt, public.unlock_request TO latchkey_app, latchkey_auditor, latchkey_sealer;

ALTER VIEW public.unlock_attempt OWNER TO latchkey_owner;
ALTER VIEW public.unlock_request OWNER TO latchkey_owner;
