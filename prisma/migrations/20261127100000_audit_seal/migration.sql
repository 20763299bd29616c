-- The seal of the audit log: every committed row a leaf of a Merkle tree, and what was signed of it. Append-only, like the log.
-- Not parted by institution: one tree holds the rows of all, and a hash tells nothing of the row under it.

CREATE TABLE public.audit_tree (
  id integer PRIMARY KEY CHECK (id >= 0),
  origin text NOT NULL UNIQUE CHECK (origin <> '' AND origin !~ '[[:cntrl:]]'),
  begun_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  continues text,
  CONSTRAINT first_tree_continues_none CHECK ((id = 0) = (continues IS NULL))
);
COMMENT ON TABLE public.audit_tree IS 'One row a log: the first, and one more after each restore from a backup';
COMMENT ON COLUMN public.audit_tree.origin IS 'The log''s own name in its checkpoints';
COMMENT ON COLUMN public.audit_tree.continues IS 'A signed note about the log before: where it was known to end, and what was found after the restore';

CREATE TABLE public.audit_leaf (
  tree_id integer NOT NULL REFERENCES public.audit_tree,
  index bigint NOT NULL CHECK (index >= 0),
  -- No foreign key: its check would lock, and so write to, every row that is sealed.
  event_id uuid NOT NULL UNIQUE,
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (tree_id, index)
);
COMMENT ON TABLE public.audit_leaf IS 'One row for each sealed audit event, in the order of the tree';
CREATE TABLE public.audit_node (
  tree_id integer NOT NULL REFERENCES public.audit_tree,
  height integer NOT NULL CHECK (height > 0 AND height % 8 = 0),
  index bigint NOT NULL CHECK (index >= 0),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  PRIMARY KEY (tree_id, height, index)
);
COMMENT ON TABLE public.audit_node IS 'Roots of perfect subtrees, so that no proof has to read every leaf: nothing that could not be computed from the leaves';
COMMENT ON COLUMN public.audit_node.height IS 'It stands over two to this power leaves: 256, 65536 and so on';

COMMENT ON COLUMN public.audit_leaf.hash IS 'SHA-256 over a zero byte and the row in RFC 8785 canonical JSON, without position and xid: RFC 6962';

CREATE TABLE public.audit_tree_head (
  tree_id integer NOT NULL REFERENCES public.audit_tree,
  size bigint NOT NULL CHECK (size >= 0),
  root bytea NOT NULL CHECK (octet_length(root) = 32),
  edge bytea NOT NULL CHECK (octet_length(edge) % 32 = 0),
  sealed_below xid8 NOT NULL,
  seen_at timestamptz NOT NULL,
  PRIMARY KEY (tree_id, size)
);
COMMENT ON TABLE public.audit_tree_head IS 'What the tree was after each step; committed before it is signed';
COMMENT ON COLUMN public.audit_tree_head.edge IS 'The perfect subtrees on the right edge, largest first: what it takes to go on';
COMMENT ON COLUMN public.audit_tree_head.sealed_below IS 'Every transaction before this one is sealed or has written nothing';
COMMENT ON COLUMN public.audit_tree_head.seen_at IS 'When the step looked; whatever is sealed later was recorded later';

CREATE TABLE public.audit_checkpoint (
  tree_id integer NOT NULL,
  size bigint NOT NULL,
  note text NOT NULL,
  signed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (tree_id, size),
  FOREIGN KEY (tree_id, size) REFERENCES public.audit_tree_head
);
COMMENT ON TABLE public.audit_checkpoint IS 'The signed notes (C2SP tlog-checkpoint) about the heads that were published';

-- A summary for each sixteen pages costs writers nothing to speak of; rows lie in the order of their transactions, or nearly so.
CREATE INDEX audit_event_by_transaction ON public.audit_event USING brin (((xid::text)::bigint)) WITH (pages_per_range = 16, autosummarize = on);

CREATE FUNCTION public.audit_seal_refuse_change() RETURNS trigger
  LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'LK000';
END $$;
COMMENT ON FUNCTION public.audit_seal_refuse_change() IS 'Refuses UPDATE, DELETE and TRUNCATE to everybody, the owner and superusers included';
REVOKE ALL ON FUNCTION public.audit_seal_refuse_change() FROM PUBLIC;

DO $$
DECLARE
  sealed text;
BEGIN
  FOREACH sealed IN ARRAY ARRAY['audit_tree', 'audit_leaf', 'audit_node', 'audit_tree_head', 'audit_checkpoint'] LOOP
    EXECUTE format('CREATE TRIGGER %I BEFORE UPDATE OR DELETE OR TRUNCATE ON public.%I FOR EACH STATEMENT EXECUTE FUNCTION public.audit_seal_refuse_change()',
      sealed || '_refuse_change', sealed);
    EXECUTE format('ALTER TABLE public.%I ENABLE ALWAYS TRIGGER %I', sealed, sealed || '_refuse_change');
    EXECUTE format('REVOKE ALL ON public.%I FROM PUBLIC', sealed);
    EXECUTE format('GRANT SELECT ON public.%I TO latchkey_auditor, latchkey_sealer', sealed);
    EXECUTE format('GRANT INSERT ON public.%I TO latchkey_sealer', sealed);
    EXECUTE format('ALTER TABLE public.%I OWNER TO latchkey_owner', sealed);
  END LOOP;
END $$;
ALTER FUNCTION public.audit_seal_refuse_change() OWNER TO latchkey_owner;
