-- Who is signed in to the pages: the one place that all APIs share, so that a sign-out ends a session everywhere at once.
-- No part of the record. Whoever reads it learns neither a token nor what a browser would have to show: see the columns.

CREATE TABLE public.desk_session (
  id bytea PRIMARY KEY,
  sealed text NOT NULL,
  version integer NOT NULL DEFAULT 1,
  seen_at timestamptz NOT NULL,
  ends_at timestamptz NOT NULL,
  renewing_until timestamptz
);
CREATE INDEX desk_session_ends_at ON public.desk_session (ends_at);
COMMENT ON TABLE public.desk_session IS 'One row a session of the pages; removed at sign-out, and some time after it has ended';
COMMENT ON COLUMN public.desk_session.id IS 'A hash of the secret in the browser''s cookie';
COMMENT ON COLUMN public.desk_session.sealed IS 'The person and their tokens, encrypted with a key that follows from that secret alone';
COMMENT ON COLUMN public.desk_session.version IS 'One more each time that the tokens were renewed';
COMMENT ON COLUMN public.desk_session.seen_at IS 'About when the person last did something';
COMMENT ON COLUMN public.desk_session.ends_at IS 'When the session ends, whatever the person does';
COMMENT ON COLUMN public.desk_session.renewing_until IS 'Until when one process alone may renew the tokens';

REVOKE ALL ON public.desk_session FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON public.desk_session TO latchkey_app;
ALTER TABLE public.desk_session OWNER TO latchkey_owner;
