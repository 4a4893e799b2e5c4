// Package postgres keeps records in a schema of a PostgreSQL database, through pgx v5. Most
// programs need [Open] or, on a pool of their own, [New]. [Store.In] writes inside a
// transaction of the host.
//
// The package is a module of its own, so that programs on other databases do not get pgx.
//
// # Writes and reads
//
// Calls of Apply that wait while a transaction is written share the next one, and with it
// its round trip and its commit. A lone call is written at once, in one round trip. Each call
// returns after the commit. A writer is a goroutine that ends when no call waits. Another one
// begins beside it, up to Options.Writers, when it has worked for 10 ms on one transaction, or
// when 64 calls wait.
//
// A write locks the row of its tenant until the transaction ends, so that revisions have no
// gaps and a reader of the feed misses nothing. If another transaction has the lock, such as
// one of the host with [Store.In], the tenant's calls are set aside and tried again every few
// milliseconds. They hold up no other tenant and no connection, and their callers may leave.
// After 100 ms one more transaction, of all in the store, waits for the lock as hosts do, on a
// pool of at least 3 connections, so that hosts which lock a tenant without a break do not
// keep the store from it. Deadlocks
// and serialization failures do not reach a caller outside of In, as long as the role's
// default_transaction_isolation is not serializable: then many writers at once may get
// ErrUnavailable.
//
// Reads are single statements and do not wait for locks. Up to as many run at a time as the
// pool has connections beside those of the writers; the others wait, and tenants take turns.
// List, Count and Due work in steps of a few milliseconds, each in a turn of its own.
// The creation of a record whose first unique key is held is refused by a read, so that
// get-or-create of what exists waits for no lock and no commit, and writes nothing. After a
// few hundred such creations in a row that found no holder only those are read first whose key
// this process has seen in use, until some of the others turn out to be held.
//
// # What survives what
//
// An acknowledged write survives kill -9 of the server and power cuts, if the disk keeps
// what it says it has written. So Open and New refuse a server on which fsync,
// full_page_writes or synchronous_commit is off, with a [*SettingError]. Some file systems
// and hosted services make full_page_writes unnecessary: set Options.AllowUnsafe there. A
// host that sets synchronous_commit to off inside its own transaction decides for itself.
//
// A failover to a standby that replicates asynchronously loses the last acknowledged writes,
// as it does for every other table. With synchronous_standby_names set, and
// synchronous_commit not local, it does not. After
// such a loss the store gives the same revisions again to other writes; package enduser
// notices that in versions and feed positions. Reads must go to the primary: Open connects
// only to servers that can be written to, unless the DSN has target_session_attrs. A pool
// given to [New] needs the same; a read from a standby may miss acknowledged writes.
//
// # How a write can fail
//
// A write that fails with ErrStale, ErrTaken, ErrDamaged, ErrInvalid, ErrUnavailable or the
// context's own error was not done. It fails with ErrUnknown if the context ends, or the
// connection breaks, after the transaction was sent and before its answer came: the server
// may have committed it. The store does not send such a write again.
//
// If the server rejects a transaction (the disk is full, it has become a standby, a timeout
// of its own), all calls in it fail with ErrUnavailable, which wraps a *pgconn.PgError. A call
// that violates a constraint, which only damage can lead to, fails alone.
//
// # Inside a transaction of the host
//
//	err := pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
//		if _, err := tx.Exec(ctx, `INSERT INTO orders …`); err != nil {
//			return err
//		}
//		_, err := users.On(st.In(tx)).Tenant("acme").Create(ctx, spec)
//		return err
//	})
//
// The transaction may be of any pool or connection to the same database. What was written
// shows with its commit, at once, to all stores. Calls of [Store.Wait] learn of it by
// Options.Notify, else within 200 ms. See [Store.In] for locks and deadlocks.
//
// # PgBouncer
//
// The store works behind PgBouncer in transaction mode: it sets nothing on a connection and
// takes no lock that outlives a transaction. Before version 1.21, and without
// max_prepared_statements, PgBouncer has no prepared statements: add
// default_query_exec_mode=exec (or cache_describe) to the DSN, or set it in the pool's
// ConnConfig. The store then sends its statements unprepared, at about 50 µs each. If it
// is missing, the store notices when names of statements are unknown twice in a second, and
// does the same. A DISCARD ALL of a host on a pool that it shares costs a connection. LISTEN
// needs a direct connection: see Options.ListenDSN.
//
// # Rights
//
// The role needs CREATE on the database the first time, or an empty schema that it owns, and
// no extension. A role that only uses a schema that another has migrated needs USAGE on it,
// and SELECT, INSERT, UPDATE and DELETE on its tables.
//
// # Damage
//
// A record's keys and terms have a checksum. If it does not match, the record is damaged
// ([store.ErrDamaged]). Bodies and notes have none: that is left to PostgreSQL's own page
// checksums (initdb --data-checksums). The removal of a damaged record reads all rows of its
// tenant in the indexes to find those of the record.
//
// [Store.Verify] holds the tables against each other, beside writes, and mends what follows from
// the records. It trusts PostgreSQL's own indexes: pg_amcheck checks those, and REINDEX mends
// them.
//
// # Deleting for good
//
// PostgreSQL keeps deleted and overwritten rows until VACUUM, which autovacuum does by itself,
// and their bytes in the free space of its pages after that. The store cannot zero them, so that
// it is no [store.Scrubber]. An administrator can, while no transaction, standby or replication
// slot holds an older snapshot. Each table is locked while it is written anew:
//
//	VACUUM (FULL, ANALYZE) rollbook.record, rollbook.key, rollbook.term, rollbook.change,
//		rollbook.tenant, rollbook.schedule, rollbook.dropped;
//	VACUUM (FULL) pg_catalog.pg_statistic; -- it had samples of IDs and keys
//	CHECKPOINT;
//
// Beyond that the bytes are in the WAL, until its segments are overwritten or removed, in its
// archive, on standbys and in backups, as long as those are kept; and in the server's log if it
// logs the parameters of statements.
//
// # Backups
//
// Every way of PostgreSQL's own will do: pg_dump of the schema, which has one moment of all
// tables, a base backup with the archived WAL, or a snapshot of the disk. No writer has to stop.
// The functions are a part of the schema, and name it: restore it whole, under the name that it
// had.
//
//	pg_dump --format=custom --schema=rollbook --file=rollbook.dump app
//	pg_restore --exit-on-error --dbname=app rollbook.dump # where there is no such schema yet
//	psql --dbname=app --command=ANALYZE
//
// A schema that is restored in the place of one that was written to later is a loss of history,
// as with a failover. The store goes on from the restored revisions, and gives some of them
// again to other writes. Package enduser notices that: a reader of the feed that has come further
// than the restored end is refused, and so is a version from the lost history; the others go on.
// Stores that are open may stay open. What was deleted since the backup is there again, people
// and tenants included: delete them again.
//
// Sealed values can be read with the keys of the enduser.Keyring only, which are not in the
// database. Keep them elsewhere, and each of them as long as a backup that may have been made
// with it. To tell whether a copy is whole, open it and call Verify.
//
// # Reading with SQL
//
// The view rollbook_records has one row for each record:
//
//	tenant    text    name of the tenant
//	kind, id  text
//	created   bigint  revision of the creation
//	revision  bigint  revision of the last write
//	due       bigint  milliseconds since the Unix epoch, 0: never
//	data      text    the body, as it was given
//
// The view rollbook_users has one row for each user that package enduser keeps:
//
//	tenant, id                          text
//	external_id, name, email            text    NULL where the user has none
//	revision                            bigint
//	created_at, updated_at, expires_at  bigint  milliseconds since the Unix epoch; NULL: never
//	body                                jsonb   NULL if the body is not JSON, or has a character
//	                                            that the database's encoding has not; NUL is U+FFFD
//	tenant_bytes, id_bytes              bytea   the same as tenant and id, with an index
//
// Expired users are in it until they are swept. A join by tenant and id reads all users; one
// by the columns of bytes uses the index:
//
//	SELECT o.number, u.name FROM orders o JOIN rollbook.rollbook_users u
//	ON u.tenant_bytes = convert_to(o.tenant, 'UTF8') AND u.id_bytes = convert_to(o.user_id, 'UTF8')
//
// A query never fails on a value. What is not text in the encoding of the database is
// escaped, as in \000. Sensitive values are in no column but the bodies, sealed. The views
// are stable. The tables, columns and functions behind them may change with the schema;
// never write to them. Its version is in the table migration, beside the
// one that a program must know at least: an earlier program fails with [ErrNewerSchema].
//
// # Versions
//
// Tested with PostgreSQL 15. Nothing is used that 13 to 18 do not have.
package postgres
