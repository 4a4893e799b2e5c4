-- Returns text of any bytes. What is not valid in the encoding of the database, or has a
-- NUL, is escaped as octal numbers.
CREATE FUNCTION rollbook.readable(value bytea) RETURNS text
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog
AS $body$
BEGIN
  RETURN convert_from(value, 'UTF8');
EXCEPTION WHEN OTHERS THEN
  RETURN encode(value, 'escape');
END
$body$;

-- For people and reports; see "Reading with SQL" in the package documentation.
CREATE VIEW rollbook.rollbook_records AS
  SELECT rollbook.readable(t.name) AS tenant, rollbook.readable(r.kind) AS kind, rollbook.readable(r.id) AS id,
         r.created, r.revision, r.due, rollbook.readable(r.data) AS data
    FROM rollbook.record r JOIN rollbook.tenant t ON t.n = r.tenant;

-- Returns what a body holds, or NULL if it is not JSON. PostgreSQL's JSON has no NUL: it
-- becomes U+FFFD.
CREATE FUNCTION rollbook.readable_json(value bytea) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE
SET search_path = pg_catalog
AS $body$
BEGIN
  RETURN convert_from(value, 'UTF8')::jsonb;
EXCEPTION WHEN OTHERS THEN
  BEGIN
    RETURN regexp_replace(convert_from(value, 'UTF8'), '(?<!\\)((\\\\)*)\\u0000', '\1\\ufffd', 'g')::jsonb;
  EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
  END;
END
$body$;

-- The users that package enduser keeps, for joins with the tables of a host: by tenant and id,
-- which looks at all users, or by tenant_bytes and id_bytes, which have an index. See "Reading
-- with SQL" in the package documentation.
CREATE VIEW rollbook.rollbook_users AS
  SELECT rollbook.readable(tenant_bytes) AS tenant,
         rollbook.readable(id_bytes) AS id,
         body ->> 'external_id' AS external_id,
         coalesce(body ->> 'name', nullif(concat_ws(' ', body ->> 'first_name', body ->> 'last_name'), '')) AS name,
         body ->> 'email' AS email,
         revision,
         substring(body ->> 'created_at' FROM '^\d{1,18}$')::bigint AS created_at,
         substring(body ->> 'updated_at' FROM '^\d{1,18}$')::bigint AS updated_at,
         nullif(due, 0) AS expires_at,
         body, tenant_bytes, id_bytes
    FROM (SELECT t.name AS tenant_bytes, r.id AS id_bytes, r.revision, r.due, rollbook.readable_json(r.data) AS body
            FROM rollbook.record r JOIN rollbook.tenant t ON t.n = r.tenant
           WHERE r.kind = 'user') AS users;
