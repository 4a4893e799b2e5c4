-- A function that the program calls has the version of the schema in its name. A later
-- schema drops it, so that no earlier version of the program goes on writing.

-- Reports whether the keys of a record do not have their checksum.
CREATE FUNCTION rollbook.damaged(keys bytea) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $body$
  SELECT length(keys) < 8
      OR substring(keys FOR 8) <> substring(sha256(substring(keys FROM 9)) FOR 8)
$body$;

-- Tells why a tenant's row could not be locked: it is 'absent', and no other transaction
-- can insert it now; or another transaction has it, 'held'; or it is 'there' after all. An
-- advisory lock stands for the row until it is there, so that no insertion waits for another.
CREATE FUNCTION rollbook.absence(wait boolean, lock bigint, name bytea) RETURNS text
LANGUAGE plpgsql
SET search_path = pg_catalog
AS $body$
BEGIN
  FOR attempt IN 1..2 LOOP
    PERFORM FROM rollbook.tenant t WHERE t.name = absence.name;
    IF FOUND THEN
      RETURN CASE WHEN wait THEN 'there' ELSE 'held' END;
    END IF;
    IF wait THEN
      PERFORM pg_advisory_xact_lock(lock);
    ELSIF NOT pg_try_advisory_xact_lock(lock) THEN
      RETURN 'held';
    END IF;
  END LOOP;
  RETURN 'absent';
END
$body$;

-- Writes batches of a tenant, each whole or not at all. No two of them are about the same
-- ID or unique key. It checks all before it writes anything.
CREATE FUNCTION rollbook.apply_1(
  wait       boolean,    -- for the lock of the tenant; otherwise it may be held
  lock       bigint,     -- see absence
  name       bytea,
  b_requires integer[],  -- how many requirements each batch has
  b_ops      integer[],
  b_claims   integer[],
  r_revision bigint[],   -- of requirements: a revision, 0: no record, -1: a free key
  r_name     bytea[],    -- the ID or the key
  o_type     smallint[], -- of ops: 1 create, 2 update, 3 delete, 4 remove, 5 remove, though damaged
  o_revision bigint[],   -- of the stored record, as expected
  o_old      bytea[],    -- the keys of the stored record, as expected
  o_due      bigint[],
  o_kind     bytea[],
  o_id       bytea[],
  o_keys     bytea[],
  o_data     bytea[],
  o_note     bytea[],
  c_op       integer[],  -- of unique keys that are claimed, in the order of the ops
  c_key      bytea[],
  c_twice    boolean[],  -- an earlier op of the batch claims it, too
  k_op       integer[],  -- of unique keys that are released
  k_key      bytea[],
  t_op       integer[],  -- of terms that are added
  t_term     bytea[],
  u_op       integer[],  -- of terms that are removed
  u_term     bytea[],
  OUT held      boolean,
  OUT revisions bigint[],  -- of the last op of each batch; 0: refused
  OUT refusals  integer[], -- of each refused batch its index, a reason, and an index of what is at fault
  OUT numbers   bigint[],  -- created, revision and due of the record that is in the way
  OUT texts     bytea[]    -- its id, kind, keys and data
)
LANGUAGE plpgsql
SET search_path = pg_catalog
SET enable_seqscan = off
AS $body$
DECLARE
  ops        constant integer := cardinality(o_id);
  tenant_n   integer;
  rev        bigint;
  row        record;
  q_revision bigint[] := array_fill(0::bigint, ARRAY[cardinality(r_name)]);
  q_holder   bytea[];
  s_found    boolean[] := array_fill(false, ARRAY[ops]); -- of the stored records
  s_damaged  boolean[];
  s_fits     boolean[];
  s_kind     bytea[];
  s_created  bigint[];
  s_revision bigint[];
  s_due      bigint[];
  h_id       bytea[] := array_fill(NULL::bytea, ARRAY[cardinality(c_key)]); -- of the holders of claimed keys
  h_there    boolean[];
  n_revision bigint[] := array_fill(0::bigint, ARRAY[ops]); -- of the new records
  n_created  bigint[] := array_fill(0::bigint, ARRAY[ops]);
  dead       bytea[];   -- keys whose holder does not hold them
  timed      bytea[];   -- kinds whose schedule may have changed
  any_of     boolean[] := array_fill(false, ARRAY[5]); -- types of ops that are written
  r0 integer := 0;      -- what comes before the batch
  o0 integer := 0;
  c0 integer := 0;
  reason integer;
  about integer;
  blocker bytea;        -- ID of the record in the way
  ours boolean;
BEGIN
  held := false;
  LOOP
    IF wait THEN
      SELECT t.n, t.revision INTO tenant_n, rev FROM rollbook.tenant t
        WHERE t.name = apply_1.name FOR NO KEY UPDATE;
    ELSE
      SELECT t.n, t.revision INTO tenant_n, rev FROM rollbook.tenant t
        WHERE t.name = apply_1.name FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    EXIT WHEN FOUND;
    CASE rollbook.absence(wait, lock, name)
      WHEN 'held' THEN
        held := true;
        RETURN;
      WHEN 'absent' THEN
        rev := 0;
        EXIT;
      ELSE
        NULL;
    END CASE;
  END LOOP;

  -- Read all that is checked.
  IF tenant_n IS NOT NULL THEN
    IF cardinality(r_name) > 0 THEN
      FOR row IN SELECT u.i, r.revision, rollbook.damaged(r.keys) AS damaged
          FROM unnest(r_revision, r_name) WITH ORDINALITY u (revision, id, i)
          JOIN rollbook.record r ON r.tenant = tenant_n AND r.id = u.id
          WHERE u.revision >= 0 LOOP
        q_revision[row.i] := CASE WHEN row.damaged THEN -1 ELSE row.revision END;
      END LOOP;
      FOR row IN SELECT u.i, r.id
          FROM unnest(r_revision, r_name) WITH ORDINALITY u (revision, key, i)
          JOIN rollbook.key k ON k.tenant = tenant_n AND k.key = u.key
          JOIN rollbook.record r ON r.tenant = tenant_n AND r.id = k.id
          WHERE u.revision < 0 LOOP
        q_holder[row.i] := row.id;
      END LOOP;
    END IF;
    FOR row IN SELECT u.i, r.created, r.revision, r.due, r.kind, r.kind = u.kind AS same,
          r.keys = u.old AS fits, CASE WHEN r.keys <> u.old OR u.old IS NULL THEN rollbook.damaged(r.keys) END AS damaged
        FROM unnest(o_id, o_kind, o_old) WITH ORDINALITY u (id, kind, old, i)
        JOIN rollbook.record r ON r.tenant = tenant_n AND r.id = u.id LOOP
      s_found[row.i] := true;
      s_created[row.i] := row.created;
      s_revision[row.i] := row.revision;
      s_due[row.i] := row.due;
      s_kind[row.i] := row.kind;
      s_fits[row.i] := coalesce(row.fits, false) AND (row.same OR o_type[row.i] = 5);
      s_damaged[row.i] := coalesce(row.damaged, false);
    END LOOP;
    IF cardinality(c_key) > 0 THEN
      FOR row IN SELECT u.i, k.id, r.id IS NOT NULL AS there
          FROM unnest(c_key) WITH ORDINALITY u (key, i)
          JOIN rollbook.key k ON k.tenant = tenant_n AND k.key = u.key
          LEFT JOIN rollbook.record r ON r.tenant = tenant_n AND r.id = k.id LOOP
        h_id[row.i] := row.id;
        h_there[row.i] := row.there;
      END LOOP;
    END IF;
  END IF;

  -- Check each batch. The reasons are those of the program.
  FOR b IN 1..cardinality(b_ops) LOOP
    reason := 0;
    blocker := NULL;
    FOR i IN r0 + 1 .. r0 + b_requires[b] LOOP
      IF r_revision[i] < 0 THEN
        blocker := q_holder[i];
        reason := CASE WHEN blocker IS NULL THEN 0 ELSE 2 END;
      ELSIF r_revision[i] <> q_revision[i] THEN
        reason := 1;
      END IF;
      IF reason > 0 THEN
        about := i - r0 - 1;
        EXIT;
      END IF;
    END LOOP;
    IF reason = 0 THEN
      FOR i IN o0 + 1 .. o0 + b_ops[b] LOOP
        IF s_found[i] AND s_damaged[i] AND o_type[i] < 4 THEN
          reason := 4;
          blocker := o_id[i];
        ELSIF s_found[i] = (o_type[i] = 1) OR o_type[i] < 4 AND s_found[i] AND s_revision[i] <> o_revision[i] THEN
          reason := 3;
        ELSIF reason = 0 AND s_found[i] AND NOT s_fits[i] THEN
          reason := CASE WHEN o_type[i] < 4 OR o_old[i] IS NOT NULL AND NOT s_damaged[i] AND s_kind[i] <> o_kind[i] THEN 5 ELSE 6 END;
          about := i - o0 - 1;
          CONTINUE;
        ELSE
          CONTINUE;
        END IF;
        about := i - o0 - 1;
        EXIT;
      END LOOP;
    END IF;
    IF reason = 0 THEN
      FOR i IN c0 + 1 .. c0 + b_claims[b] LOOP
        IF c_twice[i] THEN
          reason := 8;
        ELSIF h_id[i] IS NOT NULL THEN
          ours := NOT h_there[i];
          FOR j IN o0 + 1 .. o0 + b_ops[b] LOOP
            EXIT WHEN ours;
            ours := o_id[j] = h_id[i];
          END LOOP;
          IF NOT ours THEN
            reason := 7;
            blocker := h_id[i];
          END IF;
        END IF;
        IF reason > 0 THEN
          about := i - c0 - 1;
          EXIT;
        END IF;
      END LOOP;
    END IF;

    IF reason > 0 THEN
      revisions[b] := 0;
      refusals := refusals || ARRAY[b - 1, reason, about];
      IF blocker IS NULL THEN
        numbers := numbers || ARRAY[0, 0, 0]::bigint[];
        texts := texts || ARRAY['', '', '', '']::bytea[];
      ELSE
        SELECT numbers || ARRAY[r.created, r.revision, r.due], texts || ARRAY[r.id, r.kind, r.keys, r.data]
          INTO numbers, texts
          FROM rollbook.record r WHERE r.tenant = tenant_n AND r.id = blocker;
      END IF;
    ELSE
      FOR i IN o0 + 1 .. o0 + b_ops[b] LOOP
        rev := rev + 1;
        n_revision[i] := rev;
        any_of[o_type[i]] := true;
        IF s_found[i] THEN
          n_created[i] := s_created[i];
          IF s_due[i] <> o_due[i] THEN
            timed := timed || s_kind[i];
          END IF;
        ELSE
          n_created[i] := rev;
          IF o_due[i] <> 0 THEN
            timed := timed || o_kind[i];
          END IF;
        END IF;
      END LOOP;
      FOR i IN c0 + 1 .. c0 + b_claims[b] LOOP
        IF h_id[i] IS NOT NULL THEN
          dead := dead || c_key[i];
        END IF;
      END LOOP;
      revisions[b] := rev;
    END IF;
    r0 := r0 + b_requires[b];
    o0 := o0 + b_ops[b];
    c0 := c0 + b_claims[b];
  END LOOP;
  IF true <> ALL (any_of) THEN
    RETURN;
  END IF;

  -- Write what was not refused.
  IF tenant_n IS NULL THEN
    INSERT INTO rollbook.tenant (name, revision) VALUES (apply_1.name, rev)
      ON CONFLICT DO NOTHING RETURNING n INTO STRICT tenant_n;
  ELSE
    UPDATE rollbook.tenant t SET revision = rev WHERE t.n = tenant_n;
  END IF;
  IF any_of[5] THEN
    DELETE FROM rollbook.key k USING unnest(o_type, o_id, n_revision) u (type, id, revision)
      WHERE k.tenant = tenant_n AND k.id = u.id AND u.type = 5 AND u.revision > 0;
    DELETE FROM rollbook.term t USING unnest(o_type, n_created, n_revision) u (type, created, revision)
      WHERE t.tenant = tenant_n AND t.created = u.created AND u.type = 5 AND u.revision > 0;
  END IF;
  IF any_of[3] OR any_of[4] OR any_of[5] THEN
    DELETE FROM rollbook.record r USING unnest(o_type, o_id, n_revision) u (type, id, revision)
      WHERE r.tenant = tenant_n AND r.id = u.id AND u.type >= 3 AND u.revision > 0;
  END IF;
  IF any_of[2] THEN
    UPDATE rollbook.record r SET revision = u.revision, due = u.due, keys = u.keys, data = u.data
      FROM unnest(o_type, o_id, o_due, o_keys, o_data, n_revision) u (type, id, due, keys, data, revision)
      WHERE r.tenant = tenant_n AND r.id = u.id AND u.type = 2 AND u.revision > 0;
  END IF;
  IF any_of[1] THEN
    INSERT INTO rollbook.record (tenant, created, revision, due, kind, id, keys, data)
      SELECT tenant_n, u.revision, u.revision, u.due, u.kind, u.id, u.keys, u.data
      FROM unnest(o_type, o_due, o_kind, o_id, o_keys, o_data, n_revision) u (type, due, kind, id, keys, data, revision)
      WHERE u.type = 1 AND u.revision > 0;
  END IF;
  IF cardinality(k_key) > 0 OR dead IS NOT NULL THEN
    DELETE FROM rollbook.key k
      USING (SELECT u.key FROM unnest(k_op, k_key) u (op, key) WHERE n_revision[u.op] > 0
             UNION ALL SELECT unnest(dead)) u (key)
      WHERE k.tenant = tenant_n AND k.key = u.key;
  END IF;
  IF cardinality(c_key) > 0 THEN
    INSERT INTO rollbook.key (tenant, key, id)
      SELECT tenant_n, u.key, o_id[u.op] FROM unnest(c_op, c_key) u (op, key) WHERE n_revision[u.op] > 0;
  END IF;
  IF cardinality(u_term) > 0 THEN
    DELETE FROM rollbook.term t USING unnest(u_op, u_term) u (op, term)
      WHERE t.tenant = tenant_n AND t.term = u.term AND t.created = n_created[u.op] AND n_revision[u.op] > 0;
  END IF;
  IF cardinality(t_term) > 0 THEN
    INSERT INTO rollbook.term (tenant, term, created)
      SELECT tenant_n, u.term, n_created[u.op] FROM unnest(t_op, t_term) u (op, term) WHERE n_revision[u.op] > 0;
  END IF;
  INSERT INTO rollbook.change (tenant, revision, type, kind, id, note)
    SELECT tenant_n, u.revision, least(u.type, 3), u.kind, u.id, u.note
    FROM unnest(o_type, o_kind, o_id, o_note, n_revision) u (type, kind, id, note, revision)
    WHERE u.note IS NOT NULL AND u.revision > 0;
  IF timed IS NOT NULL THEN
    PERFORM rollbook.reschedule(tenant_n, timed);
  END IF;
END
$body$;

-- Brings the earliest due of some kinds up to date.
CREATE FUNCTION rollbook.reschedule(tenant_n integer, kinds bytea[]) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
SET enable_seqscan = off
AS $body$
DECLARE
  of_kind bytea;
  earliest bigint;
BEGIN
  FOR of_kind IN SELECT DISTINCT unnest(kinds) LOOP
    SELECT r.due INTO earliest FROM rollbook.record r
      WHERE r.tenant = tenant_n AND r.kind = of_kind AND r.due > 0 ORDER BY r.due LIMIT 1;
    IF FOUND THEN
      INSERT INTO rollbook.schedule AS s (kind, tenant, due) VALUES (of_kind, tenant_n, earliest)
        ON CONFLICT (kind, tenant) DO UPDATE SET due = excluded.due WHERE s.due <> excluded.due;
    ELSE
      DELETE FROM rollbook.schedule s WHERE s.kind = of_kind AND s.tenant = tenant_n;
    END IF;
  END LOOP;
END
$body$;

-- Forgets up to a number of entries of a feed before the newest one at or before a place.
CREATE FUNCTION rollbook.trim_1(
  wait boolean, name bytea, through bigint, step integer,
  OUT held boolean, OUT forgotten integer)
LANGUAGE plpgsql
SET search_path = pg_catalog
SET enable_seqscan = off
AS $body$
DECLARE
  tenant_n integer;
  newest bigint;
  last bigint;
BEGIN
  forgotten := 0;
  IF wait THEN
    SELECT t.n INTO tenant_n FROM rollbook.tenant t WHERE t.name = trim_1.name FOR NO KEY UPDATE;
  ELSE
    SELECT t.n INTO tenant_n FROM rollbook.tenant t WHERE t.name = trim_1.name FOR NO KEY UPDATE SKIP LOCKED;
  END IF;
  IF NOT FOUND THEN
    PERFORM FROM rollbook.tenant t WHERE t.name = trim_1.name;
    held := FOUND;
    RETURN;
  END IF;
  held := false;
  SELECT c.revision INTO newest FROM rollbook.change c
    WHERE c.tenant = tenant_n AND c.revision <= through ORDER BY c.revision DESC LIMIT 1;
  SELECT max(o.revision), count(*) INTO last, forgotten FROM (
    SELECT c.revision FROM rollbook.change c
      WHERE c.tenant = tenant_n AND c.revision < newest ORDER BY c.revision LIMIT step) o;
  IF forgotten > 0 THEN
    DELETE FROM rollbook.change c WHERE c.tenant = tenant_n AND c.revision <= last;
    UPDATE rollbook.tenant t SET trimmed = last WHERE t.n = tenant_n;
  END IF;
END
$body$;

-- Removes the row of a unique key that its holder, at this revision, does not list.
CREATE FUNCTION rollbook.disown_1(wait boolean, name bytea, key bytea, id bytea, revision bigint, OUT held boolean)
LANGUAGE plpgsql
SET search_path = pg_catalog
SET enable_seqscan = off
AS $body$
DECLARE
  tenant_n integer;
BEGIN
  IF wait THEN
    SELECT t.n INTO tenant_n FROM rollbook.tenant t WHERE t.name = disown_1.name FOR NO KEY UPDATE;
  ELSE
    SELECT t.n INTO tenant_n FROM rollbook.tenant t WHERE t.name = disown_1.name FOR NO KEY UPDATE SKIP LOCKED;
  END IF;
  held := NOT FOUND;
  DELETE FROM rollbook.key k WHERE k.tenant = tenant_n AND k.key = disown_1.key AND k.id = disown_1.id
    AND EXISTS (SELECT FROM rollbook.record r
      WHERE r.tenant = tenant_n AND r.id = disown_1.id AND r.revision = disown_1.revision);
END
$body$;

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
