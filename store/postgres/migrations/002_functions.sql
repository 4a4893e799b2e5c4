-- A function that the program calls has the version of the schema in its name. A later
-- schema drops it, so that no earlier version of the program goes on writing.

-- Plans are made once, perhaps while tables are empty, and stay. So functions have settings,
-- and statements a form (LATERAL with OFFSET 0, ctid, IS TRUE), that leave the planner one way
-- only: to look up each row by all columns of one index.

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

-- Locks a tenant, or the place of one that is not there, and waits for those who hold it.
CREATE FUNCTION rollbook.lock_1(lock bigint, name bytea) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
SET lock_timeout = '1s'
AS $body$
BEGIN
  LOOP
    PERFORM FROM rollbook.tenant t WHERE t.name = lock_1.name FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    EXIT WHEN rollbook.absence(true, lock, name) = 'absent';
  END LOOP;
END
$body$;

-- Writes batches, each whole or not at all. No two of them are about the same ID or unique
-- key. It checks all before it writes anything.
CREATE FUNCTION rollbook.apply_1(
  wait       boolean,    -- for the locks of the tenants; otherwise they may be held
  names      bytea[],    -- of the tenants, in their order
  locks      bigint[],   -- see absence
  b_tenant   integer[],  -- of batches: the index of the tenant
  b_requires integer[],  -- how many requirements it has
  b_ops      integer[],
  b_claims   integer[],
  r_tenant   integer[],  -- of requirements
  r_revision bigint[],   -- a revision, 0: no record, -1: a free key
  r_name     bytea[],    -- the ID or the key
  o_tenant   integer[],  -- of ops
  o_type     smallint[], -- 1 create, 2 update, 3 delete, 4 remove, 5 remove, though damaged
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
  OUT revisions bigint[],  -- of the last op of each batch; 0: refused, -1: its tenant is held
  OUT refusals  integer[], -- of each refused batch its index, a reason, and an index of what is at fault
  OUT numbers   bigint[],  -- created, revision and due of the record that is in the way
  OUT texts     bytea[]    -- its id, kind, keys and data
)
LANGUAGE plpgsql
SET search_path = pg_catalog
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
AS $body$
DECLARE
  ops        constant integer := cardinality(o_id);
  tenants    constant integer := cardinality(names);
  row        record;
  n          integer[] := array_fill(NULL::integer, ARRAY[tenants]); -- of the tenants
  at         tid[]     := array_fill('(0,0)'::tid, ARRAY[tenants]);
  rev        bigint[]  := array_fill(-1::bigint, ARRAY[tenants]);    -- -1: held
  written    boolean[] := array_fill(false, ARRAY[tenants]);
  missing    boolean := false;
  q_revision bigint[] := array_fill(0::bigint, ARRAY[cardinality(r_name)]);
  q_holder   bytea[];
  s_found    boolean[] := array_fill(false, ARRAY[ops]); -- of the stored records
  s_at       tid[] := array_fill('(0,0)'::tid, ARRAY[ops]);
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
  dead       integer[];  -- claims of keys whose row names no holder, or one that releases it
  timed      integer[];  -- ops that may change a schedule
  any_of     boolean[] := array_fill(false, ARRAY[5]); -- types of ops that are written
  r0 integer := 0;       -- what comes before the batch
  o0 integer := 0;
  c0 integer := 0;
  t integer;
  reason integer;
  about integer;
  blocker bytea;         -- ID of the record in the way
  ours boolean;
BEGIN
  LOOP
    IF wait THEN
      FOR row IN SELECT u.i, x.* FROM unnest(names) WITH ORDINALITY u (name, i)
          CROSS JOIN LATERAL (SELECT x.n, x.revision, x.ctid FROM rollbook.tenant x WHERE x.name = u.name
            FOR NO KEY UPDATE) x LOOP
        n[row.i] := row.n;
        rev[row.i] := row.revision;
        at[row.i] := row.ctid;
      END LOOP;
    ELSE
      FOR row IN SELECT u.i, x.* FROM unnest(names) WITH ORDINALITY u (name, i)
          CROSS JOIN LATERAL (SELECT x.n, x.revision, x.ctid FROM rollbook.tenant x WHERE x.name = u.name
            FOR NO KEY UPDATE SKIP LOCKED) x LOOP
        n[row.i] := row.n;
        rev[row.i] := row.revision;
        at[row.i] := row.ctid;
      END LOOP;
    END IF;
    EXIT WHEN array_position(n, NULL) IS NULL;
    missing := false;
    FOR i IN 1..tenants LOOP
      IF n[i] IS NULL THEN
        CASE rollbook.absence(wait, locks[i], names[i])
          WHEN 'absent' THEN rev[i] := 0;
          WHEN 'there' THEN missing := true;
          ELSE NULL;
        END CASE;
      END IF;
    END LOOP;
    EXIT WHEN NOT missing;
  END LOOP;

  -- Read all that is checked.
  IF cardinality(r_name) > 0 THEN
    FOR row IN SELECT u.i, r.revision, rollbook.damaged(r.keys) AS damaged
        FROM unnest(r_tenant, r_revision, r_name) WITH ORDINALITY u (tenant, revision, id, i)
        CROSS JOIN LATERAL (SELECT * FROM rollbook.record r
          WHERE r.tenant = n[u.tenant] AND r.id = u.id OFFSET 0) r
        WHERE u.revision >= 0 LOOP
      q_revision[row.i] := CASE WHEN row.damaged THEN -1 ELSE row.revision END;
    END LOOP;
    FOR row IN SELECT u.i, r.id
        FROM unnest(r_tenant, r_revision, r_name) WITH ORDINALITY u (tenant, revision, key, i)
        CROSS JOIN LATERAL (SELECT k.id FROM rollbook.key k
          WHERE k.tenant = n[u.tenant] AND k.key = u.key OFFSET 0) k
        CROSS JOIN LATERAL (SELECT r.id FROM rollbook.record r
          WHERE r.tenant = n[u.tenant] AND r.id = k.id OFFSET 0) r
        WHERE u.revision < 0 LOOP
      q_holder[row.i] := row.id;
    END LOOP;
  END IF;
  FOR row IN SELECT u.i, r.*, coalesce(r.keys = u.old, false) AS same, r.kind = u.kind AS kin
      FROM unnest(o_tenant, o_id, o_kind, o_old) WITH ORDINALITY u (tenant, id, kind, old, i)
      CROSS JOIN LATERAL (SELECT r.ctid, r.created, r.revision, r.due, r.kind, r.keys FROM rollbook.record r
        WHERE r.tenant = n[u.tenant] AND r.id = u.id OFFSET 0) r LOOP
    s_found[row.i] := true;
    s_at[row.i] := row.ctid;
    s_created[row.i] := row.created;
    s_revision[row.i] := row.revision;
    s_due[row.i] := row.due;
    s_kind[row.i] := row.kind;
    s_fits[row.i] := row.same AND (row.kin OR o_type[row.i] = 5);
    s_damaged[row.i] := NOT row.same AND rollbook.damaged(row.keys);
  END LOOP;
  IF cardinality(c_key) > 0 THEN
    FOR row IN SELECT u.i, k.id, r.there IS NOT NULL AS there
        FROM unnest(c_op, c_key) WITH ORDINALITY u (op, key, i)
        CROSS JOIN LATERAL (SELECT k.id FROM rollbook.key k
          WHERE k.tenant = n[o_tenant[u.op]] AND k.key = u.key OFFSET 0) k
        LEFT JOIN LATERAL (SELECT true AS there FROM rollbook.record r
          WHERE r.tenant = n[o_tenant[u.op]] AND r.id = k.id OFFSET 0) r ON true LOOP
      h_id[row.i] := row.id;
      h_there[row.i] := row.there;
    END LOOP;
  END IF;

  -- Check each batch. The reasons are those of the program.
  FOR b IN 1..cardinality(b_ops) LOOP
    t := b_tenant[b];
    reason := 0;
    blocker := NULL;
    IF rev[t] < 0 THEN
      reason := -1;
    END IF;
    FOR i IN r0 + 1 .. r0 + b_requires[b] LOOP
      EXIT WHEN reason <> 0;
      about := i - r0 - 1;
      IF r_revision[i] < 0 THEN
        blocker := q_holder[i];
        reason := CASE WHEN blocker IS NULL THEN 0 ELSE 2 END;
      ELSIF r_revision[i] <> q_revision[i] THEN
        reason := 1;
      END IF;
    END LOOP;
    IF reason = 0 THEN
      FOR i IN o0 + 1 .. o0 + b_ops[b] LOOP
        IF o_type[i] = 1 THEN
          CONTINUE WHEN NOT s_found[i];
          reason := CASE WHEN s_damaged[i] THEN 4 ELSE 3 END;
        ELSIF NOT s_found[i] THEN
          reason := 3;
        ELSIF o_type[i] < 4 AND (s_damaged[i] OR s_revision[i] <> o_revision[i]) THEN
          reason := CASE WHEN s_damaged[i] THEN 4 ELSE 3 END;
        ELSE -- what follows is no reason if a later op is stale
          IF reason = 0 AND NOT s_fits[i] THEN
            about := i - o0 - 1;
            reason := CASE WHEN o_type[i] < 4 OR NOT s_damaged[i] AND s_kind[i] <> o_kind[i] THEN 5 ELSE 6 END;
          END IF;
          CONTINUE;
        END IF;
        about := i - o0 - 1;
        blocker := CASE WHEN reason = 4 THEN o_id[i] END;
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

    IF reason = 0 THEN
      FOR i IN o0 + 1 .. o0 + b_ops[b] LOOP
        rev[t] := rev[t] + 1;
        n_revision[i] := rev[t];
        any_of[o_type[i]] := true;
        IF s_found[i] THEN
          n_created[i] := s_created[i];
          IF s_due[i] <> o_due[i] THEN
            timed := timed || i;
          END IF;
        ELSE
          n_created[i] := rev[t];
          IF o_due[i] <> 0 THEN
            timed := timed || i;
          END IF;
        END IF;
      END LOOP;
      FOR i IN c0 + 1 .. c0 + b_claims[b] LOOP
        IF h_id[i] IS NOT NULL THEN
          dead := dead || i;
        END IF;
      END LOOP;
      written[t] := true;
      revisions[b] := rev[t];
    ELSIF reason < 0 THEN
      revisions[b] := -1;
    ELSE
      revisions[b] := 0;
      refusals := refusals || ARRAY[b - 1, reason, about];
      IF blocker IS NULL THEN
        numbers := numbers || ARRAY[0, 0, 0]::bigint[];
        texts := texts || ARRAY['', '', '', '']::bytea[];
      ELSE
        SELECT numbers || ARRAY[r.created, r.revision, r.due], texts || ARRAY[r.id, r.kind, r.keys, r.data]
          INTO numbers, texts
          FROM rollbook.record r WHERE r.tenant = n[t] AND r.id = blocker;
      END IF;
    END IF;
    r0 := r0 + b_requires[b];
    o0 := o0 + b_ops[b];
    c0 := c0 + b_claims[b];
  END LOOP;
  IF true <> ALL (any_of) THEN
    RETURN;
  END IF;

  -- Write what was not refused.
  IF array_position(n, NULL) IS NOT NULL THEN
    FOR i IN 1..tenants LOOP
      IF n[i] IS NULL AND written[i] THEN
        INSERT INTO rollbook.tenant AS x (name, revision) VALUES (names[i], rev[i])
          ON CONFLICT DO NOTHING RETURNING x.n INTO STRICT t;
        n[i] := t;
      END IF;
    END LOOP;
  END IF;
  UPDATE rollbook.tenant x SET revision = u.revision
    FROM unnest(at, rev, written) u (at, revision, written) WHERE x.ctid = u.at AND u.written;
  IF any_of[5] THEN
    DELETE FROM rollbook.key k USING unnest(o_tenant, o_type, o_id, n_revision) u (tenant, type, id, revision)
      WHERE k.tenant = n[u.tenant] AND k.id = u.id AND u.type = 5 AND u.revision > 0;
    DELETE FROM rollbook.term x USING unnest(o_tenant, o_type, n_created, n_revision) u (tenant, type, created, revision)
      WHERE x.tenant = n[u.tenant] AND x.created = u.created AND u.type = 5 AND u.revision > 0;
  END IF;
  IF any_of[3] OR any_of[4] OR any_of[5] THEN
    DELETE FROM rollbook.record r USING unnest(o_type, s_at, n_revision) u (type, at, revision)
      WHERE r.ctid = u.at AND u.type >= 3 AND u.revision > 0;
  END IF;
  IF any_of[2] THEN
    UPDATE rollbook.record r SET revision = u.revision, due = u.due, keys = u.keys, data = u.data
      FROM unnest(o_type, s_at, o_due, o_keys, o_data, n_revision) u (type, at, due, keys, data, revision)
      WHERE r.ctid = u.at AND u.type = 2 AND u.revision > 0;
  END IF;
  IF any_of[1] THEN
    INSERT INTO rollbook.record (tenant, created, revision, due, kind, id, keys, data)
      SELECT n[u.tenant], u.revision, u.revision, u.due, u.kind, u.id, u.keys, u.data
      FROM unnest(o_tenant, o_type, o_due, o_kind, o_id, o_keys, o_data, n_revision)
        u (tenant, type, due, kind, id, keys, data, revision)
      WHERE u.type = 1 AND u.revision > 0;
  END IF;
  IF cardinality(k_key) > 0 OR dead IS NOT NULL THEN
    DELETE FROM rollbook.key k
      USING (SELECT u.op, u.key FROM unnest(k_op, k_key) u (op, key) WHERE n_revision[u.op] > 0
             UNION ALL SELECT c_op[u.i], c_key[u.i] FROM unnest(dead) u (i)) u
      CROSS JOIN LATERAL (SELECT k.ctid FROM rollbook.key k
        WHERE k.tenant = n[o_tenant[u.op]] AND k.key = u.key OFFSET 0) o
      WHERE k.ctid = o.ctid;
  END IF;
  IF cardinality(c_key) > 0 THEN
    INSERT INTO rollbook.key (tenant, key, id)
      SELECT n[o_tenant[u.op]], u.key, o_id[u.op] FROM unnest(c_op, c_key) u (op, key) WHERE n_revision[u.op] > 0;
  END IF;
  IF cardinality(u_term) > 0 THEN
    DELETE FROM rollbook.term x USING unnest(u_op, u_term) u (op, term)
      CROSS JOIN LATERAL (SELECT x.ctid FROM rollbook.term x
        WHERE x.tenant = n[o_tenant[u.op]] AND x.term = u.term AND x.created = n_created[u.op] OFFSET 0) o
      WHERE x.ctid = o.ctid AND n_revision[u.op] > 0;
  END IF;
  IF cardinality(t_term) > 0 THEN
    INSERT INTO rollbook.term (tenant, term, created)
      SELECT n[o_tenant[u.op]], u.term, n_created[u.op] FROM unnest(t_op, t_term) u (op, term) WHERE n_revision[u.op] > 0;
  END IF;
  INSERT INTO rollbook.change (tenant, revision, type, kind, id, note)
    SELECT n[u.tenant], u.revision, least(u.type, 3), u.kind, u.id, u.note
    FROM unnest(o_tenant, o_type, o_kind, o_id, o_note, n_revision) u (tenant, type, kind, id, note, revision)
    WHERE u.note IS NOT NULL AND u.revision > 0;
  IF timed IS NOT NULL THEN
    PERFORM rollbook.reschedule(n[x.t], names[x.t], x.kind)
      FROM (SELECT DISTINCT o_tenant[u.i] AS t, coalesce(s_kind[u.i], o_kind[u.i]) AS kind FROM unnest(timed) u (i)) x;
  END IF;
END
$body$;

-- Writes a batch of one op, which creates a record or replaces the body of one: what most
-- batches are. Whatever stands in the way it leaves to apply_1, which says what it is. It has no
-- search path of its own, which would cost it time: functions that take any array are named in
-- full, since one of another schema for bytea[] would fit better.
CREATE FUNCTION rollbook.put_1(
  wait     boolean, -- as for apply_1
  lock     bigint,
  name     bytea,
  revision bigint,  -- of the stored record, as expected; 0: none
  due      bigint,  -- of the new record and the stored one
  kind     bytea,
  id       bytea,
  keys     bytea,   -- as due
  data     bytea,
  note     bytea,
  claims   bytea[], -- unique keys of a new record
  terms    bytea[],
  OUT revisions bigint[], OUT refusals integer[], OUT numbers bigint[], OUT texts bytea[])
LANGUAGE plpgsql
SET enable_seqscan = off
AS $body$
DECLARE
  tenant_n integer;
  tenant_at tid;
  rev bigint;
BEGIN
  <<simple>>
  BEGIN
    IF wait THEN
      SELECT t.n, t.ctid, t.revision + 1 INTO tenant_n, tenant_at, rev FROM rollbook.tenant t
        WHERE t.name = put_1.name FOR NO KEY UPDATE;
    ELSE
      SELECT t.n, t.ctid, t.revision + 1 INTO tenant_n, tenant_at, rev FROM rollbook.tenant t
        WHERE t.name = put_1.name FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    EXIT simple WHEN NOT FOUND;
    IF put_1.revision > 0 THEN
      UPDATE rollbook.record r SET revision = rev, data = put_1.data
        WHERE r.tenant = tenant_n AND r.id = put_1.id
          AND (r.revision = put_1.revision AND r.due = put_1.due AND r.kind = put_1.kind AND r.keys = put_1.keys) IS TRUE;
      EXIT simple WHEN NOT FOUND;
    ELSE
      INSERT INTO rollbook.record (tenant, created, revision, due, kind, id, keys, data)
        VALUES (tenant_n, rev, rev, put_1.due, put_1.kind, put_1.id, put_1.keys, put_1.data)
        ON CONFLICT DO NOTHING;
      EXIT simple WHEN NOT FOUND;
      FOR i IN 1 .. pg_catalog.cardinality(claims) LOOP
        INSERT INTO rollbook.key (tenant, key, id) VALUES (tenant_n, claims[i], put_1.id) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
          DELETE FROM rollbook.record r WHERE r.tenant = tenant_n AND r.id = put_1.id;
          DELETE FROM rollbook.key k WHERE k.tenant = tenant_n AND k.key = ANY (claims[1 : i - 1]);
          EXIT simple;
        END IF;
      END LOOP;
      INSERT INTO rollbook.term (tenant, term, created) SELECT tenant_n, pg_catalog.unnest(terms), rev;
    END IF;
    IF note IS NOT NULL THEN
      INSERT INTO rollbook.change (tenant, revision, type, kind, id, note)
        VALUES (tenant_n, rev, CASE WHEN put_1.revision > 0 THEN 2 ELSE 1 END, put_1.kind, put_1.id, put_1.note);
    END IF;
    UPDATE rollbook.tenant t SET revision = rev WHERE t.ctid = tenant_at;
    revisions := ARRAY[rev];
    RETURN;
  END;
  SELECT a.* INTO revisions, refusals, numbers, texts FROM rollbook.apply_1(
    wait, ARRAY[name], ARRAY[lock], '{1}', '{0}', '{1}', ARRAY[pg_catalog.cardinality(claims)], '{}', '{}', '{}',
    '{1}', ARRAY[CASE WHEN put_1.revision > 0 THEN 2 ELSE 1 END]::smallint[], ARRAY[put_1.revision],
    ARRAY[CASE WHEN put_1.revision > 0 THEN put_1.keys END], ARRAY[due], ARRAY[kind], ARRAY[id], ARRAY[keys],
    ARRAY[data], ARRAY[note], pg_catalog.array_fill(1, ARRAY[pg_catalog.cardinality(claims)]), claims,
    pg_catalog.array_fill(false, ARRAY[pg_catalog.cardinality(claims)]), '{}', '{}', pg_catalog.array_fill(1, ARRAY[pg_catalog.cardinality(terms)]), terms, '{}', '{}') a;
END
$body$;

-- Brings the earliest due of a tenant and kind up to date.
CREATE FUNCTION rollbook.reschedule(tenant_n integer, tenant_name bytea, of_kind bytea) RETURNS void
LANGUAGE plpgsql
SET search_path = pg_catalog
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $body$
DECLARE
  earliest bigint;
BEGIN
  SELECT r.due INTO earliest FROM rollbook.record r
    WHERE r.tenant = tenant_n AND r.kind = of_kind AND r.due > 0 ORDER BY r.due LIMIT 1;
  IF FOUND THEN
    INSERT INTO rollbook.schedule AS s (kind, tenant, due) VALUES (of_kind, tenant_name, earliest)
      ON CONFLICT (kind, tenant) DO UPDATE SET due = excluded.due WHERE s.due <> excluded.due;
  ELSE
    DELETE FROM rollbook.schedule s WHERE s.kind = of_kind AND s.tenant = tenant_name;
  END IF;
END
$body$;

-- Forgets up to a number of entries of a feed before the newest one at or before a place.
CREATE FUNCTION rollbook.trim_1(
  wait boolean, name bytea, through bigint, step integer,
  OUT held boolean, OUT forgotten integer)
LANGUAGE plpgsql
SET search_path = pg_catalog
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
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
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
SET enable_hashjoin = off
SET enable_mergejoin = off
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
