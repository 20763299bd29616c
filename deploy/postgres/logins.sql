-- A login for each role, in the database that this runs in. The superuser runs it before every start: what is there stays, and
-- passwords become what the environment says. They come as settings of the session: latchkey.migrator_password and so on.

DO $$
DECLARE
  role_name text;
  login record;
  password text;
BEGIN
  FOREACH role_name IN ARRAY ARRAY['latchkey_owner', 'latchkey_app', 'latchkey_auditor', 'latchkey_sealer'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
    END IF;
    EXECUTE format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role_name);
    EXECUTE format('GRANT USAGE ON SCHEMA public TO %I', role_name);
  END LOOP;

  FOR login IN
    SELECT * FROM (VALUES
      ('latchkey_migrator', 'latchkey_owner', 'latchkey.migrator_password'),
      ('latchkey_service', 'latchkey_app', 'latchkey.service_password'),
      ('latchkey_reviewer', 'latchkey_auditor', 'latchkey.reviewer_password'),
      ('latchkey_notary', 'latchkey_sealer', 'latchkey.notary_password'),
      ('temporal', NULL, 'latchkey.temporal_password')
    ) AS logins (name, member_of, setting)
  LOOP
    password := current_setting(login.setting);
    IF password !~ '^[A-Za-z0-9._~-]{16,}$' THEN
      RAISE EXCEPTION 'the password of % must have 16 characters or more, of those that a URL takes as they are', login.name
        USING HINT = 'Make one with: openssl rand -hex 24';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = login.name) THEN
      EXECUTE format('CREATE ROLE %I', login.name);
    END IF;
    EXECUTE format('ALTER ROLE %I LOGIN NOSUPERUSER NOCREATEROLE PASSWORD %L', login.name, password);
    IF login.member_of IS NOT NULL THEN
      EXECUTE format('GRANT %I TO %I', login.member_of, login.name);
    END IF;
  END LOOP;

  -- Temporal's schema job makes its own two databases; the audit log is none of its business.
  ALTER ROLE temporal CREATEDB;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  GRANT CREATE ON SCHEMA public TO latchkey_owner;
END
$$;
