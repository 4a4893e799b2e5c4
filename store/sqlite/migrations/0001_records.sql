-- A tenant's number stands for its name in the tables below. A tenant that was dropped has no
-- name, and its row stays until all that has the number is deleted: then another may get it.
CREATE TABLE rollbook_tenant (
  n        INTEGER PRIMARY KEY,
  name     TEXT    UNIQUE,
  revision INTEGER NOT NULL,            -- of the last op
  trimmed  INTEGER NOT NULL DEFAULT 0   -- the last entry of the feed that was forgotten
) STRICT;

-- The parts into which the indexes of a tenant fall: the records of a kind (key is ''), the
-- records of a kind that have a term of a kind, and the unique keys of a kind (record is '').
-- A number keeps the index rows short.
CREATE TABLE rollbook_space (
  n      INTEGER PRIMARY KEY,
  tenant INTEGER NOT NULL,
  record TEXT    NOT NULL,
  key    TEXT    NOT NULL,
  UNIQUE (tenant, record, key)
) STRICT;

CREATE TABLE rollbook_record (
  rid      INTEGER PRIMARY KEY,
  tenant   INTEGER NOT NULL,
  space    INTEGER NOT NULL,            -- of tenant and kind
  id       TEXT    NOT NULL,
  kind     TEXT    NOT NULL,
  created  INTEGER NOT NULL,
  revision INTEGER NOT NULL,
  due      INTEGER NOT NULL,            -- milliseconds since the Unix epoch, 0: never
  keys     BLOB    NOT NULL,            -- unique keys and index terms, in their order, and a checksum
  data     BLOB    NOT NULL,            -- last, so that no other column lies behind overflow pages
  UNIQUE (tenant, id)
) STRICT;

CREATE UNIQUE INDEX rollbook_record_created ON rollbook_record (space, created);
CREATE INDEX rollbook_record_due ON rollbook_record (space, due) WHERE due > 0;

-- The holder of each unique key. A row counts only if the record that it names lists
-- the key: a file may be damaged.
CREATE TABLE rollbook_key (
  space INTEGER NOT NULL,
  value TEXT    NOT NULL,
  rid   INTEGER NOT NULL,
  PRIMARY KEY (space, value)
) STRICT, WITHOUT ROWID;

-- The records that have each index term, in the order of lists. A row counts only if
-- the record that it names has its created, which no two records of a tenant and kind share.
CREATE TABLE rollbook_term (
  space   INTEGER NOT NULL,
  value   TEXT    NOT NULL,
  created INTEGER NOT NULL,
  rid     INTEGER NOT NULL,
  PRIMARY KEY (space, value, created)
) STRICT, WITHOUT ROWID;

-- The feeds. The number of an entry has its revision in the lower 38 bits and its tenant above
-- them: SQLite appends to a table that is ordered by one number without comparing columns.
CREATE TABLE rollbook_change (
  n     INTEGER PRIMARY KEY,
  entry BLOB    NOT NULL                -- type, kind and ID of the record, and the note
) STRICT;

-- The earliest due of each tenant and kind that has one, so that a search for
-- due records never visits the tenants that have none. Tenants come in the order of their names.
CREATE TABLE rollbook_schedule (
  kind   TEXT    NOT NULL,
  tenant TEXT    NOT NULL,
  due    INTEGER NOT NULL,
  PRIMARY KEY (kind, tenant)
) STRICT, WITHOUT ROWID;

CREATE INDEX rollbook_schedule_due ON rollbook_schedule (kind, due);

-- One row, which every transaction changes: it tells whether a log that is found beside
-- the database is its own. The name is how the row is recognized in the log.
CREATE TABLE rollbook_mark (
  n      INTEGER PRIMARY KEY,
  name   TEXT NOT NULL,
  before BLOB NOT NULL,
  mark   BLOB NOT NULL
) STRICT;

INSERT INTO rollbook_mark VALUES (1, 'rollbook', zeroblob(16), randomblob(16));

-- For people and reports; see "Reading with SQL" in the package documentation.
CREATE VIEW rollbook_records AS
  SELECT t.name AS tenant, s.record AS kind, r.id, r.created, r.revision, r.due,
         CAST(r.data AS TEXT) AS data
    FROM rollbook_tenant t
    JOIN rollbook_space s ON s.tenant = t.n AND s.key = ''
    JOIN rollbook_record r ON r.tenant = t.n AND r.space = s.n;

-- The users that package enduser keeps, for joins with the tables of a host. A body that is
-- not JSON is no error.
CREATE VIEW rollbook_users AS
  SELECT tenant, id,
         body ->> '$.external_id' AS external_id,
         ifnull(body ->> '$.name', nullif(concat_ws(' ', body ->> '$.first_name', body ->> '$.last_name'), '')) AS name,
         body ->> '$.email' AS email,
         revision,
         body ->> '$.created_at' AS created_at,
         body ->> '$.updated_at' AS updated_at,
         nullif(due, 0) AS expires_at,
         body
    FROM (SELECT tenant, id, revision, due, iif(json_valid(data), data, NULL) AS body
            FROM rollbook_records WHERE kind = 'user');
