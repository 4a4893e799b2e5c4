-- Writes a part of what another store has of a tenant, whole or not at all. It checks all before
-- it writes anything. It returns what apply_1 does for one batch, in which each record is an op.
CREATE FUNCTION rollbook.import_1(
  lock       bigint,     -- see absence
  name       bytea,
  last       bigint,     -- the highest revision of the part
  forgotten  bigint,     -- the last entry that the other store has forgotten
  twice      integer,    -- index of a record in the place of an earlier one; -1: none
  r_created  bigint[],   -- of records
  r_revision bigint[],
  r_due      bigint[],
  r_kind     bytea[],
  r_id       bytea[],
  r_keys     bytea[],
  r_data     bytea[],
  c_record   integer[],  -- of unique keys, in the order of the records
  c_key      bytea[],
  t_record   integer[],  -- of terms
  t_term     bytea[],
  e_revision bigint[],   -- of entries of the feed
  e_type     smallint[],
  e_kind     bytea[],
  e_id       bytea[],
  e_note     bytea[],
  OUT revisions bigint[], OUT refusals integer[], OUT numbers bigint[], OUT texts bytea[])
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
    FROM rollbook.tenant t WHERE t.name = import_1.name FOR NO KEY UPDATE SKIP LOCKED;
  IF NOT FOUND AND rollbook.absence(false, lock, name) = 'held' THEN
    revisions := '{-1}';
    RETURN;
  END IF;

  SELECT coalesce(array_agg(x.state ORDER BY x.i), '{}') INTO states FROM (
    SELECT u.i, CASE
        WHEN s.id IS NULL THEN CASE WHEN u.i - 1 = twice OR o.there THEN 3 ELSE 0 END
        WHEN s.keys <> u.keys AND rollbook.damaged(s.keys) THEN 4
        WHEN s.created = u.created AND s.revision = u.revision AND s.due = u.due AND s.kind = u.kind
          AND s.keys = u.keys AND s.data = u.data THEN 1
        ELSE 3 END AS state
      FROM unnest(r_created, r_revision, r_due, r_kind, r_id, r_keys, r_data)
        WITH ORDINALITY u (created, revision, due, kind, id, keys, data, i)
      LEFT JOIN LATERAL (SELECT * FROM rollbook.record r
        WHERE r.tenant = tenant_n AND r.id = u.id OFFSET 0) s ON true
      LEFT JOIN LATERAL (SELECT true AS there FROM rollbook.record r
        WHERE r.tenant = tenant_n AND r.kind = u.kind AND r.created = u.created OFFSET 0) o ON true) x;
  SELECT min(u.i) - 1 INTO about FROM unnest(states) WITH ORDINALITY u (state, i) WHERE u.state > 1;
  IF about >= 0 THEN
    reason := states[about + 1];
    blocker := CASE WHEN reason = 4 THEN r_id[about + 1] END;
  END IF;
  newest := greatest(own_trimmed, (SELECT c.revision FROM rollbook.change c
    WHERE c.tenant = tenant_n ORDER BY c.revision DESC LIMIT 1), 0);
  IF reason = 0 THEN
    PERFORM FROM unnest(e_revision, e_type, e_kind, e_id, e_note) u (revision, type, kind, id, note)
      LEFT JOIN LATERAL (SELECT * FROM rollbook.change c
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
      CROSS JOIN LATERAL (SELECT k.id FROM rollbook.key k
        WHERE k.tenant = tenant_n AND k.key = u.key OFFSET 0) k
      CROSS JOIN LATERAL (SELECT FROM rollbook.record r
        WHERE r.tenant = tenant_n AND r.id = k.id OFFSET 0) r
      WHERE states[u.record] = 0;
    IF about > 0 THEN
      SELECT k.id INTO blocker FROM rollbook.key k WHERE k.tenant = tenant_n AND k.key = c_key[about];
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
        FROM rollbook.record r WHERE r.tenant = tenant_n AND r.id = blocker;
    END IF;
    RETURN;
  END IF;

  IF tenant_n IS NULL THEN
    INSERT INTO rollbook.tenant AS t (name, revision, trimmed) VALUES (import_1.name, last, forgotten)
      ON CONFLICT DO NOTHING RETURNING t.n INTO STRICT tenant_n;
  ELSE
    UPDATE rollbook.tenant t SET revision = greatest(own_revision, last), trimmed = greatest(own_trimmed, forgotten)
      WHERE t.ctid = tenant_at AND (last > own_revision OR forgotten > own_trimmed);
  END IF;
  INSERT INTO rollbook.record (tenant, created, revision, due, kind, id, keys, data)
    SELECT tenant_n, u.created, u.revision, u.due, u.kind, u.id, u.keys, u.data
    FROM unnest(states, r_created, r_revision, r_due, r_kind, r_id, r_keys, r_data)
      u (state, created, revision, due, kind, id, keys, data) WHERE u.state = 0;
  -- Damage may have left rows of indexes behind.
  INSERT INTO rollbook.key AS k (tenant, key, id)
    SELECT tenant_n, u.key, r_id[u.record] FROM unnest(c_record, c_key) u (record, key) WHERE states[u.record] = 0
    ON CONFLICT (tenant, key) DO UPDATE SET id = excluded.id;
  INSERT INTO rollbook.term (tenant, term, created)
    SELECT tenant_n, u.term, r_created[u.record] FROM unnest(t_record, t_term) u (record, term) WHERE states[u.record] = 0
    ON CONFLICT DO NOTHING;
  IF forgotten > own_trimmed THEN
    DELETE FROM rollbook.change c WHERE c.tenant = tenant_n AND c.revision <= forgotten;
  END IF;
  INSERT INTO rollbook.change (tenant, revision, type, kind, id, note)
    SELECT tenant_n, u.revision, u.type, u.kind, u.id, u.note
    FROM unnest(e_revision, e_type, e_kind, e_id, e_note) u (revision, type, kind, id, note) WHERE u.revision > newest;
  PERFORM rollbook.reschedule(tenant_n, name, x.kind)
    FROM (SELECT DISTINCT u.kind FROM unnest(states, r_due, r_kind) u (state, due, kind) WHERE u.state = 0 AND u.due > 0) x;
  revisions := ARRAY[last];
END
$body$;

-- Deletes up to a number of rows of each table of a tenant that was dropped. It reports whether
-- rows are left, of it or another.
CREATE FUNCTION rollbook.forget_1(step integer) RETURNS boolean
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
  before bigint;
  last bigint;
  entries integer;
  keys integer;
  terms integer;
BEGIN
  SELECT d.n, d.forgotten INTO tenant_n, before FROM rollbook.dropped d ORDER BY d.n LIMIT 1 FOR UPDATE SKIP LOCKED;
  IF NOT FOUND THEN -- others are at it
    RETURN false;
  END IF;
  SELECT max(o.revision), count(*) INTO last, entries FROM (SELECT c.revision FROM rollbook.change c
    WHERE c.tenant = tenant_n AND c.revision > before ORDER BY c.revision LIMIT step) o;
  DELETE FROM rollbook.change c WHERE c.tenant = tenant_n AND c.revision > before AND c.revision <= last;
  DELETE FROM rollbook.key k USING (SELECT k.ctid FROM rollbook.key k WHERE k.tenant = tenant_n
    ORDER BY k.key LIMIT step) o WHERE k.ctid = o.ctid;
  GET DIAGNOSTICS keys = ROW_COUNT;
  DELETE FROM rollbook.term x USING (SELECT x.ctid FROM rollbook.term x WHERE x.tenant = tenant_n
    ORDER BY x.term, x.created LIMIT step) o WHERE x.ctid = o.ctid;
  GET DIAGNOSTICS terms = ROW_COUNT;
  IF greatest(entries, keys, terms) < step THEN
    DELETE FROM rollbook.dropped d WHERE d.n = tenant_n;
  ELSE
    UPDATE rollbook.dropped d SET forgotten = coalesce(last, before) WHERE d.n = tenant_n;
  END IF;
  PERFORM FROM rollbook.dropped LIMIT 1;
  RETURN FOUND;
END
$body$;

-- Forgets a tenant that has no records, and returns what apply_1 does for one batch. Its revision
-- is 2 if rows of it, or of another tenant that was dropped, are left to forget_1.
CREATE FUNCTION rollbook.drop_1(
  name bytea, step integer,
  OUT revisions bigint[], OUT refusals integer[], OUT numbers bigint[], OUT texts bytea[])
LANGUAGE plpgsql
SET search_path = pg_catalog
SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off
SET enable_bitmapscan = off
AS $body$
DECLARE
  tenant_n integer;
  of_kind bytea := '';
BEGIN
  SELECT t.n INTO tenant_n FROM rollbook.tenant t WHERE t.name = drop_1.name FOR UPDATE SKIP LOCKED;
  IF FOUND THEN
    PERFORM FROM rollbook.record r WHERE r.tenant = tenant_n LIMIT 1;
    IF FOUND THEN
      revisions := '{0}';
      refusals := '{0, 3, -1}';
      numbers := '{0, 0, 0}';
      texts := ARRAY['', '', '', '']::bytea[];
      RETURN;
    END IF;
    DELETE FROM rollbook.tenant t WHERE t.n = tenant_n;
    INSERT INTO rollbook.dropped (n) VALUES (tenant_n);
    LOOP -- over the few kinds that have anything scheduled: only damage leaves some of the tenant
      SELECT s.kind INTO of_kind FROM rollbook.schedule s WHERE s.kind > of_kind ORDER BY s.kind LIMIT 1;
      EXIT WHEN NOT FOUND;
      DELETE FROM rollbook.schedule s WHERE s.kind = of_kind AND s.tenant = drop_1.name;
    END LOOP;
  ELSE
    PERFORM FROM rollbook.tenant t WHERE t.name = drop_1.name;
    IF FOUND THEN -- another transaction has locked it
      revisions := '{-1}';
      RETURN;
    END IF;
  END IF;
  revisions := CASE WHEN rollbook.forget_1(step) THEN '{2}' ELSE '{1}' END::bigint[];
END
$body$;
