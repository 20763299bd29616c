-- How many requests each caller and each institution has made in the current window: the one place that all APIs share.
-- No part of the record: it says nothing of what happened, and may be emptied at any time.

CREATE TABLE public.rate_limit_count (
  subject text PRIMARY KEY,
  window_start timestamptz NOT NULL,
  count integer NOT NULL
);
COMMENT ON TABLE public.rate_limit_count IS 'One row a caller and one an institution for which a rate limit is set; old ones are removed';
COMMENT ON COLUMN public.rate_limit_count.subject IS 'institution:<id>, or caller: and a hash of institution, client and subject';
COMMENT ON COLUMN public.rate_limit_count.window_start IS 'When the window began that is being counted, by the database''s clock';
COMMENT ON COLUMN public.rate_limit_count.count IS 'Requests that APIs have let in or may still let in within that window; beyond the limit, those that asked in vain';

REVOKE ALL ON public.rate_limit_count FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.rate_limit_count TO latchkey_app;
GRANT SELECT ON public.rate_limit_count TO latchkey_auditor;
ALTER TABLE public.rate_limit_count OWNER TO latchkey_owner;
