-- Watching the watchers: how an export ended is an event of its own, because its beginning was recorded before the first row left.

ALTER TABLE public.audit_event DROP CONSTRAINT action_is_known, ADD CONSTRAINT action_is_known CHECK (action IN (
  'customer.unlock.requested', 'customer.unlock.joined', 'customer.unlock.status_checked',
  'customer.unlock.attempt_started', 'customer.unlock.attempt_finished', 'customer.unlock.late_answer',
  'customer.unlock.cancel_requested', 'customer.unlock.paused', 'customer.unlock.resumed', 'customer.unlock.retried_now',
  'customer.unlock.completed', 'customer.unlock.reconciled',
  'customer.lock_status.viewed', 'access.denied', 'audit.viewed', 'audit.exported', 'audit.export_ended'));
ALTER TABLE public.audit_event ADD CONSTRAINT actor_where_an_export_ends CHECK (actor_id IS NOT NULL OR action <> 'audit.export_ended');

-- Whoever writes rows may know that a restore began another log, and nothing else of the seal.
CREATE FUNCTION public.audit_log_number() RETURNS integer
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT max(t.id) FROM public.audit_tree t
$$;
COMMENT ON FUNCTION public.audit_log_number() IS 'Which log is being written: 0 for the first, one more after each restore; null before anything was sealed';
REVOKE ALL ON FUNCTION public.audit_log_number() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.audit_log_number() TO latchkey_app;
ALTER FUNCTION public.audit_log_number() OWNER TO latchkey_owner;

-- Whoever reads for compliance reads many rows: whose they may be is asked once for each statement, not for each row.
ALTER POLICY auditor_reads_one_institution_or_all ON public.audit_event
  USING (institution_id = (SELECT public.audit_reader_institution()) OR (SELECT public.audit_reader_institution()) = '*');
