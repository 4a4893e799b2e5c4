-- A tenant's number stands for its name in every other table. Every write of a tenant locks
-- its row, so that revisions have no gaps and become visible in their order.
CREATE TABLE rollbook.tenant (
  n        integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  revision bigint NOT NULL,            -- of the last op
  trimmed  bigint NOT NULL DEFAULT 0,  -- the last entry of the feed that was forgotten
  name     bytea  NOT NULL UNIQUE
) WITH (fillfactor = 50);              -- so that a new version of a row fits beside the old one

CREATE TABLE rollbook.record (
  created  bigint  NOT NULL,
  revision bigint  NOT NULL,
  due      bigint  NOT NULL,           -- milliseconds since the Unix epoch, 0: never
  tenant   integer NOT NULL,
  kind     bytea   NOT NULL,
  id       bytea   NOT NULL,
  keys     bytea   NOT NULL,           -- unique keys and index terms, in their order, and a checksum
  data     bytea   NOT NULL,
  PRIMARY KEY (tenant, id)
) WITH (fillfactor = 90);

CREATE UNIQUE INDEX record_created ON rollbook.record (tenant, kind, created);
CREATE INDEX record_due ON rollbook.record (tenant, kind, due, created) WHERE due > 0;

-- The holder of each unique key. A row counts only if the record that it names lists the
-- key: a table may be damaged. A key is the length of its kind in a byte, its kind and its
-- value.
CREATE TABLE rollbook.key (
  tenant integer NOT NULL,
  key    bytea   NOT NULL,
  id     bytea   NOT NULL,
  PRIMARY KEY (tenant, key)
);

-- The records that have each index term, in the order of lists. A row counts only if a
-- record of the tenant and kind has its created. A term is the length of the record's
-- kind in a byte, that kind, and the term as a key has it.
CREATE TABLE rollbook.term (
  created bigint  NOT NULL,
  tenant  integer NOT NULL,
  term    bytea   NOT NULL,
  PRIMARY KEY (tenant, term, created)
);

CREATE TABLE rollbook.change (
  revision bigint   NOT NULL,
  tenant   integer  NOT NULL,
  type     smallint NOT NULL,          -- 1 created, 2 updated, 3 deleted
  kind     bytea    NOT NULL,
  id       bytea    NOT NULL,
  note     bytea    NOT NULL,
  PRIMARY KEY (tenant, revision)
);

-- The earliest due of each tenant and kind that has one, so that a search for due records
-- never visits the tenants that have none. It has the tenant's name, in whose order the
-- search goes.
CREATE TABLE rollbook.schedule (
  due    bigint NOT NULL,
  kind   bytea  NOT NULL,
  tenant bytea  NOT NULL,
  PRIMARY KEY (kind, tenant)
);

CREATE INDEX schedule_due ON rollbook.schedule (kind, due);

-- The numbers of tenants that were dropped and of which rows are left. No tenant gets the
-- number of another.
CREATE TABLE rollbook.dropped (
  forgotten bigint  NOT NULL DEFAULT 0, -- the last entry of the feed that was deleted
  n         integer PRIMARY KEY
);
