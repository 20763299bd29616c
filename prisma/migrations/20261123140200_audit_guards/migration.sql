-- Who may write to the audit log, and what nobody may do to it.

CREATE FUNCTION public.audit_event_refuse_change() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'audit_event is append-only: % is refused', TG_OP
    USING ERRCODE = 'LK000', HINT = 'Record what is to be corrected as a new event.';
END $$;
COMMENT ON FUNCTION public.audit_event_refuse_change() IS 'Refuses UPDATE, DELETE and TRUNCATE to everybody, the owner and superusers included';

CREATE FUNCTION public.audit_event_stamp() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.recorded_at := clock_timestamp();
  NEW.xid := pg_current_xact_id();

  IF NEW.action IN ('customer.unlock.attempt_started', 'customer.unlock.completed') THEN
    -- The looks below must see what was committed while the lock was awaited: only this level takes a new snapshot for each.
    IF current_setting('transaction_isolation') <> 'read committed' THEN
      RAISE EXCEPTION '% must be written at READ COMMITTED', NEW.action USING ERRCODE = 'LK003';
    END IF;
    -- Held to the end of the transaction, so that no attempt starts beside the end of its request.
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.correlation_id::text, 6114));

    IF NEW.action = 'customer.unlock.attempt_started' THEN
      IF EXISTS (
        SELECT FROM public.audit_event e WHERE e.correlation_id = NEW.correlation_id AND e.action = 'customer.unlock.completed'
      ) THEN
        RAISE EXCEPTION 'unlock request % has ended: no attempt may start', NEW.correlation_id USING ERRCODE = 'LK001';
      END IF;
    ELSIF EXISTS (
      SELECT FROM public.audit_event s
      WHERE s.correlation_id = NEW.correlation_id AND s.action = 'customer.unlock.attempt_started' AND NOT EXISTS (
        SELECT FROM public.audit_event f
        WHERE f.correlation_id = s.correlation_id AND f.action = 'customer.unlock.attempt_finished' AND f.attempt = s.attempt)
    ) THEN
      RAISE EXCEPTION 'unlock request % has an open attempt: it may not end', NEW.correlation_id USING ERRCODE = 'LK002';
    END IF;
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION public.audit_event_stamp() IS 'Sets recorded_at and xid whatever the writer says; keeps attempts and the end of their request apart';

CREATE TRIGGER audit_event_stamp BEFORE INSERT ON public.audit_event
  FOR EACH ROW EXECUTE FUNCTION public.audit_event_stamp();
CREATE TRIGGER audit_event_refuse_row_change BEFORE UPDATE OR DELETE ON public.audit_event
  FOR EACH ROW EXECUTE FUNCTION public.audit_event_refuse_change();
-- Row triggers never fire on TRUNCATE, nor where no row is hit.
CREATE TRIGGER audit_event_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON public.audit_event
  FOR EACH STATEMENT EXECUTE FUNCTION public.audit_event_refuse_change();
-- ALWAYS: `session_replication_role = replica` skips ordinary triggers.
ALTER TABLE public.audit_event ENABLE ALWAYS TRIGGER audit_event_stamp;
ALTER TABLE public.audit_event ENABLE ALWAYS TRIGGER audit_event_refuse_row_change;
ALTER TABLE public.audit_event ENABLE ALWAYS TRIGGER audit_event_refuse_change;

REVOKE ALL ON FUNCTION public.audit_event_refuse_change() FROM PUBLIC;
REVOKE ALL ON FUNCTION public.audit_event_stamp() FROM PUBLIC;
REVOKE ALL ON public.audit_event FROM PUBLIC;
GRANT SELECT ON public.audit_event TO latchkey_app, latchkey_auditor, latchkey_sealer;
-- By column: `position` could be forged with OVERRIDING SYSTEM VALUE.
GRANT INSERT (
  id, occurred_at, action, correlation_id, institution_id, customer_id, actor_type, actor_id, actor_name, on_behalf_of,
  reason, reason_code, ticket, source, workflow_id, run_id, attempt, activity_attempt, execution_id, result, outcome, verification,
  http_status, upstream_code, upstream_message, duration_ms, lock_status, metadata
) ON public.audit_event TO latchkey_app;

-- Last, since the migrating login may then need the owner's rights.
ALTER FUNCTION public.audit_event_refuse_change() OWNER TO latchkey_owner;
ALTER FUNCTION public.audit_event_stamp() OWNER TO latchkey_owner;
ALTER TABLE public.audit_event OWNER TO latchkey_owner;
