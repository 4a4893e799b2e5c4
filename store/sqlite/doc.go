// Package sqlite keeps records in a SQLite file, through modernc.org/sqlite, which
// needs no C compiler. Most programs need [Open] only; [New] is for hosts that keep
// tables of their own in the same file.
//
// # Writes and reads
//
// One connection writes. Calls of Apply that wait while a transaction is written
// share the next one, and with it the cost of making it durable. A lone call is
// written at once. Each call returns after the commit. The first write starts a
// goroutine that does this; Close ends it.
//
// A batch that only creates one record whose first unique key is held waits for no commit: to
// get or create what exists costs a read, which refuses it. After a few hundred such reads that
// found no holder, only keys that this Store has seen in use are read first, until others turn
// out to be held, too. While many calls replace records nothing is read first: the writer looks,
// and answers before it commits. Where the reading pool is the host's ([New]) and has no free
// connection, such a read is given up after 10 ms.
//
// Reads use a pool of their own and do not wait for writes. Up to Options.Readers of
// them run at a time; the others wait, and tenants take turns. List, Count and
// Due work in steps of a few milliseconds, each in a turn of its own. If there are two
// readers or more, these calls, and Changes of more than a hundred entries, never use the
// last free one, so that a Get does not wait for them. No transaction outlives the step that needs it.
//
// A query with several terms walks the rarest of them and looks up the others for each
// entry. To find the rarest, it counts up to 1,000 entries of each term. The entries that
// it walks are those that [store.Query].Budget bounds and [store.CallInfo].Looked counts.
//
// # What survives what
//
//	                        process crash, kill -9    power cut, crash of the OS
//	Options.Sync = Full     all acknowledged writes   all acknowledged writes
//	Options.Sync = Normal   all acknowledged writes   the last ones may be lost
//
// Neither ever leaves half a batch, or an index that differs from its records.
// Full, the default, asks the disk to make each commit durable, and can promise no more
// than the disk. Nothing survives the loss of the disk: see Backups.
//
// # Limits
//
// A file has room for 33 million tenants, and a tenant for 274 billion revisions. Writes
// that would need more fail with ErrUnavailable. Each of the other tenants goes on.
//
// # How a write can fail
//
// A write that fails with ErrStale, ErrTaken, ErrDamaged, ErrInvalid, ErrUnavailable
// or the context's own error was not done. A write fails with ErrUnknown only if the context
// ends while its transaction is written, if the COMMIT itself fails, or if after the COMMIT
// another file is at the path.
//
// If a statement fails, when the disk is full for example, the whole transaction is
// rolled back and every call in it fails with ErrUnavailable. The next transaction begins on
// a new connection.
//
// # Damage
//
// A record's keys and terms have a checksum. If it does not match, the record is
// damaged ([store.ErrDamaged]). Bodies and notes have none: that is left to the file
// system. A fault that SQLite itself finds in the file is ErrUnavailable.
//
// The removal of a damaged record reads all rows of its tenant in the indexes to find
// those of the record. It takes about a second for each million users, and no other
// write runs meanwhile.
//
// # Several processes
//
// Any number of processes of one machine may have the file open, each with this
// package. A write waits for the lock of the file as long as its context and
// Options.LockTimeout allow. [Store.Wait] sees the writes of other processes
// within about 200 ms.
//
// Network file systems are not supported: WAL mode needs shared memory and locks
// that work. A program that has the file open must not open, copy or hash it without
// SQLite: when it closes the file, POSIX drops the locks of the whole
// process. No SQLite before 3.51.3, such as an old command-line tool, may write to
// a file in use: it has a defect that can lose commits.
//
// # In a transaction of the host
//
// [Store.In] makes a store that works inside a transaction which the host has begun on
// the same file, so that users and the host's own tables change together or not at all.
// The host commits it, and what the store has written is done with that. Tables in a file
// that is attached are another matter: in WAL mode a crash can leave one file without the other.
//
// The transaction must begin with BEGIN IMMEDIATE, on a connection with the writer's
// settings (see Settings), except that busy_timeout may be longer. A pool that is opened
// with [DSN] has all that. Under other settings the store reads but refuses to write; without
// foreign_keys it refuses every call. A deferred transaction can be read in; a write in it
// fails, with ErrAborted, if anybody has written since its first read. The first write reads
// once through the Store, too, for which it needs a connection of the reading pool: if the pool
// is the host's ([New]) and none gets free within Options.LockTimeout, it fails with ErrAborted.
//
// SQLite has one writer. While the transaction is open, all other writes wait, of every
// tenant and every process. After Options.LockTimeout they fail with ErrUnavailable. So
// begin it late, end it soon, and wait for no one inside. Write nothing through the Store
// itself, or a Manager on it, until the transaction has ended: that write waits for the
// transaction, and the transaction for the write. The same happens if the transaction has
// the only connection of a pool that was given to New. The log gets a line for each wait
// of more than 100 ms, and for each transaction in which the store is used more than 100
// ms after In.
//
// Reads through the Store go on meanwhile, and see nothing of the transaction before the
// commit. Then every handle in every process sees all of it. Calls of [Store.Wait] wake
// within 250 ms, and feeds and sweeps go on from there. A savepoint of the host that is
// rolled back to takes with it what the store has written since.
//
// One goroutine at a time may use the transaction. A call does not end with its context,
// which is checked before it begins, and between the steps of a list: calls are short,
// and an interrupted statement would end the transaction. If the context that was given
// to BeginTx ends, database/sql rolls the transaction back, and calls return ErrAborted.
//
// A refusal, such as ErrTaken, leaves the transaction as it was. So does a failed
// statement of the host, unless it makes SQLite end the transaction, as an interrupt or an
// I/O error can: the next write through the store notices. If a statement of the store
// fails, or the store is closed, or the file at the path is another one, that call and
// all later ones return ErrAborted. The store then undoes the whole transaction, with its
// savepoints, and sees to it that the host's COMMIT fails, even if the host ignores the error
// ("FOREIGN KEY constraint failed"), and takes with it all that the host runs until then. The
// commit itself is the host's: the store cannot compare the file after it, as it does after its own.
//
// # Settings
//
// Open makes these settings on every connection and reads them back. New
// requires them of its pools, and In of the host's connection.
//
//	                 writer              reader              why
//	journal_mode     WAL                 (in the file)       reads and writes do not wait for each other
//	synchronous      FULL or NORMAL                          Options.Sync
//	secure_delete    1                                       what is deleted is zeroed
//	foreign_keys     1                                       for tables of the host, and how In aborts
//	trusted_schema   0                   0                   a forged schema cannot call functions
//	busy_timeout     10 (New: to 250)    100 (New: to 250)   while the driver waits for a lock it ignores contexts
//
// Only Open makes these:
//
//	query_only                           1
//	temp_store       MEMORY              MEMORY              no sort leaves data in a file
//	cache_size       32 MiB              32 MiB              Options.CacheSize
//	mmap_size        1 GiB               1 GiB               Options.MmapSize; readers do not scale without it
//	journal_size_limit  64 MiB                               a log that has grown shrinks again
//	wal_autocheckpoint  4000 pages                           with Full: the log is copied into the file at 16 MiB, and what changes often less often
//
// They are written for this driver, as in "?_pragma=secure_delete(1)"; it ignores
// the spellings of others. The database must be in UTF-8, as it is unless it was made
// otherwise. SQLite must be 3.51.3 or later, because of a defect
// that could lose commits.
//
// # Deleting for good
//
// With secure_delete a deleted or overwritten record is zeroed in the page that
// held it. Older copies of the page stay in the log, and one in the file, until the log has been
// copied into the file and later writes have gone over it. That begins when the log has 16
// MiB, or later if reads keep it from beginning again. [Store.Scrub] empties the log.
// Backups keep what they hold.
//
// # The file at the path
//
// SQLite keeps writing to a file that was deleted, or that another was moved over, and
// what it writes there is lost. So the writer compares the file at the path, and the two
// beside it (-wal, -shm), with those that it has open: before each transaction, and after
// its commit before it answers. If one is gone or is another file, the calls that were
// committed fail with ErrUnknown, the log gets one line, and every later call fails
// with ErrUnavailable and [ErrReplaced] until the store is closed and opened again. So must a
// pool of the host be: in a transaction of the old file, In reads the old file, and a write fails
// with ErrAborted and ErrReplaced.
// Reads compare at most every 10 ms, so that a read may return what was at the path up
// to 10 ms ago.
//
// If a later version of this package changes the schema, all later calls fail, too, with
// ErrUnavailable and [ErrNewerSchema]. A write notices it at once, reads within a second.
//
// A copy into the file itself (cp, rsync --inplace) goes unnoticed, since it stays the
// same file. SQLite's own ways, such as restoring a copy with its backup API, are
// transactions like any other, and the store continues with the restored records. A store
// from New compares the files beside the database only from its first write on, while it
// keeps a connection.
//
// Every transaction leaves a mark in the database. From it Open tells whether a log
// that it finds is the database's own, and returns [ErrStaleLog] if it is not, before
// it changes anything. New does the same, but its pools may have opened the file before.
//
// Open cannot tell whose log it is, and accepts it, in three cases:
//
//   - The log holds no write of Rollbook, but only writes of the host, for example.
//   - The database was replaced by a copy of its own pages that was made since this log
//     began. The store then has the newest state, not that of the copy.
//   - VACUUM or the backup API has written every page of the database to the log.
//
// # Backups
//
// [Store.Backup] copies the database to a new file while the store is in use: of one moment, for
// its owner alone, under its name only when it is whole and on the disk. It copies about as fast
// as the disk reads and writes. VACUUM INTO 'copy.db' on any connection takes longer and makes a
// smaller file, which others can read where the umask allows it. Litestream works: it relies on
// WAL mode and its own checkpoints. Do not copy the file with tools that know nothing of SQLite.
//
// Sealed values are of no use without their keyring, which no backup has. Keep the two apart.
//
// # Restoring
//
// Stop every process that has the database open, and call [Restore]. It checks the whole backup
// first, and replaces the database only if nobody has it open. To keep what is replaced, move it
// out of the way before, with the -wal and -shm beside it: the last writes may be in the -wal alone.
//
// A process that was not stopped when files are moved by hand gets [ErrReplaced]. If the -wal or
// -shm was left beside a copy, Open fails with [ErrStaleLog]; Restore with Replace then works.
//
// # Verifying
//
// [Store.Verify] reads everything, and can mend all that follows from the records. Lost names of
// tenants and faults that SQLite itself finds in the file it cannot mend: for the former restore a
// backup, for the latter VACUUM INTO a new file, or a backup.
//
// # Dropping tenants
//
// [Store.Drop] takes a tenant's name away in one transaction, and deletes the rest, such as a long
// feed, in steps between which others write. If the process ends before, the next Drop of any
// tenant goes on, or Verify with Mend. The tenant's number is given to another only then.
//
// # Reading with SQL
//
// The view rollbook_records has one row for each record:
//
//	tenant    TEXT     name of the tenant
//	kind, id  TEXT
//	created   INTEGER  revision of the creation
//	revision  INTEGER  revision of the last write
//	due       INTEGER  milliseconds since the Unix epoch, 0: never
//	data      TEXT     the body, as it was given
//
// Where bodies are JSON, SQLite's functions read them:
//
//	SELECT id, data ->> '$.name' FROM rollbook_records
//	WHERE tenant = 'acme' AND kind = 'user' ORDER BY created LIMIT 50
//
// The view rollbook_users has one row for each user of package enduser, for joins with the
// tables of a host. It shows no sensitive values and no tokens:
//
//	tenant       TEXT     name of the tenant
//	id           TEXT     the user's own ID
//	external_id  TEXT     NULL if there is none, like all that follows
//	name         TEXT     the name to show: name, or first and last name
//	email        TEXT
//	revision     INTEGER  revision of the last write
//	created_at   INTEGER  milliseconds since the Unix epoch, like the next two
//	updated_at   INTEGER
//	expires_at   INTEGER  NULL: never; an expired user stays until the next sweep
//	body         TEXT     the user as JSON; NULL if the record holds something else
//
// A join names tenant and ID, which have an index:
//
//	SELECT o.number, u.name FROM orders o
//	JOIN rollbook_users u ON u.tenant = o.tenant AND u.id = o.user_id
//
// SQLite would read all users for a LEFT JOIN with it. A subquery in its place does not:
//
//	SELECT o.number, (SELECT u.name FROM rollbook_users u
//		WHERE u.tenant = o.tenant AND u.id = o.user_id) FROM orders o
//
// Package enduser puts "t/" before the name of a tenant's Testing environment, "e/" where
// external IDs are compared exactly, "et/" for both, and "c/" before a name that begins
// like that.
//
// The views are stable. The tables and columns behind them may change with the schema;
// never write to them. Values may hold NUL characters, at which length(), LIKE and many
// tools stop. The version of the schema is in rollbook_migration. It only goes up.
//
// # The driver
//
// modernc.org/sqlite registers the name "sqlite" with database/sql, as does
// github.com/glebarez/go-sqlite, which some GORM drivers use: a program
// that links both panics at its start. And modernc.org/libc must have exactly
// the version that the go.mod of modernc.org/sqlite names: check it after go get -u.
package sqlite
