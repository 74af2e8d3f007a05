-- The role of `mobility serve`: it reads tables and results in PostGIS and changes nothing.
--
-- The compose file runs this when the database is created. Elsewhere, run it as the role that loads,
-- which needs the right to create roles, in its database; repeating it does no harm:
--
--   SERVE_POSTGIS_PASSWORD=... psql --file deploy/postgis/serve-role.sql mobility
--
-- --set schema=NAME names another schema than public, --set role=NAME another role than mobility_serve.

\set ON_ERROR_STOP on
\getenv password SERVE_POSTGIS_PASSWORD
\if :{?password}
\else
  \warn 'set SERVE_POSTGIS_PASSWORD to the password of the role'
  DO $$ BEGIN RAISE EXCEPTION 'no password'; END $$;
\endif
\if :{?schema}
\else
  \set schema public
\endif
\if :{?role}
\else
  \set role mobility_serve
\endif

SELECT format('CREATE ROLE %I', :'role')
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN NOCREATEDB NOCREATEROLE PASSWORD :'password';
ALTER ROLE :"role" SET default_transaction_read_only = on;
CREATE SCHEMA IF NOT EXISTS :"schema";
GRANT USAGE ON SCHEMA :"schema" TO :"role";
GRANT SELECT ON ALL TABLES IN SCHEMA :"schema" TO :"role";
-- what later loads create
ALTER DEFAULT PRIVILEGES IN SCHEMA :"schema" GRANT SELECT ON TABLES TO :"role";
