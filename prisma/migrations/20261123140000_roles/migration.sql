-- The roles that Latchkey's processes run as. Roles belong to the whole cluster: another database of it may have made them,
-- or may be making them at this moment.
--
-- The migrating login is a superuser, or a plain login with CREATEROLE, or one whose administrator has run the statements
-- that the errors below name.

DO $$
DECLARE
  wanted text;
  tries int;
  lacks_schema boolean := false;
  -- From Postgres 16 on a member may lack the right to SET ROLE; older servers know membership alone.
  tells_set_apart boolean := current_setting('server_version_num')::int >= 160000;
  is_superuser boolean := (SELECT rolsuper FROM pg_roles WHERE rolname = session_user);
BEGIN
  FOREACH wanted IN ARRAY ARRAY['latchkey_owner', 'latchkey_app', 'latchkey_auditor', 'latchkey_sealer'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
      EXCEPTION
        WHEN duplicate_object OR unique_violation THEN
          NULL; -- another database's migration was faster
        WHEN insufficient_privilege THEN
          RAISE EXCEPTION 'the login % may not create the role %', session_user, wanted
            USING ERRCODE = 'insufficient_privilege',
              HINT = format('Give it CREATEROLE, or have an administrator run: CREATE ROLE latchkey_owner NOLOGIN; CREATE ROLE latchkey_app NOLOGIN; '
                'CREATE ROLE latchkey_auditor NOLOGIN; CREATE ROLE latchkey_sealer NOLOGIN; GRANT latchkey_owner TO %I;', session_user);
      END;
    END IF;

    -- One login for everything starts its connections with `-c role=…`, which asks for the login's own membership.
    IF NOT is_superuser AND NOT pg_has_role(session_user, wanted, CASE WHEN tells_set_apart THEN 'SET' ELSE 'MEMBER' END) THEN
      tries := 0;
      LOOP
        BEGIN
          tries := tries + 1;
          EXECUTE format('GRANT %I TO %I', wanted, session_user)
            || CASE WHEN tells_set_apart THEN format(' WITH INHERIT %s, SET TRUE', CASE wanted WHEN 'latchkey_owner' THEN 'TRUE' ELSE 'FALSE' END) ELSE '' END;
          EXIT;
        EXCEPTION
          WHEN unique_violation OR internal_error THEN
            -- Two migrations of one cluster granted the same membership at once: the second try finds it.
            IF tries >= 5 THEN RAISE; END IF;
          WHEN insufficient_privilege THEN
            -- Only the owner's part is needed to migrate; where each role has a login of its own, the others are not this login's.
            EXIT WHEN wanted <> 'latchkey_owner';
            RAISE EXCEPTION 'the login % is not a member of latchkey_owner and may not make itself one', session_user
              USING ERRCODE = 'insufficient_privilege',
                HINT = format('Have an administrator run: GRANT latchkey_owner TO %I;', session_user);
        END;
      END LOOP;
    END IF;
  END LOOP;

  BEGIN
    IF NOT has_schema_privilege('latchkey_owner', 'public', 'CREATE') THEN
      GRANT CREATE ON SCHEMA public TO latchkey_owner;
    END IF;
    FOREACH wanted IN ARRAY ARRAY['latchkey_owner', 'latchkey_app', 'latchkey_auditor', 'latchkey_sealer'] LOOP
      IF NOT has_schema_privilege(wanted, 'public', 'USAGE') THEN
        EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', wanted);
      END IF;
      -- A grant by a login with some rights of its own, but none to give, is a mere warning.
      lacks_schema := lacks_schema OR NOT has_schema_privilege(wanted, 'public', 'USAGE');
    END LOOP;
  EXCEPTION WHEN insufficient_privilege THEN
    lacks_schema := true;
  END;
  IF lacks_schema OR NOT has_schema_privilege('latchkey_owner', 'public', 'CREATE') THEN
    RAISE EXCEPTION 'the login % may not let Latchkey''s roles use the schema public', session_user
      USING ERRCODE = 'insufficient_privilege',
        HINT = 'Make it the owner of the database, or have the owner run: GRANT CREATE, USAGE ON SCHEMA public TO latchkey_owner; '
          'GRANT USAGE ON SCHEMA public TO latchkey_app, latchkey_auditor, latchkey_sealer;';
  END IF;
END $$;
