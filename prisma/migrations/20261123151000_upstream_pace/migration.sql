-- When the next PUT to an institution's bank may leave, where a rate is set: the one place that all workers share.
-- No part of the record: it says nothing of what happened, and may be emptied at any time.

CREATE TABLE public.upstream_pace (
  institution_id text PRIMARY KEY,
  next_put_at timestamptz NOT NULL
);
COMMENT ON TABLE public.upstream_pace IS 'One row an institution for which UPSTREAM_MAX_PER_SECOND is set; workers take their turns by it';
COMMENT ON COLUMN public.upstream_pace.next_put_at IS 'No PUT may be given an earlier turn, by the database''s clock';

REVOKE ALL ON public.upstream_pace FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE ON public.upstream_pace TO latchkey_app;
GRANT SELECT ON public.upstream_pace TO latchkey_auditor;
ALTER TABLE public.upstream_pace OWNER TO latchkey_owner;
