-- Each session sees and writes the rows of one institution: the one that `latchkey.institution_id` names. Nothing set: nothing seen.
-- It holds against a statement that forgets its institution. It is no guard against somebody who has the login itself: they may set it.

ALTER TABLE public.audit_event ENABLE ROW LEVEL SECURITY;
-- Also for the owner, who has a policy of their own below, so that what a role may see stands here and nowhere else.
ALTER TABLE public.audit_event FORCE ROW LEVEL SECURITY;

CREATE POLICY app_reads_one_institution ON public.audit_event FOR SELECT TO latchkey_app
  USING (institution_id = current_setting('latchkey.institution_id', true));
-- Who was turned away may belong to no institution.
CREATE POLICY app_records_one_institution ON public.audit_event FOR INSERT TO latchkey_app
  WITH CHECK (
    institution_id = current_setting('latchkey.institution_id', true) OR (institution_id IS NULL AND action = 'access.denied'));

-- Who reads for compliance says whose rows, or `*` (no institution's id) for all: a part must not be taken for the whole.
CREATE FUNCTION public.audit_reader_institution() RETURNS text
  LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF coalesce(current_setting('latchkey.institution_id', true), '') = '' THEN
    RAISE EXCEPTION 'it is not said whose rows are to be read' USING ERRCODE = 'LK004',
      HINT = 'SET latchkey.institution_id TO an institution''s id, or to ''*'' for the rows of all.';
  END IF;
  RETURN current_setting('latchkey.institution_id');
END $$;
COMMENT ON FUNCTION public.audit_reader_institution() IS 'Whose rows an auditor''s session reads; fails where none is named';
REVOKE ALL ON FUNCTION public.audit_reader_institution() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.audit_reader_institution() TO latchkey_auditor;
ALTER FUNCTION public.audit_reader_institution() OWNER TO latchkey_owner;

CREATE POLICY auditor_reads_one_institution_or_all ON public.audit_event FOR SELECT TO latchkey_auditor
  USING (institution_id = public.audit_reader_institution() OR public.audit_reader_institution() = '*');
-- A seal over a part of the rows would be none.
CREATE POLICY sealer_reads_all ON public.audit_event FOR SELECT TO latchkey_sealer USING (true);
-- Migrations look at all rows. That none is changed is held by the triggers.
CREATE POLICY owner_reads_and_records_all ON public.audit_event TO latchkey_owner USING (true) WITH CHECK (true);

-- Row-level security leaves rows out without a word: whoever must see all of them asks this first, in the same transaction.
CREATE FUNCTION public.audit_event_require_all_rows() RETURNS void
  LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF row_security_active('public.audit_event') AND NOT (
    pg_has_role('latchkey_sealer', 'USAGE') OR pg_has_role('latchkey_owner', 'USAGE')
    OR pg_has_role('latchkey_auditor', 'USAGE') AND coalesce(current_setting('latchkey.institution_id', true), '') = '*'
  ) THEN
    RAISE EXCEPTION 'this session does not see every row of audit_event' USING ERRCODE = 'LK005',
      HINT = 'Read as latchkey_sealer, or as latchkey_auditor with latchkey.institution_id set to ''*''.';
  END IF;
END $$;
COMMENT ON FUNCTION public.audit_event_require_all_rows() IS 'Fails unless this session sees the rows of every institution';
REVOKE ALL ON FUNCTION public.audit_event_require_all_rows() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.audit_event_require_all_rows() TO latchkey_app, latchkey_auditor, latchkey_sealer;
ALTER FUNCTION public.audit_event_require_all_rows() OWNER TO latchkey_owner;

-- What may follow what is a rule of all rows, whoever's: the trigger must not look with the writer's eyes.
ALTER FUNCTION public.audit_event_stamp() SECURITY DEFINER;

ALTER TABLE public.upstream_pace ENABLE ROW LEVEL SECURITY;
ALTER TABLE public.upstream_pace FORCE ROW LEVEL SECURITY;
CREATE POLICY app_keeps_one_institution ON public.upstream_pace TO latchkey_app
  USING (institution_id = current_setting('latchkey.institution_id', true))
  WITH CHECK (institution_id = current_setting('latchkey.institution_id', true));
CREATE POLICY auditor_reads_one_institution_or_all ON public.upstream_pace FOR SELECT TO latchkey_auditor
  USING (institution_id = public.audit_reader_institution() OR public.audit_reader_institution() = '*');
CREATE POLICY owner_keeps_all ON public.upstream_pace TO latchkey_owner USING (true) WITH CHECK (true);

-- A correlationId is one request's, whatever the institution. Whether another one has it is all that this tells.
CREATE FUNCTION public.correlation_id_is_taken(wanted uuid) RETURNS boolean
  LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT EXISTS (SELECT FROM public.audit_event e WHERE e.correlation_id = wanted AND e.action = 'customer.unlock.requested')
    OR EXISTS (SELECT FROM public.audit_event e WHERE e.correlation_id = wanted AND e.action = 'customer.unlock.completed')
$$;
COMMENT ON FUNCTION public.correlation_id_is_taken(uuid) IS
  'Whether an unlock request of any institution has this correlationId: the one thing that one institution learns of another';
REVOKE ALL ON FUNCTION public.correlation_id_is_taken(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION public.correlation_id_is_taken(uuid) TO latchkey_app;
ALTER FUNCTION public.correlation_id_is_taken(uuid) OWNER TO latchkey_owner;

-- `rate_limit_count` has no such line: a caller stands there as a hash, and an API counts for all of its institutions in one statement.

-- The reconciler goes over one institution's beginnings after the other.
DROP INDEX public.audit_event_openings;
CREATE INDEX audit_event_openings ON public.audit_event (institution_id, position) INCLUDE (correlation_id, recorded_at)
  WHERE action IN ('customer.unlock.requested', 'customer.unlock.attempt_started');
