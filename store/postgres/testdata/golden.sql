SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA rollbook;
CREATE FUNCTION rollbook.absence(wait boolean, lock bigint, name bytea) RETURNS text
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    AS $$
BEGIN
  FOR attempt IN 1..2 LOOP
    PERFORM FROM "rollbook".tenant t WHERE t.name = absence.name;
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
$$;
CREATE FUNCTION rollbook.apply_1(wait boolean, names bytea[], locks bigint[], b_tenant integer[], b_requires integer[], b_ops integer[], b_claims integer[], r_tenant integer[], r_revision bigint[], r_name bytea[], o_tenant integer[], o_type smallint[], o_revision bigint[], o_old bytea[], o_due bigint[], o_kind bytea[], o_id bytea[], o_keys bytea[], o_data bytea[], o_note bytea[], c_op integer[], c_key bytea[], c_twice boolean[], k_op integer[], k_key bytea[], t_op integer[], t_term bytea[], u_op integer[], u_term bytea[], OUT revisions bigint[], OUT refusals integer[], OUT numbers bigint[], OUT texts bytea[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
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
          CROSS JOIN LATERAL (SELECT x.n, x.revision, x.ctid FROM "rollbook".tenant x WHERE x.name = u.name
            FOR NO KEY UPDATE) x LOOP
        n[row.i] := row.n;
        rev[row.i] := row.revision;
        at[row.i] := row.ctid;
      END LOOP;
    ELSE
      FOR row IN SELECT u.i, x.* FROM unnest(names) WITH ORDINALITY u (name, i)
          CROSS JOIN LATERAL (SELECT x.n, x.revision, x.ctid FROM "rollbook".tenant x WHERE x.name = u.name
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
        CASE "rollbook".absence(wait, locks[i], names[i])
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
    FOR row IN SELECT u.i, r.revision, "rollbook".damaged(r.keys) AS damaged
        FROM unnest(r_tenant, r_revision, r_name) WITH ORDINALITY u (tenant, revision, id, i)
        CROSS JOIN LATERAL (SELECT * FROM "rollbook".record r
          WHERE r.tenant = n[u.tenant] AND r.id = u.id OFFSET 0) r
        WHERE u.revision >= 0 LOOP
      q_revision[row.i] := CASE WHEN row.damaged THEN -1 ELSE row.revision END;
    END LOOP;
    FOR row IN SELECT u.i, r.id
        FROM unnest(r_tenant, r_revision, r_name) WITH ORDINALITY u (tenant, revision, key, i)
        CROSS JOIN LATERAL (SELECT k.id FROM "rollbook".key k
          WHERE k.tenant = n[u.tenant] AND k.key = u.key OFFSET 0) k
        CROSS JOIN LATERAL (SELECT r.id FROM "rollbook".record r
          WHERE r.tenant = n[u.tenant] AND r.id = k.id OFFSET 0) r
        WHERE u.revision < 0 LOOP
      q_holder[row.i] := row.id;
    END LOOP;
  END IF;
  FOR row IN SELECT u.i, r.*, coalesce(r.keys = u.old, false) AS same, r.kind = u.kind AS kin
      FROM unnest(o_tenant, o_id, o_kind, o_old) WITH ORDINALITY u (tenant, id, kind, old, i)
      CROSS JOIN LATERAL (SELECT r.ctid, r.created, r.revision, r.due, r.kind, r.keys FROM "rollbook".record r
        WHERE r.tenant = n[u.tenant] AND r.id = u.id OFFSET 0) r LOOP
    s_found[row.i] := true;
    s_at[row.i] := row.ctid;
    s_created[row.i] := row.created;
    s_revision[row.i] := row.revision;
    s_due[row.i] := row.due;
    s_kind[row.i] := row.kind;
    s_fits[row.i] := row.same AND (row.kin OR o_type[row.i] = 5);
    s_damaged[row.i] := NOT row.same AND "rollbook".damaged(row.keys);
  END LOOP;
  IF cardinality(c_key) > 0 THEN
    FOR row IN SELECT u.i, k.id, r.there IS NOT NULL AS there
        FROM unnest(c_op, c_key) WITH ORDINALITY u (op, key, i)
        CROSS JOIN LATERAL (SELECT k.id FROM "rollbook".key k
          WHERE k.tenant = n[o_tenant[u.op]] AND k.key = u.key OFFSET 0) k
        LEFT JOIN LATERAL (SELECT true AS there FROM "rollbook".record r
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
          FROM "rollbook".record r WHERE r.tenant = n[t] AND r.id = blocker;
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
        INSERT INTO "rollbook".tenant AS x (name, revision) VALUES (names[i], rev[i])
          ON CONFLICT DO NOTHING RETURNING x.n INTO STRICT t;
        n[i] := t;
      END IF;
    END LOOP;
  END IF;
  UPDATE "rollbook".tenant x SET revision = u.revision
    FROM unnest(at, rev, written) u (at, revision, written) WHERE x.ctid = u.at AND u.written;
  IF any_of[5] THEN
    DELETE FROM "rollbook".key k USING unnest(o_tenant, o_type, o_id, n_revision) u (tenant, type, id, revision)
      WHERE k.tenant = n[u.tenant] AND k.id = u.id AND u.type = 5 AND u.revision > 0;
    DELETE FROM "rollbook".term x USING unnest(o_tenant, o_type, n_created, n_revision) u (tenant, type, created, revision)
      WHERE x.tenant = n[u.tenant] AND x.created = u.created AND u.type = 5 AND u.revision > 0;
  END IF;
  IF any_of[3] OR any_of[4] OR any_of[5] THEN
    DELETE FROM "rollbook".record r USING unnest(o_type, s_at, n_revision) u (type, at, revision)
      WHERE r.ctid = u.at AND u.type >= 3 AND u.revision > 0;
  END IF;
  IF any_of[2] THEN
    UPDATE "rollbook".record r SET revision = u.revision, due = u.due, keys = u.keys, data = u.data
      FROM unnest(o_type, s_at, o_due, o_keys, o_data, n_revision) u (type, at, due, keys, data, revision)
      WHERE r.ctid = u.at AND u.type = 2 AND u.revision > 0;
  END IF;
  IF any_of[1] THEN
    INSERT INTO "rollbook".record (tenant, created, revision, due, kind, id, keys, data)
      SELECT n[u.tenant], u.revision, u.revision, u.due, u.kind, u.id, u.keys, u.data
      FROM unnest(o_tenant, o_type, o_due, o_kind, o_id, o_keys, o_data, n_revision)
        u (tenant, type, due, kind, id, keys, data, revision)
      WHERE u.type = 1 AND u.revision > 0;
  END IF;
  IF cardinality(k_key) > 0 OR dead IS NOT NULL THEN
    DELETE FROM "rollbook".key k
      USING (SELECT u.op, u.key FROM unnest(k_op, k_key) u (op, key) WHERE n_revision[u.op] > 0
             UNION ALL SELECT c_op[u.i], c_key[u.i] FROM unnest(dead) u (i)) u
      CROSS JOIN LATERAL (SELECT k.ctid FROM "rollbook".key k
        WHERE k.tenant = n[o_tenant[u.op]] AND k.key = u.key OFFSET 0) o
      WHERE k.ctid = o.ctid;
  END IF;
  IF cardinality(c_key) > 0 THEN
    INSERT INTO "rollbook".key (tenant, key, id)
      SELECT n[o_tenant[u.op]], u.key, o_id[u.op] FROM unnest(c_op, c_key) u (op, key) WHERE n_revision[u.op] > 0;
  END IF;
  IF cardinality(u_term) > 0 THEN
    DELETE FROM "rollbook".term x USING unnest(u_op, u_term) u (op, term)
      CROSS JOIN LATERAL (SELECT x.ctid FROM "rollbook".term x
        WHERE x.tenant = n[o_tenant[u.op]] AND x.term = u.term AND x.created = n_created[u.op] OFFSET 0) o
      WHERE x.ctid = o.ctid AND n_revision[u.op] > 0;
  END IF;
  IF cardinality(t_term) > 0 THEN
    INSERT INTO "rollbook".term (tenant, term, created)
      SELECT n[o_tenant[u.op]], u.term, n_created[u.op] FROM unnest(t_op, t_term) u (op, term) WHERE n_revision[u.op] > 0;
  END IF;
  INSERT INTO "rollbook".change (tenant, revision, type, kind, id, note)
    SELECT n[u.tenant], u.revision, least(u.type, 3), u.kind, u.id, u.note
    FROM unnest(o_tenant, o_type, o_kind, o_id, o_note, n_revision) u (tenant, type, kind, id, note, revision)
    WHERE u.note IS NOT NULL AND u.revision > 0;
  IF timed IS NOT NULL THEN
    PERFORM "rollbook".reschedule(n[x.t], names[x.t], x.kind)
      FROM (SELECT DISTINCT o_tenant[u.i] AS t, coalesce(s_kind[u.i], o_kind[u.i]) AS kind FROM unnest(timed) u (i)) x;
  END IF;
END
$$;
CREATE FUNCTION rollbook.damaged(keys bytea) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
  SELECT length(keys) < 8
      OR substring(keys FOR 8) <> substring(sha256(substring(keys FROM 9)) FOR 8)
$$;
CREATE FUNCTION rollbook.disown_1(wait boolean, name bytea, key bytea, id bytea, revision bigint, OUT held boolean) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
DECLARE
  tenant_n integer;
BEGIN
  IF wait THEN
    SELECT t.n INTO tenant_n FROM "rollbook".tenant t WHERE t.name = disown_1.name FOR NO KEY UPDATE;
  ELSE
    SELECT t.n INTO tenant_n FROM "rollbook".tenant t WHERE t.name = disown_1.name FOR NO KEY UPDATE SKIP LOCKED;
  END IF;
  held := NOT FOUND;
  DELETE FROM "rollbook".key k WHERE k.tenant = tenant_n AND k.key = disown_1.key AND k.id = disown_1.id
    AND EXISTS (SELECT FROM "rollbook".record r
      WHERE r.tenant = tenant_n AND r.id = disown_1.id AND r.revision = disown_1.revision);
END
$$;
CREATE FUNCTION rollbook.drop_1(name bytea, step integer, OUT revisions bigint[], OUT refusals integer[], OUT numbers bigint[], OUT texts bytea[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
DECLARE
  tenant_n integer;
  of_kind bytea := '';
BEGIN
  SELECT t.n INTO tenant_n FROM "rollbook".tenant t WHERE t.name = drop_1.name FOR UPDATE SKIP LOCKED;
  IF FOUND THEN
    PERFORM FROM "rollbook".record r WHERE r.tenant = tenant_n LIMIT 1;
    IF FOUND THEN
      revisions := '{0}';
      refusals := '{0, 3, -1}';
      numbers := '{0, 0, 0}';
      texts := ARRAY['', '', '', '']::bytea[];
      RETURN;
    END IF;
    DELETE FROM "rollbook".tenant t WHERE t.n = tenant_n;
    INSERT INTO "rollbook".dropped (n) VALUES (tenant_n);
    LOOP -- over the few kinds that have anything scheduled: only damage leaves some of the tenant
      SELECT s.kind INTO of_kind FROM "rollbook".schedule s WHERE s.kind > of_kind ORDER BY s.kind LIMIT 1;
      EXIT WHEN NOT FOUND;
      DELETE FROM "rollbook".schedule s WHERE s.kind = of_kind AND s.tenant = drop_1.name;
    END LOOP;
  ELSE
    PERFORM FROM "rollbook".tenant t WHERE t.name = drop_1.name;
    IF FOUND THEN -- another transaction has locked it
      revisions := '{-1}';
      RETURN;
    END IF;
  END IF;
  revisions := CASE WHEN "rollbook".forget_1(step) THEN '{2}' ELSE '{1}' END::bigint[];
END
$$;
CREATE FUNCTION rollbook.forget_1(step integer) RETURNS boolean
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
DECLARE
  tenant_n integer;
  before bigint;
  last bigint;
  entries integer;
  keys integer;
  terms integer;
BEGIN
  SELECT d.n, d.forgotten INTO tenant_n, before FROM "rollbook".dropped d ORDER BY d.n LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN -- others are at it
    RETURN false;
  END IF;
  SELECT max(o.revision), count(*) INTO last, entries FROM (SELECT c.revision FROM "rollbook".change c
    WHERE c.tenant = tenant_n AND c.revision > before ORDER BY c.revision LIMIT step) o;
  DELETE FROM "rollbook".change c WHERE c.tenant = tenant_n AND c.revision > before AND c.revision <= last;
  DELETE FROM "rollbook".key k USING (SELECT k.ctid FROM "rollbook".key k WHERE k.tenant = tenant_n
    ORDER BY k.key LIMIT step) o WHERE k.ctid = o.ctid;
  GET DIAGNOSTICS keys = ROW_COUNT;
  DELETE FROM "rollbook".term x USING (SELECT x.ctid FROM "rollbook".term x WHERE x.tenant = tenant_n
    ORDER BY x.term, x.created LIMIT step) o WHERE x.ctid = o.ctid;
  GET DIAGNOSTICS terms = ROW_COUNT;
  IF greatest(entries, keys, terms) < step THEN
    DELETE FROM "rollbook".dropped d WHERE d.n = tenant_n;
  ELSE
    UPDATE "rollbook".dropped d SET forgotten = coalesce(last, before) WHERE d.n = tenant_n;
  END IF;
  PERFORM FROM "rollbook".dropped LIMIT 1;
  RETURN FOUND;
END
$$;
CREATE FUNCTION rollbook.import_1(lock bigint, name bytea, last bigint, forgotten bigint, twice integer, r_created bigint[], r_revision bigint[], r_due bigint[], r_kind bytea[], r_id bytea[], r_keys bytea[], r_data bytea[], c_record integer[], c_key bytea[], t_record integer[], t_term bytea[], e_revision bigint[], e_type smallint[], e_kind bytea[], e_id bytea[], e_note bytea[], OUT revisions bigint[], OUT refusals integer[], OUT numbers bigint[], OUT texts bytea[]) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
DECLARE
  tenant_n integer;
  tenant_at tid;
  own_revision bigint;
  own_trimmed bigint;
  newest bigint;     -- no entry before it can be written
  states integer[];  -- of the records: 0 new, 1 there, or a reason
  reason integer := 0;
  about integer;
  blocker bytea;     -- ID of the record in the way
BEGIN
  SELECT t.n, t.ctid, t.revision, t.trimmed INTO tenant_n, tenant_at, own_revision, own_trimmed
    FROM "rollbook".tenant t WHERE t.name = import_1.name FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND AND "rollbook".absence(false, lock, name) = 'held' THEN
    revisions := '{-1}';
    RETURN;
  END IF;
  SELECT coalesce(array_agg(x.state ORDER BY x.i), '{}') INTO states FROM (
    SELECT u.i, CASE
        WHEN s.id IS NULL THEN CASE WHEN u.i - 1 = twice OR o.there THEN 3 ELSE 0 END
        WHEN s.keys <> u.keys AND "rollbook".damaged(s.keys) THEN 4
        WHEN s.created = u.created AND s.revision = u.revision AND s.due = u.due AND s.kind = u.kind
          AND s.keys = u.keys AND s.data = u.data THEN 1
        ELSE 3 END AS state
      FROM unnest(r_created, r_revision, r_due, r_kind, r_id, r_keys, r_data)
        WITH ORDINALITY u (created, revision, due, kind, id, keys, data, i)
      LEFT JOIN LATERAL (SELECT * FROM "rollbook".record r
        WHERE r.tenant = tenant_n AND r.id = u.id OFFSET 0) s ON true
      LEFT JOIN LATERAL (SELECT true AS there FROM "rollbook".record r
        WHERE r.tenant = tenant_n AND r.kind = u.kind AND r.created = u.created OFFSET 0) o ON true) x;
  SELECT min(u.i) - 1 INTO about FROM unnest(states) WITH ORDINALITY u (state, i) WHERE u.state > 1;
  IF about >= 0 THEN
    reason := states[about + 1];
    blocker := CASE WHEN reason = 4 THEN r_id[about + 1] END;
  END IF;
  newest := greatest(own_trimmed, (SELECT c.revision FROM "rollbook".change c
    WHERE c.tenant = tenant_n ORDER BY c.revision DESC LIMIT 1), 0);
  IF reason = 0 THEN
    PERFORM FROM unnest(e_revision, e_type, e_kind, e_id, e_note) u (revision, type, kind, id, note)
      LEFT JOIN LATERAL (SELECT * FROM "rollbook".change c
        WHERE c.tenant = tenant_n AND c.revision = u.revision OFFSET 0) c ON true
      WHERE u.revision <= newest
        AND (c.type = u.type AND c.kind = u.kind AND c.id = u.id AND c.note = u.note) IS NOT TRUE;
    IF FOUND THEN
      reason := 3;
      about := -1;
    END IF;
  END IF;
  IF reason = 0 THEN
    SELECT min(u.i) INTO about FROM unnest(c_record, c_key) WITH ORDINALITY u (record, key, i)
      CROSS JOIN LATERAL (SELECT k.id FROM "rollbook".key k
        WHERE k.tenant = tenant_n AND k.key = u.key OFFSET 0) k
      CROSS JOIN LATERAL (SELECT FROM "rollbook".record r
        WHERE r.tenant = tenant_n AND r.id = k.id OFFSET 0) r
      WHERE states[u.record] = 0;
    IF about > 0 THEN
      SELECT k.id INTO blocker FROM "rollbook".key k WHERE k.tenant = tenant_n AND k.key = c_key[about];
      reason := 7;
      about := about - 1;
    END IF;
  END IF;
  IF reason > 0 THEN
    revisions := '{0}';
    refusals := ARRAY[0, reason, about];
    IF blocker IS NULL THEN
      numbers := '{0, 0, 0}';
      texts := ARRAY['', '', '', '']::bytea[];
    ELSE
      SELECT ARRAY[r.created, r.revision, r.due], ARRAY[r.id, r.kind, r.keys, r.data] INTO numbers, texts
        FROM "rollbook".record r WHERE r.tenant = tenant_n AND r.id = blocker;
    END IF;
    RETURN;
  END IF;
  IF tenant_n IS NULL THEN
    INSERT INTO "rollbook".tenant AS t (name, revision, trimmed) VALUES (import_1.name, last, forgotten)
      ON CONFLICT DO NOTHING RETURNING t.n INTO STRICT tenant_n;
  ELSE
    UPDATE "rollbook".tenant t SET revision = greatest(own_revision, last), trimmed = greatest(own_trimmed, forgotten)
      WHERE t.ctid = tenant_at AND (last > own_revision OR forgotten > own_trimmed);
  END IF;
  INSERT INTO "rollbook".record (tenant, created, revision, due, kind, id, keys, data)
    SELECT tenant_n, u.created, u.revision, u.due, u.kind, u.id, u.keys, u.data
    FROM unnest(states, r_created, r_revision, r_due, r_kind, r_id, r_keys, r_data)
      u (state, created, revision, due, kind, id, keys, data) WHERE u.state = 0;
  -- Damage may have left rows of indexes behind.
  INSERT INTO "rollbook".key AS k (tenant, key, id)
    SELECT tenant_n, u.key, r_id[u.record] FROM unnest(c_record, c_key) u (record, key) WHERE states[u.record] = 0
    ON CONFLICT (tenant, key) DO UPDATE SET id = excluded.id;
  INSERT INTO "rollbook".term (tenant, term, created)
    SELECT tenant_n, u.term, r_created[u.record] FROM unnest(t_record, t_term) u (record, term) WHERE states[u.record] = 0
    ON CONFLICT DO NOTHING;
  IF forgotten > own_trimmed THEN
    DELETE FROM "rollbook".change c WHERE c.tenant = tenant_n AND c.revision <= forgotten;
  END IF;
  INSERT INTO "rollbook".change (tenant, revision, type, kind, id, note)
    SELECT tenant_n, u.revision, u.type, u.kind, u.id, u.note
    FROM unnest(e_revision, e_type, e_kind, e_id, e_note) u (revision, type, kind, id, note) WHERE u.revision > newest;
  PERFORM "rollbook".reschedule(tenant_n, name, x.kind)
    FROM (SELECT DISTINCT u.kind FROM unnest(states, r_due, r_kind) u (state, due, kind) WHERE u.state = 0 AND u.due > 0) x;
  revisions := ARRAY[last];
END
$$;
CREATE FUNCTION rollbook.lock_1(lock bigint, name bytea) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    SET lock_timeout TO '1s'
    AS $$
BEGIN
  LOOP
    PERFORM FROM "rollbook".tenant t WHERE t.name = lock_1.name FOR NO KEY UPDATE;
    EXIT WHEN FOUND;
    EXIT WHEN "rollbook".absence(true, lock, name) = 'absent';
  END LOOP;
END
$$;
CREATE FUNCTION rollbook.put_1(wait boolean, lock bigint, name bytea, revision bigint, due bigint, kind bytea, id bytea, keys bytea, data bytea, note bytea, claims bytea[], terms bytea[], OUT revisions bigint[], OUT refusals integer[], OUT numbers bigint[], OUT texts bytea[]) RETURNS record
    LANGUAGE plpgsql
    SET enable_seqscan TO 'off'
    AS $$
DECLARE
  tenant_n integer;
  tenant_at tid;
  rev bigint;
BEGIN
  <<simple>>
  BEGIN
    IF wait THEN
      SELECT t.n, t.ctid, t.revision + 1 INTO tenant_n, tenant_at, rev FROM "rollbook".tenant t
        WHERE t.name = put_1.name FOR NO KEY UPDATE;
    ELSE
      SELECT t.n, t.ctid, t.revision + 1 INTO tenant_n, tenant_at, rev FROM "rollbook".tenant t
        WHERE t.name = put_1.name FOR NO KEY UPDATE SKIP LOCKED;
    END IF;
    EXIT simple WHEN NOT FOUND;
    IF put_1.revision > 0 THEN
      UPDATE "rollbook".record r SET revision = rev, data = put_1.data
        WHERE r.tenant = tenant_n AND r.id = put_1.id
          AND (r.revision = put_1.revision AND r.due = put_1.due AND r.kind = put_1.kind AND r.keys = put_1.keys) IS TRUE;
      EXIT simple WHEN NOT FOUND;
    ELSE
      INSERT INTO "rollbook".record (tenant, created, revision, due, kind, id, keys, data)
        VALUES (tenant_n, rev, rev, put_1.due, put_1.kind, put_1.id, put_1.keys, put_1.data)
        ON CONFLICT DO NOTHING;
      EXIT simple WHEN NOT FOUND;
      FOR i IN 1 .. pg_catalog.cardinality(claims) LOOP
        INSERT INTO "rollbook".key (tenant, key, id) VALUES (tenant_n, claims[i], put_1.id) ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
          DELETE FROM "rollbook".record r WHERE r.tenant = tenant_n AND r.id = put_1.id;
          DELETE FROM "rollbook".key k WHERE k.tenant = tenant_n AND k.key = ANY (claims[1 : i - 1]);
          EXIT simple;
        END IF;
      END LOOP;
      INSERT INTO "rollbook".term (tenant, term, created) SELECT tenant_n, pg_catalog.unnest(terms), rev;
    END IF;
    IF note IS NOT NULL THEN
      INSERT INTO "rollbook".change (tenant, revision, type, kind, id, note)
        VALUES (tenant_n, rev, CASE WHEN put_1.revision > 0 THEN 2 ELSE 1 END, put_1.kind, put_1.id, put_1.note);
    END IF;
    UPDATE "rollbook".tenant t SET revision = rev WHERE t.ctid = tenant_at;
    revisions := ARRAY[rev];
    RETURN;
  END;
  SELECT a.* INTO revisions, refusals, numbers, texts FROM "rollbook".apply_1(
    wait, ARRAY[name], ARRAY[lock], '{1}', '{0}', '{1}', ARRAY[pg_catalog.cardinality(claims)], '{}', '{}', '{}',
    '{1}', ARRAY[CASE WHEN put_1.revision > 0 THEN 2 ELSE 1 END]::smallint[], ARRAY[put_1.revision],
    ARRAY[CASE WHEN put_1.revision > 0 THEN put_1.keys END], ARRAY[due], ARRAY[kind], ARRAY[id], ARRAY[keys],
    ARRAY[data], ARRAY[note], pg_catalog.array_fill(1, ARRAY[pg_catalog.cardinality(claims)]), claims,
    pg_catalog.array_fill(false, ARRAY[pg_catalog.cardinality(claims)]), '{}', '{}', pg_catalog.array_fill(1, ARRAY[pg_catalog.cardinality(terms)]), terms, '{}', '{}') a;
END
$$;
CREATE FUNCTION rollbook.readable(value bytea) RETURNS text
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog'
    AS $$
BEGIN
  RETURN convert_from(value, 'UTF8');
EXCEPTION WHEN OTHERS THEN
  RETURN encode(value, 'escape');
END
$$;
CREATE FUNCTION rollbook.readable_json(value bytea) RETURNS jsonb
    LANGUAGE plpgsql IMMUTABLE
    SET search_path TO 'pg_catalog'
    AS $$
BEGIN
  RETURN convert_from(value, 'UTF8')::jsonb;
EXCEPTION WHEN OTHERS THEN
  BEGIN
    RETURN regexp_replace(convert_from(value, 'UTF8'), '(?<!\\)((\\\\)*)\\u0000', '\1\\ufffd', 'g')::jsonb;
  EXCEPTION WHEN OTHERS THEN
    RETURN NULL;
  END;
END
$$;
CREATE FUNCTION rollbook.reschedule(tenant_n integer, tenant_name bytea, of_kind bytea) RETURNS void
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    AS $$
DECLARE
  earliest bigint;
BEGIN
  SELECT r.due INTO earliest FROM "rollbook".record r
    WHERE r.tenant = tenant_n AND r.kind = of_kind AND r.due > 0 ORDER BY r.due LIMIT 1;
  IF FOUND THEN
    INSERT INTO "rollbook".schedule AS s (kind, tenant, due) VALUES (of_kind, tenant_name, earliest)
      ON CONFLICT (kind, tenant) DO UPDATE SET due = excluded.due WHERE s.due <> excluded.due;
  ELSE
    DELETE FROM "rollbook".schedule s WHERE s.kind = of_kind AND s.tenant = tenant_name;
  END IF;
END
$$;
CREATE FUNCTION rollbook.trim_1(wait boolean, name bytea, through bigint, step integer, OUT held boolean, OUT forgotten integer) RETURNS record
    LANGUAGE plpgsql
    SET search_path TO 'pg_catalog'
    SET plan_cache_mode TO 'force_generic_plan'
    SET enable_seqscan TO 'off'
    SET enable_bitmapscan TO 'off'
    SET enable_hashjoin TO 'off'
    SET enable_mergejoin TO 'off'
    AS $$
DECLARE
  tenant_n integer;
  newest bigint;
  last bigint;
BEGIN
  forgotten := 0;
  IF wait THEN
    SELECT t.n INTO tenant_n FROM "rollbook".tenant t WHERE t.name = trim_1.name FOR NO KEY UPDATE;
  ELSE
    SELECT t.n INTO tenant_n FROM "rollbook".tenant t WHERE t.name = trim_1.name FOR NO KEY UPDATE SKIP LOCKED;
  END IF;
  IF NOT FOUND THEN
    PERFORM FROM "rollbook".tenant t WHERE t.name = trim_1.name;
    held := FOUND;
    RETURN;
  END IF;
  held := false;
  SELECT c.revision INTO newest FROM "rollbook".change c
    WHERE c.tenant = tenant_n AND c.revision <= through ORDER BY c.revision DESC LIMIT 1;
  SELECT max(o.revision), count(*) INTO last, forgotten FROM (
    SELECT c.revision FROM "rollbook".change c
      WHERE c.tenant = tenant_n AND c.revision < newest ORDER BY c.revision LIMIT step) o;
  IF forgotten > 0 THEN
    DELETE FROM "rollbook".change c WHERE c.tenant = tenant_n AND c.revision <= last;
    UPDATE "rollbook".tenant t SET trimmed = last WHERE t.n = tenant_n;
  END IF;
END
$$;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE rollbook.change (
    revision bigint NOT NULL,
    tenant integer NOT NULL,
    type smallint NOT NULL,
    kind bytea NOT NULL,
    id bytea NOT NULL,
    note bytea NOT NULL
);
CREATE TABLE rollbook.dropped (
    forgotten bigint DEFAULT 0 NOT NULL,
    n integer NOT NULL
);
CREATE TABLE rollbook.key (
    tenant integer NOT NULL,
    key bytea NOT NULL,
    id bytea NOT NULL
);
CREATE TABLE rollbook.migration (
    version integer NOT NULL,
    name text NOT NULL,
    needs integer NOT NULL
);
CREATE TABLE rollbook.record (
    created bigint NOT NULL,
    revision bigint NOT NULL,
    due bigint NOT NULL,
    tenant integer NOT NULL,
    kind bytea NOT NULL,
    id bytea NOT NULL,
    keys bytea NOT NULL,
    data bytea NOT NULL
)
WITH (fillfactor='90');
CREATE TABLE rollbook.tenant (
    n integer NOT NULL,
    revision bigint NOT NULL,
    trimmed bigint DEFAULT 0 NOT NULL,
    name bytea NOT NULL
)
WITH (fillfactor='50');
CREATE VIEW rollbook.rollbook_records AS
 SELECT rollbook.readable(t.name) AS tenant,
    rollbook.readable(r.kind) AS kind,
    rollbook.readable(r.id) AS id,
    r.created,
    r.revision,
    r.due,
    rollbook.readable(r.data) AS data
   FROM (rollbook.record r
     JOIN rollbook.tenant t ON ((t.n = r.tenant)));
CREATE VIEW rollbook.rollbook_users AS
 SELECT rollbook.readable(users.tenant_bytes) AS tenant,
    rollbook.readable(users.id_bytes) AS id,
    (users.body ->> 'external_id'::text) AS external_id,
    COALESCE((users.body ->> 'name'::text), NULLIF(concat_ws(' '::text, (users.body ->> 'first_name'::text), (users.body ->> 'last_name'::text)), ''::text)) AS name,
    (users.body ->> 'email'::text) AS email,
    users.revision,
    ("substring"((users.body ->> 'created_at'::text), '^\d{1,18}$'::text))::bigint AS created_at,
    ("substring"((users.body ->> 'updated_at'::text), '^\d{1,18}$'::text))::bigint AS updated_at,
    NULLIF(users.due, 0) AS expires_at,
    users.body,
    users.tenant_bytes,
    users.id_bytes
   FROM ( SELECT t.name AS tenant_bytes,
            r.id AS id_bytes,
            r.revision,
            r.due,
            rollbook.readable_json(r.data) AS body
           FROM (rollbook.record r
             JOIN rollbook.tenant t ON ((t.n = r.tenant)))
          WHERE (r.kind = '\x75736572'::bytea)) users;
CREATE TABLE rollbook.schedule (
    due bigint NOT NULL,
    kind bytea NOT NULL,
    tenant bytea NOT NULL
);
ALTER TABLE rollbook.tenant ALTER COLUMN n ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME rollbook.tenant_n_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE rollbook.term (
    created bigint NOT NULL,
    tenant integer NOT NULL,
    term bytea NOT NULL
);
INSERT INTO rollbook.change VALUES (3, 1, 1, '\x75736572', '\x303161316637663833336538303030303030303030303032', '\x7b2274797065223a2263726561746564222c226174223a313739353136313630313030302c227374616d70223a3130303238343136353235363835357d');
INSERT INTO rollbook.change VALUES (38, 1, 1, '\x75736572', '\x303161323063393164366230303030303030303030303034', '\x7b2274797065223a2263726561746564222c226174223a313739353530373231343030302c227374616d70223a39343231393431333831333834327d');
INSERT INTO rollbook.change VALUES (1, 2, 1, '\x67726f7570', '\x303161323136613736393830303030303030303030303035', '\x7b2274797065223a2263726561746564222c226174223a313739353637363430303030302c227374616d70223a3132343535333832373036393434352c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (2, 2, 1, '\x67726f7570', '\x303161323136613736643638303030303030303030303036', '\x7b2274797065223a2263726561746564222c226174223a313739353637363430313030302c227374616d70223a3133333236353932303230323837332c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (3, 2, 2, '\x67726f7570', '\x303161323136613736643638303030303030303030303036', '\x7b2274797065223a2275706461746564222c226174223a313739353637363430323030302c227374616d70223a3137363832333432323733313030312c226163746f72223a2261646d696e4061636d652e6578616d706c65222c226669656c6473223a5b22746f6b656e225d7d');
INSERT INTO rollbook.change VALUES (4, 2, 1, '\x67726f7570', '\x303161323136613737353338303030303030303030303037', '\x7b2274797065223a2263726561746564222c226174223a313739353637363430333030302c227374616d70223a3137333137363031363930393934322c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (5, 2, 3, '\x67726f7570', '\x303161323136613737353338303030303030303030303037', '\x7b2274797065223a2264656c65746564222c226174223a313739353637363430343030302c227374616d70223a33353634383936383336353639352c226163746f72223a2261646d696e4061636d652e6578616d706c65222c2265787465726e616c5f6964223a22676f6e65227d');
INSERT INTO rollbook.change VALUES (7, 2, 1, '\x75736572', '\x303161323136613737643038303030303030303030303038', '\x7b2274797065223a2263726561746564222c226174223a313739353637363430353030302c227374616d70223a3138363638313237323735323831342c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (8, 2, 2, '\x75736572', '\x303161323136613737643038303030303030303030303038', '\x7b2274797065223a2275706461746564222c226174223a313739353637363430363030302c227374616d70223a3236353835353538323330383831332c226163746f72223a2261646d696e4061636d652e6578616d706c65222c226669656c6473223a5b226e616d65222c226d657461646174612e706c616e225d7d');
INSERT INTO rollbook.change VALUES (9, 2, 1, '\x75736572', '\x303161323136613738346438303030303030303030303039', '\x7b2274797065223a2263726561746564222c226174223a313739353637363430373030302c227374616d70223a38343734313930323435323030392c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (10, 2, 1, '\x75736572', '\x303161323136613738386330303030303030303030303061', '\x7b2274797065223a2263726561746564222c226174223a313739353637363430383030302c227374616d70223a3237323738343534393431323538352c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (11, 2, 3, '\x75736572', '\x303161323136613738386330303030303030303030303061', '\x7b2274797065223a2264656c65746564222c226174223a313739353637363430393030302c227374616d70223a36333131303832393237343433312c226163746f72223a2261646d696e4061636d652e6578616d706c65222c2265787465726e616c5f6964223a2264656c65746564227d');
INSERT INTO rollbook.change VALUES (12, 2, 1, '\x75736572', '\x303161323136613739303930303030303030303030303062', '\x7b2274797065223a2263726561746564222c226174223a313739353637363431303030302c227374616d70223a33323634313334393137323139302c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (13, 2, 1, '\x75736572', '\x303161323136613739343738303030303030303030303063', '\x7b2274797065223a2263726561746564222c226174223a313739353637363431313030302c227374616d70223a3132343430383936383631373431332c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (14, 2, 1, '\x75736572', '\x303161323136613739383630303030303030303030303064', '\x7b2274797065223a2263726561746564222c226174223a313739353637363431323030302c227374616d70223a38363531333632363332383437352c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (15, 2, 2, '\x75736572', '\x303161323136613739383630303030303030303030303064', '\x7b2274797065223a226173736f636961746564222c226174223a313739353637363431333030302c227374616d70223a3231353036303431363535323937392c226163746f72223a2261646d696e4061636d652e6578616d706c65222c226669656c6473223a5b22657870697265735f6174225d7d');
INSERT INTO rollbook.change VALUES (16, 2, 1, '\x75736572', '\x303161323136613761303330303030303030303030303065', '\x7b2274797065223a2263726561746564222c226174223a313739353637363431343030302c227374616d70223a3137373331373435303832313037332c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (17, 2, 1, '\x75736572', '\x303161323136613761343138303030303030303030303066', '\x7b2274797065223a2263726561746564222c226174223a313739353637363431353030302c227374616d70223a3234383332383337383930323239312c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (18, 2, 1, '\x75736572', '\x303161323136613761383030303030303030303030303130', '\x7b2274797065223a2263726561746564222c226174223a313739353637363431363030302c227374616d70223a32383033353030333532333330322c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (19, 2, 1, '\x75736572', '\x303161323136613761626538303030303030303030303131', '\x7b2274797065223a2263726561746564222c226174223a313739353637363431373030302c227374616d70223a3234393739333633373439343232332c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (20, 2, 1, '\x75736572', '\x303161323136613761666430303030303030303030303132', '\x7b2274797065223a2263726561746564222c226174223a313739353637363431383030302c227374616d70223a37343339343332363032363135342c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (3, 3, 1, '\x75736572', '\x303161323136613763333538303030303030303030303135', '\x7b2274797065223a2263726561746564222c226174223a313739353637363432333030302c227374616d70223a39343335353437383139343539337d');
INSERT INTO rollbook.change VALUES (4, 3, 3, '\x75736572', '\x303161323136613762623838303030303030303030303133', '\x7b2274797065223a2264656c65746564222c226174223a313739353637363432363030302c227374616d70223a3134353238353336353032373630362c2265787465726e616c5f6964223a227430227d');
INSERT INTO rollbook.change VALUES (1, 4, 1, '\x75736572', '\x303161323136613764326638303030303030303030303136', '\x7b2274797065223a2263726561746564222c226174223a313739353637363432373030302c227374616d70223a3138323934353039383033313731357d');
INSERT INTO rollbook.change VALUES (2, 4, 1, '\x75736572', '\x303161323136613764366530303030303030303030303137', '\x7b2274797065223a2263726561746564222c226174223a313739353637363432383030302c227374616d70223a3132363938303831383236353730347d');
INSERT INTO rollbook.change VALUES (1, 5, 1, '\x75736572', '\x303161323136613764616338303030303030303030303138', '\x7b2274797065223a2263726561746564222c226174223a313739353637363432393030302c227374616d70223a3237383032393639393734343431347d');
INSERT INTO rollbook.change VALUES (22, 2, 1, '\x75736572', '\x303161323136613764656230303030303030303030303139', '\x7b2274797065223a2263726561746564222c226174223a313739353637363433303030302c227374616d70223a35313031303535323739343039362c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (24, 2, 1, '\x67726f7570', '\x303161323136613765323938303030303030303030303161', '\x7b2274797065223a2263726561746564222c226174223a313739353637363433313030302c227374616d70223a3136353738333632393938363231342c226163746f72223a2261646d696e4061636d652e6578616d706c65227d');
INSERT INTO rollbook.change VALUES (1, 6, 1, '\x75736572', '\x303161323136613765363830303030303030303030303162', '\x7b2274797065223a2263726561746564222c226174223a313739353637363433323030302c227374616d70223a3135323439353632313333363138347d');
INSERT INTO rollbook.key VALUES (1, '\x0c776562686f6f6b5f736c6f743137', '\x303161316637663833303030303030303030303030303031');
INSERT INTO rollbook.key VALUES (1, '\x0d65787465726e616c5f69642e314e455645522d44454c495645524544', '\x303161316637663833336538303030303030303030303032');
INSERT INTO rollbook.key VALUES (1, '\x0c776562686f6f6b5f736c6f743237', '\x303161323063393163616638303030303030303030303033');
INSERT INTO rollbook.key VALUES (1, '\x0d65787465726e616c5f69642e315041524b4544', '\x303161323063393164366230303030303030303030303034');
INSERT INTO rollbook.key VALUES (2, '\x1167726f75705f65787465726e616c5f69645465616d2dc389', '\x303161323136613736393830303030303030303030303035');
INSERT INTO rollbook.key VALUES (2, '\x0c67726f75705f6e756d626572313435383936333234', '\x303161323136613736393830303030303030303030303035');
INSERT INTO rollbook.key VALUES (2, '\x0b67726f75705f746f6b656e65626333643766386632336533373665656638363261353032306664396531376635663739663739613236333037623032363535396264613932663964616536', '\x303161323136613736393830303030303030303030303035');
INSERT INTO rollbook.key VALUES (2, '\x1167726f75705f65787465726e616c5f6964726f7461746564', '\x303161323136613736643638303030303030303030303036');
INSERT INTO rollbook.key VALUES (2, '\x0c67726f75705f6e756d62657231333138383437333537', '\x303161323136613736643638303030303030303030303036');
INSERT INTO rollbook.key VALUES (2, '\x0b67726f75705f746f6b656e61636631313932353439316232633133386532326439313362373737343963346136356631346334323033653064633330376338363164366433313335383762', '\x303161323136613736643638303030303030303030303036');
INSERT INTO rollbook.key VALUES (2, '\x0b67726f75705f746f6b656e38336634623466643437393339616534323463396139396134646661323266333865636535613762386433656138356430646633393966393166303234323935', '\x303161323136613736643638303030303030303030303036');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e3143524d2dc389', '\x303161323136613737643038303030303030303030303038');
INSERT INTO rollbook.key VALUES (2, '\x076163636f756e7468747470733a2f2f6964702e6578616d706c6500616e6e', '\x303161323136613737643038303030303030303030303038');
INSERT INTO rollbook.key VALUES (2, '\x076163636f756e74736c61636b005531', '\x303161323136613737643038303030303030303030303038');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e31303141323136413738344438303030303030303030303039', '\x303161323136613738346438303030303030303030303039');
INSERT INTO rollbook.key VALUES (2, '\x07656d61696c2e314f4e4c59404f4e452e4558414d504c45', '\x303161323136613738346438303030303030303030303039');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e3150524f564953494f4e414c', '\x303161323136613739303930303030303030303030303062');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e3145585049524544', '\x303161323136613739343738303030303030303030303063');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e314153534f434941544544', '\x303161323136613739383630303030303030303030303064');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e314c49535445442d30', '\x303161323136613761303330303030303030303030303065');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e314c49535445442d31', '\x303161323136613761343138303030303030303030303066');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e314c49535445442d32', '\x303161323136613761383030303030303030303030303130');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e314c49535445442d33', '\x303161323136613761626538303030303030303030303131');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e314c49535445442d34', '\x303161323136613761666430303030303030303030303132');
INSERT INTO rollbook.key VALUES (3, '\x0d65787465726e616c5f69642e315431', '\x303161323136613762663730303030303030303030303134');
INSERT INTO rollbook.key VALUES (3, '\x0d65787465726e616c5f69642e315432', '\x303161323136613763333538303030303030303030303135');
INSERT INTO rollbook.key VALUES (4, '\x1165787465726e616c5f69642e657861637430303141', '\x303161323136613764326638303030303030303030303136');
INSERT INTO rollbook.key VALUES (4, '\x1165787465726e616c5f69642e657861637430303161', '\x303161323136613764366530303030303030303030303137');
INSERT INTO rollbook.key VALUES (5, '\x0d65787465726e616c5f69642e31303141323136413744414338303030303030303030303138', '\x303161323136613764616338303030303030303030303138');
INSERT INTO rollbook.key VALUES (2, '\x0d65787465726e616c5f69642e3152454d454d4245524544', '\x303161323136613764656230303030303030303030303139');
INSERT INTO rollbook.key VALUES (2, '\x1167726f75705f65787465726e616c5f696472656d656d6265726564', '\x303161323136613765323938303030303030303030303161');
INSERT INTO rollbook.key VALUES (2, '\x0c67726f75705f6e756d62657231343233383836313934', '\x303161323136613765323938303030303030303030303161');
INSERT INTO rollbook.key VALUES (2, '\x0b67726f75705f746f6b656e66303766363963396335313138633635376662366235343437393235363265386231666566346233653034656136326238336231656464383061616563623830', '\x303161323136613765323938303030303030303030303161');
INSERT INTO rollbook.key VALUES (6, '\x0d65787465726e616c5f69642e314b45455053414b4553', '\x303161323136613765363830303030303030303030303162');
INSERT INTO rollbook.migration VALUES (1, 'tables', 1);
INSERT INTO rollbook.migration VALUES (2, 'functions', 2);
INSERT INTO rollbook.migration VALUES (3, 'views', 3);
INSERT INTO rollbook.migration VALUES (4, 'move', 4);
INSERT INTO rollbook.record VALUES (3, 3, 0, 1, '\x75736572', '\x303161316637663833336538303030303030303030303032', '\xe08982a591631fc001000d65787465726e616c5f69642e310f4e455645522d44454c495645524544', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a226e657665722d64656c697665726564222c22637265617465645f6174223a313739353136313630313030302c22757064617465645f6174223a313739353136313630313030302c2261646465645f6174223a313739353136313630313030302c227374616d70223a3130303238343136353235363835357d');
INSERT INTO rollbook.record VALUES (26, 26, 1798056009000, 1, '\x776562686f6f6b2d64656164', '\x3031613166376638333030303030303030303030303030312f646561642f6d73675f574639444b584c35386361585673483047356d447441', '\xfafcb8cc4af8485c000107776562686f6f6b18303161316637663833303030303030303030303030303031', '\x7b2272223a312c2277223a312c22776562686f6f6b223a22303161316637663833303030303030303030303030303031222c226576656e745f6964223a226d73675f574639444b584c35386361585673483047356d447441222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161316637663833336538303030303030303030303032222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c22617474656d707473223a382c22737461747573223a3530302c226174223a313739353436343030393030307d');
INSERT INTO rollbook.record VALUES (1, 29, 0, 1, '\x776562686f6f6b2d7475726e', '\x3031613166376638333030303030303030303030303030312f7475726e', '\x96a296d224f285c60000', '\x7b2272223a312c2277223a312c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c22666f72676976656e5f6174223a313739353530373231303030307d');
INSERT INTO rollbook.record VALUES (2, 30, 0, 1, '\x776562686f6f6b', '\x303161316637663833303030303030303030303030303031', '\x1de0fd054f3275f801000c776562686f6f6b5f736c6f74023137', '\x7b2272223a312c2277223a312c2275726c223a2268747470733a2f2f646561642e6578616d706c652e636f6d2f686f6f6b222c226576656e7473223a5b22656e645f757365722e63726561746564225d2c2273656372657473223a5b7b227365616c6564223a224151686e6232786b5a5734744d5979576b6d796a3267504673414d7541356a432f64697841396c345a74572f5958525546433237422b797231723544363674593034614c5254484d2f723434486379795665425773452f2f75334e3735494d444d596b4c78385853734f6378727a327667366b483751227d5d2c2264697361626c6564223a747275652c2264697361626c65645f6174223a313739353530373231303030302c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353136313630303030302c22757064617465645f6174223a313739353530373231303030302c227374616d70223a3132353438313533383532303832397d');
INSERT INTO rollbook.record VALUES (31, 41, 1795507219725, 1, '\x776562686f6f6b2d7475726e', '\x3031613230633931636166383030303030303030303030332f7475726e', '\x96a296d224f285c60000', '\x7b2272223a312c2277223a312c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141435a56735371772d6c49222c227061726b6564223a5b7b226b696e64223a2275736572222c226964223a22303161323063393164366230303030303030303030303034222c226174223a22415430527a5367344f4c664c414141414141414141435a56735371772d6c49222c22617474656d707473223a312c226e657874223a313739353530373231393732352c2273696e6365223a313739353530373231353030307d5d2c226661696c75726573223a312c226661696c696e675f73696e6365223a313739353530373231353030302c226c6173745f73756363657373223a313739353530373231333030307d');
INSERT INTO rollbook.record VALUES (32, 42, 1795593616000, 1, '\x776562686f6f6b', '\x303161323063393163616638303030303030303030303033', '\x86e226738606baee01000c776562686f6f6b5f736c6f74023237', '\x7b2272223a312c2277223a312c2275726c223a2268747470733a2f2f6c6976652e6578616d706c652e636f6d2f686f6f6b222c226465736372697074696f6e223a224b756e64656e2c20e9a1a7e5aea2222c226576656e7473223a5b22656e645f757365722e2a222c2267726f75702e2a225d2c2268656164657273223a5b7b226e616d65223a22582d4170692d4b6579222c227365616c6564223a224151686e6232786b5a5734744d52582b6333536c354d33786c6945434c56715677684c4b4c527768626c2b6c596b6742675236582b527476447864616b55504373433171227d5d2c2273656372657473223a5b7b227365616c6564223a224151686e6232786b5a5734744d5355517a6c7734755530463472506d666f762f455276624f2b656d4a52714f322b4e637a5451496978547864304561387473364758424238653866704b7154586d525a522b6f4b646c6657436e51346e7058666c4e724b696b6a374d4f772f736c2f50483774354677227d2c7b227365616c6564223a224151686e6232786b5a5734744d56667969676f35316a616e357762576763532f2f48367630526b454e6a343533587a5177384472755475343172624637466e3345464c2f5a4e6c4a766e6d4f775168745535676f52526d34574742774c364f525244487053393276687752326354675766427a767977222c22756e74696c223a313739353539333631363030307d5d2c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353530373231313030302c22757064617465645f6174223a313739353530373231363030302c227374616d70223a3132383532393238343634393731327d');
INSERT INTO rollbook.record VALUES (1, 1, 0, 2, '\x67726f7570', '\x303161323136613736393830303030303030303030303035', '\xa8ec8009b454243503001167726f75705f65787465726e616c5f6964075465616d2dc3890c67726f75705f6e756d626572093134353839363332340b67726f75705f746f6b656e4065626333643766386632336533373665656638363261353032306664396531376635663739663739613236333037623032363535396264613932663964616536', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a225465616d2dc389222c226e756d626572223a3134353839363332342c226e616d65223a225465616d222c226d65746164617461223a7b2274696572223a337d2c2273797374656d5f70726f70657274696573223a7b227368617264223a226575227d2c22746f6b656e5f68617368223a2265626333643766386632336533373665656638363261353032306664396531376635663739663739613236333037623032363535396264613932663964616536222c22746f6b656e223a224151686e6232786b5a5734744d5a52354d3479334f61575379356b4f6c79304150586367392b4c69666c6762776d47732f522b6373704f553361614b61635833736f2b4851786649556a5570587736507836495147437064774d6463774c32647a65446375505037345a494d39314e4a525a424245336a766535374e46336d49354a366347654352222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363430303030302c22757064617465645f6174223a313739353637363430303030302c2261646465645f6174223a313739353637363430303030302c227374616d70223a3132343535333832373036393434357d');
INSERT INTO rollbook.record VALUES (2, 3, 1795762802000, 2, '\x67726f7570', '\x303161323136613736643638303030303030303030303036', '\x7ba6a88823356eae04001167726f75705f65787465726e616c5f696407726f74617465640c67726f75705f6e756d6265720a313331383834373335370b67726f75705f746f6b656e40383366346234666434373933396165343234633961393961346466613232663338656365356137623864336561383564306466333939663931663032343239350b67726f75705f746f6b656e4061636631313932353439316232633133386532326439313362373737343963346136356631346334323033653064633330376338363164366433313335383762', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a22726f7461746564222c226e756d626572223a313331383834373335372c22746f6b656e5f68617368223a2238336634623466643437393339616534323463396139396134646661323266333865636535613762386433656138356430646633393966393166303234323935222c22746f6b656e223a224151686e6232786b5a5734744d524c2b42327238614a745a633177762b3879417967584a4875317434772f7a55473655504b465254714a337758586e5946734c5776624a303970644f536578724e6732394d54375947306b317452437a6d4636722b336c387746692f456b575842686d4e345150685736484f4c35667541516b495542716c347250222c2270726576696f7573223a5b7b2268617368223a2261636631313932353439316232633133386532326439313362373737343963346136356631346334323033653064633330376338363164366433313335383762222c22756e74696c223a313739353736323830323030307d5d2c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363430313030302c22757064617465645f6174223a313739353637363430323030302c2261646465645f6174223a313739353637363430313030302c227374616d70223a3137363832333432323733313030317d');
INSERT INTO rollbook.record VALUES (2, 2, 0, 3, '\x75736572', '\x303161323136613762663730303030303030303030303134', '\x25b826311e7b195f01000d65787465726e616c5f69642e31025431', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a227431222c22637265617465645f6174223a313739353637363432323030302c22757064617465645f6174223a313739353637363432323030302c2261646465645f6174223a313739353637363432323030302c227374616d70223a37353937373537303239393738337d');
INSERT INTO rollbook.record VALUES (5, 27, 0, 1, '\x776562686f6f6b2d6c6f67', '\x3031613166376638333030303030303030303030303030312f6c6f67', '\x96a296d224f285c60000', '\x7b2272223a312c2277223a312c22617474656d707473223a5b7b226576656e745f6964223a226d73675f574639444b584c35386361585673483047356d447441222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161316637663833336538303030303030303030303032222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c226e756d626572223a312c226174223a313739353136313630323030302c22746f6f6b223a352c22737461747573223a3530302c226e657874223a313739353136313630363734337d2c7b226576656e745f6964223a226d73675f574639444b584c35386361585673483047356d447441222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161316637663833336538303030303030303030303032222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c226e756d626572223a322c226174223a313739353230343830333030302c22746f6f6b223a352c22737461747573223a3530302c226e657874223a313739353230353130393233397d2c7b226576656e745f6964223a226d73675f574639444b584c35386361585673483047356d447441222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161316637663833336538303030303030303030303032222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c226e756d626572223a332c226174223a313739353234383030343030302c22746f6f6b223a352c22737461747573223a3530302c226e657874223a313739353234393930363439307d2c7b226576656e745f6964223a226d73675f574639444b584c35386361585673483047356d447441222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161316637663833336538303030303030303030303032222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c226e756d626572223a342c226174223a313739353239313230353030302c22746f6f6b223a352c22737461747573223a3530302c226e657874223a313739353239373930393436327d2c7b226576656e745f6964223a226d73675f574639444b584c35386361585673483047356d447441222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161316637663833336538303030303030303030303032222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c226e756d626572223a352c226174223a313739353333343430363030302c22746f6f6b223a352c22737461747573223a3530302c226e657874223a313739353335313136393535327d2c7b226576656e745f6964223a226d73675f574639444b584c35386361585673483047356d447441222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161316637663833336538303030303030303030303032222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c226e756d626572223a362c226174223a313739353337373630373030302c22746f6f6b223a352c22737461747573223a3530302c226e657874223a313739353431353134323435357d2c7b226576656e745f6964223a226d73675f574639444b584c35386361585673483047356d447441222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161316637663833336538303030303030303030303032222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c226e756d626572223a372c226174223a313739353432303830383030302c22746f6f6b223a352c22737461747573223a3530302c226e657874223a313739353435363030383039317d2c7b226576656e745f6964223a226d73675f574639444b584c35386361585673483047356d447441222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161316637663833336538303030303030303030303032222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141414e624e546f4c397063222c226e756d626572223a382c226174223a313739353436343030393030302c22746f6f6b223a352c22737461747573223a3530307d5d7d');
INSERT INTO rollbook.record VALUES (38, 38, 0, 1, '\x75736572', '\x303161323063393164366230303030303030303030303034', '\x5a1a5f3a05d47af101000d65787465726e616c5f69642e31065041524b4544', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a227061726b6564222c22637265617465645f6174223a313739353530373231343030302c22757064617465645f6174223a313739353530373231343030302c2261646465645f6174223a313739353530373231343030302c227374616d70223a39343231393431333831333834327d');
INSERT INTO rollbook.record VALUES (35, 40, 0, 1, '\x776562686f6f6b2d6c6f67', '\x3031613230633931636166383030303030303030303030332f6c6f67', '\x96a296d224f285c60000', '\x7b2272223a312c2277223a312c22617474656d707473223a5b7b226576656e745f6964223a226d73675f31354654496f6e38683663476c356c5f65776d347667222c226576656e74223a22776562686f6f6b2e70696e67222c226e756d626572223a312c226174223a313739353530373231333030302c22746f6f6b223a352c22737461747573223a3230347d2c7b226576656e745f6964223a226d73675f6277704d4c6f74696475546d4a4e6b4367546c527a51222c226576656e74223a22656e645f757365722e63726561746564222c226b696e64223a2275736572222c226964223a22303161323063393164366230303030303030303030303034222c22706f736974696f6e223a22415430527a5367344f4c664c414141414141414141435a56735371772d6c49222c226e756d626572223a312c226174223a313739353530373231353030302c22746f6f6b223a352c22737461747573223a3530332c226e657874223a313739353530373231393732357d5d7d');
INSERT INTO rollbook.record VALUES (6, 6, 1795762805000, 2, '\x73656e736974697665', '\x73656e7369746976652f303161323136613737643038303030303030303030303038', '\x96a296d224f285c60000', '\x7b2272223a312c2277223a312c2276616c756573223a5b7b226b6579223a2263617264222c22756e74696c223a313739353736323830353030302c227365616c6564223a224151686e6232786b5a5734744d5759574d414d6a3350464d4b564555394958667456543446626347456b527a7378642f34746367465838506f4538617866464476476e6342757135227d2c7b226b6579223a2273736e222c22756e74696c223a313739353736323830353030302c227365616c6564223a224151686e6232786b5a5734744d585973733158705a7a414d5433747262505a5963664444796178794531596558766f78304a3259315a6c64655332647451227d5d7d');
INSERT INTO rollbook.record VALUES (7, 8, 0, 2, '\x75736572', '\x303161323136613737643038303030303030303030303038', '\x0d0ed01199dbedc003070d65787465726e616c5f69642e310643524d2dc389076163636f756e741768747470733a2f2f6964702e6578616d706c6500616e6e076163636f756e7408736c61636b00553107656d61696c2e3119414e4e40584e2d2d42434845522d4b56412e4558414d504c4506776f72642e3103414e4e06776f72642e3102415306776f72642e310553484f574e0b67726f75702e6578616374075465616d2dc3890b67726f75702e657861637407726f7461746564086d6574616461746109706c616e007465616d', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a2243524d2dc389222c226e616d65223a22416e6e2c2061732073686f776e222c2266697273745f6e616d65223a22416e6e222c226c6173745f6e616d65223a224f274e65696c20e69d8e222c22656d61696c223a22416e6e4042c3bc636865722e6578616d706c65222c22617661746172223a2268747470733a2f2f6578616d706c652e636f6d2f612e706e67222c226c616e6775616765223a2270742d4252222c226d65746164617461223a7b226c697374223a5b312c2278222c6e756c6c2c7b2261223a747275657d5d2c22706c616e223a227465616d222c227365617473223a393030373139393235343734303939337d2c2273797374656d5f70726f70657274696573223a7b22736f75726365223a22696d706f7274227d2c226c696e6b65645f6163636f756e7473223a5b7b2274797065223a2268747470733a2f2f6964702e6578616d706c65222c226964223a22616e6e227d2c7b2274797065223a22736c61636b222c226964223a225531227d5d2c2267726f757073223a5b225465616d2dc389222c22726f7461746564225d2c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363430353030302c22757064617465645f6174223a313739353637363430363030302c2261646465645f6174223a313739353637363430353030302c2273656e736974697665223a747275652c227374616d70223a3236353835353538323330383831337d');
INSERT INTO rollbook.record VALUES (9, 9, 0, 2, '\x75736572', '\x303161323136613738346438303030303030303030303039', '\xfa1c7254db5a453d02010d65787465726e616c5f69642e311830314132313641373834443830303030303030303030303907656d61696c2e31104f4e4c59404f4e452e4558414d504c4507656d61696c2e31104f4e4c59404f4e452e4558414d504c45', '\x7b2272223a312c2277223a312c22656d61696c223a226f6e6c79406f6e652e6578616d706c65222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363430373030302c22757064617465645f6174223a313739353637363430373030302c2261646465645f6174223a313739353637363430373030302c227374616d70223a38343734313930323435323030397d');
INSERT INTO rollbook.record VALUES (12, 12, 1795849210000, 2, '\x75736572', '\x303161323136613739303930303030303030303030303062', '\xcfd751f4536e731c01000d65787465726e616c5f69642e310b50524f564953494f4e414c', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a2270726f766973696f6e616c222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363431303030302c22757064617465645f6174223a313739353637363431303030302c2261646465645f6174223a313739353637363431303030302c22657870697265735f6174223a313739353834393231303030302c227374616d70223a33323634313334393137323139307d');
INSERT INTO rollbook.record VALUES (13, 13, 1795676471000, 2, '\x75736572', '\x303161323136613739343738303030303030303030303063', '\xd6f9a6f70222240c01000d65787465726e616c5f69642e310745585049524544', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a2265787069726564222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363431313030302c22757064617465645f6174223a313739353637363431313030302c2261646465645f6174223a313739353637363431313030302c22657870697265735f6174223a313739353637363437313030302c227374616d70223a3132343430383936383631373431337d');
INSERT INTO rollbook.record VALUES (14, 15, 0, 2, '\x75736572', '\x303161323136613739383630303030303030303030303064', '\x97f2f879bed5d16601000d65787465726e616c5f69642e310a4153534f434941544544', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a226173736f636961746564222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363431323030302c22757064617465645f6174223a313739353637363431333030302c2261646465645f6174223a313739353637363431323030302c227374616d70223a3231353036303431363535323937397d');
INSERT INTO rollbook.record VALUES (16, 16, 0, 2, '\x75736572', '\x303161323136613761303330303030303030303030303065', '\x60dbff3b7b67bb7901020d65787465726e616c5f69642e31084c49535445442d3006776f72642e31064c495354454406776f72642e3106504552534f4e', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a226c69737465642d30222c226e616d65223a224c697374656420506572736f6e222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363431343030302c22757064617465645f6174223a313739353637363431343030302c2261646465645f6174223a313739353637363431343030302c227374616d70223a3137373331373435303832313037337d');
INSERT INTO rollbook.record VALUES (17, 17, 0, 2, '\x75736572', '\x303161323136613761343138303030303030303030303066', '\x1079fa2b7a41064401020d65787465726e616c5f69642e31084c49535445442d3106776f72642e31064c495354454406776f72642e3106504552534f4e', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a226c69737465642d31222c226e616d65223a224c697374656420506572736f6e222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363431353030302c22757064617465645f6174223a313739353637363431353030302c2261646465645f6174223a313739353637363431353030302c227374616d70223a3234383332383337383930323239317d');
INSERT INTO rollbook.record VALUES (18, 18, 0, 2, '\x75736572', '\x303161323136613761383030303030303030303030303130', '\xf686d66cf5a42ce501020d65787465726e616c5f69642e31084c49535445442d3206776f72642e31064c495354454406776f72642e3106504552534f4e', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a226c69737465642d32222c226e616d65223a224c697374656420506572736f6e222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363431363030302c22757064617465645f6174223a313739353637363431363030302c2261646465645f6174223a313739353637363431363030302c227374616d70223a32383033353030333532333330327d');
INSERT INTO rollbook.record VALUES (19, 19, 0, 2, '\x75736572', '\x303161323136613761626538303030303030303030303131', '\x81b11ac238f8784601020d65787465726e616c5f69642e31084c49535445442d3306776f72642e31064c495354454406776f72642e3106504552534f4e', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a226c69737465642d33222c226e616d65223a224c697374656420506572736f6e222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363431373030302c22757064617465645f6174223a313739353637363431373030302c2261646465645f6174223a313739353637363431373030302c227374616d70223a3234393739333633373439343232337d');
INSERT INTO rollbook.record VALUES (20, 20, 0, 2, '\x75736572', '\x303161323136613761666430303030303030303030303132', '\x8b264bdcd3cc023801020d65787465726e616c5f69642e31084c49535445442d3406776f72642e31064c495354454406776f72642e3106504552534f4e', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a226c69737465642d34222c226e616d65223a224c697374656420506572736f6e222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363431383030302c22757064617465645f6174223a313739353637363431383030302c2261646465645f6174223a313739353637363431383030302c227374616d70223a37343339343332363032363135347d');
INSERT INTO rollbook.record VALUES (3, 3, 0, 3, '\x75736572', '\x303161323136613763333538303030303030303030303135', '\x98340447d09dec1101000d65787465726e616c5f69642e31025432', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a227432222c22637265617465645f6174223a313739353637363432333030302c22757064617465645f6174223a313739353637363432333030302c2261646465645f6174223a313739353637363432333030302c227374616d70223a39343335353437383139343539337d');
INSERT INTO rollbook.record VALUES (1, 1, 0, 4, '\x75736572', '\x303161323136613764326638303030303030303030303136', '\x22823694a65891b401001165787465726e616c5f69642e65786163740430303141', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a2230303141222c22637265617465645f6174223a313739353637363432373030302c22757064617465645f6174223a313739353637363432373030302c2261646465645f6174223a313739353637363432373030302c227374616d70223a3138323934353039383033313731357d');
INSERT INTO rollbook.record VALUES (2, 2, 0, 4, '\x75736572', '\x303161323136613764366530303030303030303030303137', '\x4e635a85401112c701001165787465726e616c5f69642e65786163740430303161', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a2230303161222c22637265617465645f6174223a313739353637363432383030302c22757064617465645f6174223a313739353637363432383030302c2261646465645f6174223a313739353637363432383030302c227374616d70223a3132363938303831383236353730347d');
INSERT INTO rollbook.record VALUES (1, 1, 0, 5, '\x75736572', '\x303161323136613764616338303030303030303030303138', '\xcee871d7da51897b01020d65787465726e616c5f69642e311830314132313641374441433830303030303030303030313806776f72642e31064e4f424f445906776f72642e310153', '\x7b2272223a312c2277223a312c226e616d65223a224e6f626f64792773222c22637265617465645f6174223a313739353637363432393030302c22757064617465645f6174223a313739353637363432393030302c2261646465645f6174223a313739353637363432393030302c227374616d70223a3237383032393639393734343431347d');
INSERT INTO rollbook.record VALUES (21, 21, 1795762830000, 2, '\x616e73776572', '\x6964656d2f39656234373638666663393065396533613539366336613639623138313361303433333463666633326633353937626235353437303136656661363339323265', '\x96a296d224f285c60000', '\x7b2272223a312c2277223a312c2272657175657374223a2235343132366336396132636630353663366439623237373764313631653562343262666338376337313337646363313861633532373265663737643937663232222c22646964223a2263726561746564222c226b696e64223a2275736572222c226964223a22303161323136613764656230303030303030303030303139227d');
INSERT INTO rollbook.record VALUES (22, 22, 0, 2, '\x75736572', '\x303161323136613764656230303030303030303030303139', '\xc9ecd334e7e2fd4201010d65787465726e616c5f69642e310a52454d454d424552454406776f72642e31044f4e4345', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a2272656d656d6265726564222c226e616d65223a224f6e6365222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363433303030302c22757064617465645f6174223a313739353637363433303030302c2261646465645f6174223a313739353637363433303030302c227374616d70223a35313031303535323739343039367d');
INSERT INTO rollbook.record VALUES (23, 23, 1795762831000, 2, '\x616e73776572', '\x6964656d2f66366363373566383537623035353365333635376434386562303663653732373732343032353031623837396463306134336635353838326135626461646235', '\x96a296d224f285c60000', '\x7b2272223a312c2277223a312c2272657175657374223a2234643835336133303837313862343130363864663832316265623463333966363930363839326665383563656230643937363832626263613538643861323338222c22646964223a2263726561746564222c226b696e64223a2267726f7570222c226964223a22303161323136613765323938303030303030303030303161222c22746f6b656e223a224151686e6232786b5a5734744d624a72757364712f6c787930455339544861796e4263476e704f675a6f557361585955584766562f37714639434c33507458485a6e743372352f554f767439416f4135546d4b562f316a6974526a73326b794863547a786b52643670774d516c504971504572306e4171397a6c76454a3248786a624f32347a2f58227d');
INSERT INTO rollbook.record VALUES (24, 24, 0, 2, '\x67726f7570', '\x303161323136613765323938303030303030303030303161', '\xef26b58e17d7662103001167726f75705f65787465726e616c5f69640a72656d656d62657265640c67726f75705f6e756d6265720a313432333838363139340b67726f75705f746f6b656e4066303766363963396335313138633635376662366235343437393235363265386231666566346233653034656136326238336231656464383061616563623830', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a2272656d656d6265726564222c226e756d626572223a313432333838363139342c22746f6b656e5f68617368223a2266303766363963396335313138633635376662366235343437393235363265386231666566346233653034656136326238336231656464383061616563623830222c22746f6b656e223a224151686e6232786b5a5734744d6472412f566345337261536a766636316d7a5533674e676c3536646c597945466b3737617143486e7248695a3571414d734f77544b387461506950574a455147564845445330754d6b543535574279373835532b437a326d7857577744465652737357454b6f756b41324e36426747646b2b637533593662743335222c22637265617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22757064617465645f6279223a2261646d696e4061636d652e6578616d706c65222c22637265617465645f6174223a313739353637363433313030302c22757064617465645f6174223a313739353637363433313030302c2261646465645f6174223a313739353637363433313030302c227374616d70223a3136353738333632393938363231347d');
INSERT INTO rollbook.record VALUES (1, 1, 0, 6, '\x75736572', '\x303161323136613765363830303030303030303030303162', '\x97f457b5df88cf1501000d65787465726e616c5f69642e31094b45455053414b4553', '\x7b2272223a312c2277223a312c2265787465726e616c5f6964223a226b65657073616b6573222c226d65746164617461223a7b22637572736f72223a22416645425545666a50654f504141414141414141414177222c226e657720746f6b656e223a2262393432343334343262383838633766373534396434333731383162336533623436303037613433626664656664393935343964306237343632366438303338222c226f6c6420746f6b656e223a2261623638393936366331636438316662666531346663643064623739636631666538346164333139623863653135646461363438666134663164633530326665222c22706f736974696f6e223a22416159446659614c58733839414141414141414141414e56304e6a43716145222c2272656d656d626572656420746f6b656e223a2239613262633330663830363233653332323562663662633666636239666665636432656431613931386132636361393839653039613937626361346237343533222c22746f6b656e223a2263613337323365363835363130656636393339623364376132626336643733323636336439366263643362636165393963306261663335653539636334376230222c22746f6b656e206f6620612067726f75702074686174207761732064656c65746564223a2263633837646161336466373532326166623864323437633039323036656463343333663332353366323132623738363634633939323739366631303634643433222c227472696d6d656420706f736974696f6e223a22416159446659614c5873383941414141414141414141414141414141414141222c2276657273696f6e223a2241514141414141414141414871636b6538747175222c22776562686f6f6b20736563726574223a2277687365635f655737396d317144416b6f4e486e58376367777a726d626a4c7a4978644361716c5671387148766136664d3d227d2c22637265617465645f6174223a313739353637363433323030302c22757064617465645f6174223a313739353637363433323030302c2261646465645f6174223a313739353637363433323030302c227374616d70223a3135323439353632313333363138347d');
INSERT INTO rollbook.schedule VALUES (1798056009000, '\x776562686f6f6b2d64656164', '\x686f6f6b6564');
INSERT INTO rollbook.schedule VALUES (1795507219725, '\x776562686f6f6b2d7475726e', '\x686f6f6b6564');
INSERT INTO rollbook.schedule VALUES (1795593616000, '\x776562686f6f6b', '\x686f6f6b6564');
INSERT INTO rollbook.schedule VALUES (1795762802000, '\x67726f7570', '\x61636d65');
INSERT INTO rollbook.schedule VALUES (1795762805000, '\x73656e736974697665', '\x61636d65');
INSERT INTO rollbook.schedule VALUES (1795676471000, '\x75736572', '\x61636d65');
INSERT INTO rollbook.schedule VALUES (1795762830000, '\x616e73776572', '\x61636d65');
INSERT INTO rollbook.tenant OVERRIDING SYSTEM VALUE VALUES (1, 42, 0, '\x686f6f6b6564');
INSERT INTO rollbook.tenant OVERRIDING SYSTEM VALUE VALUES (3, 4, 2, '\x742f61636d65');
INSERT INTO rollbook.tenant OVERRIDING SYSTEM VALUE VALUES (4, 2, 0, '\x652f457861637420476d6248');
INSERT INTO rollbook.tenant OVERRIDING SYSTEM VALUE VALUES (5, 1, 0, '\x632f652f7bc3bc7d20f09f9880');
INSERT INTO rollbook.tenant OVERRIDING SYSTEM VALUE VALUES (2, 24, 0, '\x61636d65');
INSERT INTO rollbook.tenant OVERRIDING SYSTEM VALUE VALUES (6, 1, 0, '\x6b65657073616b6573');
INSERT INTO rollbook.term VALUES (26, 1, '\x0c776562686f6f6b2d6465616407776562686f6f6b303161316637663833303030303030303030303030303031');
INSERT INTO rollbook.term VALUES (7, 2, '\x047573657207656d61696c2e31414e4e40584e2d2d42434845522d4b56412e4558414d504c45');
INSERT INTO rollbook.term VALUES (7, 2, '\x047573657206776f72642e31414e4e');
INSERT INTO rollbook.term VALUES (7, 2, '\x04757365720b67726f75702e65786163745465616d2dc389');
INSERT INTO rollbook.term VALUES (7, 2, '\x04757365720b67726f75702e6578616374726f7461746564');
INSERT INTO rollbook.term VALUES (7, 2, '\x047573657206776f72642e314153');
INSERT INTO rollbook.term VALUES (7, 2, '\x047573657206776f72642e3153484f574e');
INSERT INTO rollbook.term VALUES (7, 2, '\x0475736572086d65746164617461706c616e007465616d');
INSERT INTO rollbook.term VALUES (9, 2, '\x047573657207656d61696c2e314f4e4c59404f4e452e4558414d504c45');
INSERT INTO rollbook.term VALUES (16, 2, '\x047573657206776f72642e314c4953544544');
INSERT INTO rollbook.term VALUES (16, 2, '\x047573657206776f72642e31504552534f4e');
INSERT INTO rollbook.term VALUES (17, 2, '\x047573657206776f72642e314c4953544544');
INSERT INTO rollbook.term VALUES (17, 2, '\x047573657206776f72642e31504552534f4e');
INSERT INTO rollbook.term VALUES (18, 2, '\x047573657206776f72642e314c4953544544');
INSERT INTO rollbook.term VALUES (18, 2, '\x047573657206776f72642e31504552534f4e');
INSERT INTO rollbook.term VALUES (19, 2, '\x047573657206776f72642e314c4953544544');
INSERT INTO rollbook.term VALUES (19, 2, '\x047573657206776f72642e31504552534f4e');
INSERT INTO rollbook.term VALUES (20, 2, '\x047573657206776f72642e314c4953544544');
INSERT INTO rollbook.term VALUES (20, 2, '\x047573657206776f72642e31504552534f4e');
INSERT INTO rollbook.term VALUES (1, 5, '\x047573657206776f72642e314e4f424f4459');
INSERT INTO rollbook.term VALUES (1, 5, '\x047573657206776f72642e3153');
INSERT INTO rollbook.term VALUES (22, 2, '\x047573657206776f72642e314f4e4345');
SELECT pg_catalog.setval('rollbook.tenant_n_seq', 6, true);
ALTER TABLE ONLY rollbook.change
    ADD CONSTRAINT change_pkey PRIMARY KEY (tenant, revision);
ALTER TABLE ONLY rollbook.dropped
    ADD CONSTRAINT dropped_pkey PRIMARY KEY (n);
ALTER TABLE ONLY rollbook.key
    ADD CONSTRAINT key_pkey PRIMARY KEY (tenant, key);
ALTER TABLE ONLY rollbook.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (version);
ALTER TABLE ONLY rollbook.record
    ADD CONSTRAINT record_pkey PRIMARY KEY (tenant, id);
ALTER TABLE ONLY rollbook.schedule
    ADD CONSTRAINT schedule_pkey PRIMARY KEY (kind, tenant);
ALTER TABLE ONLY rollbook.tenant
    ADD CONSTRAINT tenant_name_key UNIQUE (name);
ALTER TABLE ONLY rollbook.tenant
    ADD CONSTRAINT tenant_pkey PRIMARY KEY (n);
ALTER TABLE ONLY rollbook.term
    ADD CONSTRAINT term_pkey PRIMARY KEY (tenant, term, created);
CREATE UNIQUE INDEX record_created ON rollbook.record USING btree (tenant, kind, created);
CREATE INDEX record_due ON rollbook.record USING btree (tenant, kind, due, created) WHERE (due > 0);
CREATE INDEX schedule_due ON rollbook.schedule USING btree (kind, due);
