package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// ErrStaleLog is returned by Open and New if the log beside the database (-wal, -shm)
// belongs to another one: a copy replaced the database and the old log was left, or the
// database or its log was removed alone. SQLite would mix the two. Nothing was changed;
// "Restoring" in the package documentation has the steps.
var ErrStaleLog = errors.New("the log beside the database is not its own")

// Every transaction of the writer gives the database a new mark, a random number, and
// keeps the one before. So the log holds the marks of all its transactions and the one
// that was in the file when it began. If the mark in the file itself, read without the
// log, is none of these, the log was written for another file.
//
// A host's transaction may be written by several Tx, of several stores: only the first mark
// counts, since another would hide the one that the file has.
//
// VACUUM and SQLite's backup API write every page in one transaction, and the backup API
// may bring any mark. The log then has all pages: nothing can be mixed, and the log is
// accepted.
const (
	sqlMark       = `UPDATE rollbook_mark SET before = mark, mark = randomblob(16) WHERE n = 1`
	sqlMarkOnce   = sqlMark + ` AND mark = ?`
	sqlReadMark   = `SELECT (SELECT mark FROM rollbook_mark WHERE n = 1)`
	sqlReadBefore = `SELECT (SELECT before FROM rollbook_mark WHERE n = 1)`
	sqlMarkPage   = `SELECT p.data FROM sqlite_schema s, sqlite_dbpage p
		WHERE s.type = 'table' AND s.name = 'rollbook_mark' AND p.pgno = s.rootpage`

	// sqlHeader is the first page of the file. A database made by VACUUM INTO or from a
	// dump is not in WAL mode (byte 19 is 1) and cannot have a log.
	sqlHeader = `SELECT data FROM sqlite_dbpage WHERE pgno = 1`
)

type mark [16]byte

// foundLog is what was found beside a database before it was opened.
type foundLog struct {
	marked bool // there is a log that holds a mark
	copied bool // the database was made by VACUUM INTO or Backup, and never opened
}

// checkLog returns ErrStaleLog if the log beside the database at path is not its own. It retries, since the files do not match while
// other processes write them. A process that keeps writing the log has checked it.
func checkLog(ctx context.Context, path string) (found foundLog, err error) {
	for range 5 {
		var salt [8]byte
		if salt, err = logSalt(path); err != nil {
			return found, err
		}
		found, err = compareLog(ctx, path, salt)
		if err == nil || ctx.Err() != nil {
			return found, ctx.Err()
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if errors.Is(err, errLogMoves) {
		err = nil
	}
	return foundLog{}, err
}

var errLogMoves = errors.New("another process keeps writing the log")

func compareLog(ctx context.Context, path string, salt [8]byte) (found foundLog, err error) {
	mode, has, err := fileMark(ctx, path)
	if err != nil {
		return found, nil //nolint:nilerr // opening a file that is unreadable or no database has the better error
	}
	log, err := readLog(path)
	if err != nil {
		return found, err
	}
	end, err := logSalt(path) // another one means that the log has begun again meanwhile
	if err != nil {
		return found, err
	}
	_, err = os.Stat(path + shmSuffix)
	index := err == nil // of the log, shared by the processes that have it open
	stale := func(why string) error {
		return fmt.Errorf("%w: %s: stop every process that has %q open; then either put back the database that the"+
			" log was written for or, to go on without what is in the log, remove %[3]q and %[4]q",
			ErrStaleLog, why, path, path+walSuffix, path+shmSuffix)
	}
	switch {
	case mode == modeNone && (log.committed || index):
		return found, stale("there is no database")
	case mode == modeOther && (log.committed || index):
		return found, stale("the database is a copy that had none")
	case index && !log.exists:
		return found, stale("the log was removed")
	case log.salt != salt || end != salt:
		return found, errLogMoves
	}
	found = foundLog{marked: len(log.marks) > 0, copied: mode == modeOther}
	if has == nil || log.whole || !found.marked {
		return found, nil
	}
	if _, ok := log.marks[*has]; !ok {
		return foundLog{}, stale("it begins with another state than the database has")
	}
	return found, nil
}

// The journal modes in the header of a file.
const (
	modeNone  = 0 // there is no file, or an empty one
	modeOther = 1
	modeWAL   = 2
)

// fileMark reads the file alone, without its log; has is nil if there is no mark. A crash
// may have left a checkpoint half done, and then the schema and the page that it names are
// of different times. So the page must look exactly like that of the mark.
//
// It reads through SQLite and takes no lock: if this process has the file open, closing it
// in any other way would release its locks
// (https://sqlite.org/howtocorrupt.html section 2.2).
func fileMark(ctx context.Context, path string) (mode byte, has *mark, err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0:
		return modeNone, nil, nil
	case err != nil:
		return 0, nil, err
	}
	uri, err := databaseURI(path)
	if err != nil {
		return 0, nil, err
	}
	db, err := openPool(uri+"?immutable=1&mode=ro", 1)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = db.Close() }() // nothing was written
	var page []byte
	if err := db.QueryRowContext(ctx, sqlHeader).Scan(&page); err != nil {
		return 0, nil, err
	}
	if len(page) < 20 {
		return 0, nil, errCorrupt
	}
	mode = page[19]
	if info.Size() == int64(len(page)) { // nothing was checkpointed yet, and the log has all
		return mode, &mark{}, nil
	}
	if err := db.QueryRowContext(ctx, sqlMarkPage).Scan(&page); err != nil {
		return mode, nil, nil // there is no mark
	}
	if marks := marksOf(page); marks != nil {
		has = &marks[1]
	}
	return mode, has, nil
}
