-- The end of a request says how many attempts it was told from. One that was made and answered while that was being worked out
-- must not be missing: an outcome would stand against the rows.

CREATE OR REPLACE FUNCTION public.audit_event_stamp() RETURNS trigger
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
    ELSIF (NEW.metadata ->> 'attempts')::integer <> (
      SELECT count(*) FROM public.audit_event s WHERE s.correlation_id = NEW.correlation_id AND s.action = 'customer.unlock.attempt_started'
    ) THEN
      RAISE EXCEPTION 'unlock request % has attempts that its end does not count', NEW.correlation_id USING ERRCODE = 'LK004';
    END IF;
  END IF;
  RETURN NEW;
END $$;
