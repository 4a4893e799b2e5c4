// Package sqlite keeps records in a SQLite file, through modernc.org/sqlite, which
// needs no C compiler. [Open] is all that most programs need; [New] serves hosts
// that keep tables of their own in the same file.
//
// # Writes and reads
//
// One connection writes. Calls of Apply that wait while a transaction is written
// share the next one, and with it the price of making it durable; a lone call is
// written at once. A call is answered after the commit. The first write starts a
// goroutine that does this; Close ends it.
//
// Reads use a pool of their own and do not wait for writes. Up to Options.Readers of
// them run at a time, and where more want to, the tenants take turns. List, Count and
// Due work in steps of a few milliseconds, each in a turn of its own. They, and Changes
// of more than a hundred entries, leave one reader of two or more free, so that a Get
// does not wait for them. No transaction outlives the step that needs it.
//
// Of the terms of a query the rarest is walked, and its entries are what
// [store.Query].Budget counts and [store.CallInfo] calls looked at; the other terms
// are looked up for each. To find the rarest, up to 1,000 entries of each are counted.
//
// # What survives what
//
//	                        process crash, kill -9    power cut, crash of the OS
//	Options.Sync = Full     all acknowledged writes   all acknowledged writes
//	Options.Sync = Normal   all acknowledged writes   the last ones may be lost
//
// Neither ever leaves half a batch, or an index that differs from its records.
// Full, the default, asks the disk to make each commit durable and is as good as
// the disk's answer. Nothing survives the loss of the disk: see Backups.
//
// # How a write can fail
//
// A write that fails with ErrStale, ErrTaken, ErrDamaged, ErrInvalid, ErrUnavailable
// or the context's own error was not done. It is ErrUnknown only if the context ended
// while its transaction was being written, if the COMMIT itself failed, or if the file
// at the path was another after it. When
// a statement fails (the disk is full, say) the whole transaction is rolled back,
// every call in it gets ErrUnavailable, and the next one begins on a new
// connection.
//
// # Damage
//
// A record's keys and terms are kept with a checksum: one whose bits have changed is
// damaged ([store.ErrDamaged]). Bodies and notes have none: that is for the file system.
// What SQLite itself finds wrong with the file is ErrUnavailable.
// A damaged record's rows in the indexes can only be found by looking at all of its
// tenant's, so that removing one takes a second or so for each million users, in which
// nobody else writes.
//
// # Several processes
//
// Any number of processes of one machine may have the file open, each with this
// package. A write waits for the lock of the file as long as its context and
// Options.LockTimeout allow. [Store.Wait] sees the writes of other processes
// within about 200 ms.
//
// Network file systems are not supported: WAL mode needs shared memory and locks
// that work. A program that has the file open must not open, copy or hash it by
// other means than SQLite: on closing it, POSIX drops the locks of the whole
// process. For the same reason no SQLite before 3.51.3, such as an old
// command-line tool, may write to a file in use.
//
// # Settings
//
// Open makes these settings on every connection and reads them back; New
// requires them of the pools that it is given.
//
//	                 writer              reader              why
//	journal_mode     WAL                 (in the file)       reads and writes do not wait for each other
//	synchronous      FULL or NORMAL                          Options.Sync
//	secure_delete    1                                       what is deleted is zeroed
//	foreign_keys     1                                       for tables of the host
//	trusted_schema   0                   0                   a forged schema cannot call functions
//	busy_timeout     10 (New: to 250)    100 (New: to 250)   the driver waits for locks without looking at contexts
//
// These are Open's alone:
//
//	query_only                           1
//	temp_store       MEMORY              MEMORY              no sort leaves data in a file
//	cache_size       64 MiB              64 MiB              Options.CacheSize
//	mmap_size        1 GiB               1 GiB               Options.MmapSize; readers do not scale without it
//	journal_size_limit  64 MiB                               a log that has grown shrinks again
//
// They are written for this driver, as in "?_pragma=secure_delete(1)"; it ignores
// the spellings of others. SQLite has to be 3.51.3 or later, because of a defect
// that could lose commits.
//
// # Deleting for good
//
// With secure_delete a deleted or overwritten record is zeroed in the page that
// held it. Older copies of the page stay in the log until [Store.Scrub] empties
// it. Backups keep what they hold.
//
// # The file at the path
//
// SQLite goes on with a file that was deleted or that another was moved over, and what
// it writes there is lost. So the writer compares the file at the path, and the two
// beside it (-wal, -shm), with those that it has open, before each transaction and again
// after its commit, before anybody is answered. If one is gone or is another file, those
// whose writes were committed get ErrUnknown, the log gets one line, and every call fails
// with ErrUnavailable and [ErrReplaced] until the store is closed and opened again.
// Reads compare every 10 ms at most: one may return what was there so long ago. The same
// holds for a later version of this package that has changed the schema, which the
// writer sees in its transaction and reads within a second ([ErrNewerSchema]).
//
// What cannot be noticed: that something was copied into the file itself (cp, rsync
// --inplace), since it stays the same file. SQLite's own ways, such as restoring a copy
// with its backup API, are transactions like any other, and the store goes on with what
// they have put there. With New, what is beside the file is compared only from the first
// write on, while the store keeps a connection.
//
// Every transaction leaves a mark in the database. Open uses it to tell whether a log
// that it finds is the database's own and refuses another with [ErrStaleLog], before
// anything is changed; so does New, but its pools may have opened the file before. A log
// in which no Rollbook has written, such as one that holds writes of the host alone,
// cannot be told. A log whose database was exchanged for a copy of its pages from the
// time of this very log completes it: the result is the newest state, not the copy's. So
// does one in which VACUUM or the backup API has written every page, whatever was there.
//
// # Backups
//
// VACUUM INTO 'copy.db' on any connection makes a consistent copy while the store
// is in use. SQLite makes the new file readable by others where the umask allows it;
// into an empty file that exists it writes without changing its permissions, so make
// one first that only its owner can read (umask 077). Litestream works: it relies on WAL
// mode and its own checkpoints. Do not copy the file with tools that know nothing of
// SQLite.
//
// # Restoring
//
//  1. Stop every process that has the database open.
//  2. Move the database, and -wal and -shm beside it, out of the way. What was written
//     last may be in the -wal alone: keep the three together.
//  3. Move the copy to the path (not into the old file) and start again.
//
// A process that was not stopped, or files that were left, are refused as said above.
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
// The view is stable; tables and columns behind it may change with the schema
// and are never to be written to. Values may hold NUL characters, at which
// length(), LIKE and many tools stop. The schema's version is in
// rollbook_migration; it only goes up, and a version that this package does not
// know is refused with [ErrNewerSchema].
//
// # The driver
//
// modernc.org/sqlite registers the name "sqlite" with database/sql, as does
// github.com/glebarez/go-sqlite, which some GORM drivers bring along: a program
// that links both panics at its start. And modernc.org/libc has to be exactly
// the version that modernc.org/sqlite's own go.mod names: after go get -u, look
// at it again.
package sqlite
