package sqlite

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"
)

// ErrStaleLog is returned by Open and New if the log beside the database (-wal, -shm) is
// not its own: a copy was put in the place of the database and the log of the one before
// was left, or the database or its log was removed alone. SQLite would mix both. Nothing
// was changed; "Restoring" in the package documentation has the steps.
var ErrStaleLog = errors.New("sqlite: the log beside the database is not its own")

// Every transaction of the writer gives the database a new mark, a random number, and
// keeps the one before. So the log holds the marks of all its transactions and the one
// that was in the file when it began. The mark in the file itself, without the log, is
// one of these, or the file is not the one that the log was written for.
//
// Two things exchange all that is in the database in one transaction: VACUUM, and SQLite's
// backup API, which may bring any mark. After it the log has all pages, so that there is
// nothing to mix, and it is not refused.
const (
	sqlMark     = `UPDATE rollbook_mark SET before = mark, mark = randomblob(16) WHERE n = 1`
	sqlMarkPage = `SELECT p.data FROM sqlite_schema s, sqlite_dbpage p
		WHERE s.type = 'table' AND s.name = 'rollbook_mark' AND p.pgno = s.rootpage`

	// sqlHeader is the first page of the file. A database that VACUUM INTO or a dump has
	// made is not in WAL mode (byte 19 is 1) and cannot have a log.
	sqlHeader = `SELECT data FROM sqlite_dbpage WHERE pgno = 1`
)

type mark [16]byte

// checkLog returns an ErrStaleLog if the log beside the database at path is not its own,
// and reports whether the log holds a mark. Other processes may be at work: what looks
// wrong for a moment is looked at again, and who goes on writing the log has opened it.
func checkLog(ctx context.Context, path string) (marked bool, err error) {
	for range 5 {
		var salt [8]byte
		if salt, err = logSalt(path); err != nil {
			return false, err
		}
		marked, err = compareLog(ctx, path, salt)
		if err == nil || ctx.Err() != nil {
			return marked, ctx.Err()
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
		}
	}
	if errors.Is(err, errLogMoves) {
		err = nil
	}
	return false, err
}

var errLogMoves = errors.New("sqlite: another process goes on writing the log")

func compareLog(ctx context.Context, path string, salt [8]byte) (marked bool, err error) {
	mode, has, err := fileMark(ctx, path)
	if err != nil {
		return false, nil //nolint:nilerr // not a database, or not to be read: opening it says more
	}
	log, err := readLog(path)
	if err != nil {
		return false, err
	}
	end, err := logSalt(path) // a log that began anew meanwhile was not read to its end
	if err != nil {
		return false, err
	}
	_, err = os.Stat(path + shmSuffix)
	index := err == nil // of the log, shared by those who have it open
	stale := func(why string) error {
		return fmt.Errorf("%w: %s: stop every process that has %q open; then either put back the database that the"+
			" log was written for or, to go on without what is in the log, remove %[3]q and %[4]q",
			ErrStaleLog, why, path, path+walSuffix, path+shmSuffix)
	}
	switch {
	case mode == modeNone && (log.committed || index):
		return false, stale("there is no database")
	case mode == modeOther && (log.committed || index):
		return false, stale("the database is a copy that had none")
	case index && !log.exists:
		return false, stale("the log was removed")
	case log.salt != salt || end != salt:
		return false, errLogMoves
	case has == nil || log.whole:
		return len(log.marks) > 0, nil
	case len(log.marks) == 0:
		return false, nil
	}
	if _, ok := log.marks[*has]; !ok {
		return false, stale("it begins with another state than the database has")
	}
	return true, nil
}

// The journal modes that the header of a file tells.
const (
	modeNone  = 0 // there is no file, or an empty one
	modeOther = 1
	modeWAL   = 2
)

// fileMark reads the file alone, without its log; has is nil if there is no mark. A crash
// may have left a checkpoint half done, so that the schema and the page that it names are
// of different times: only what is a mark beyond doubt is one.
//
// It reads through SQLite: if this process has the file open, closing it otherwise would
// release its locks (https://sqlite.org/howtocorrupt.html section 2.2). It takes no lock.
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
	if info.Size() == int64(len(page)) { // nothing was ever in it, and its log has all
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

// walLog is what a log holds: https://sqlite.org/fileformat2.html#the_write_ahead_log.
type walLog struct {
	exists    bool
	salt      [8]byte
	committed bool              // it holds a transaction
	whole     bool              // one of them, not the first of all, wrote every page
	marks     map[mark]struct{} // of its transactions, and those before them
}

const (
	walHeader   = 32
	frameHeader = 24
)

func logSalt(path string) (salt [8]byte, err error) {
	f, err := os.Open(path + walSuffix) //nolint:gosec // the host names it
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return salt, err
	}
	defer f.Close() //nolint:errcheck // SQLite has no locks on the log
	_, err = f.ReadAt(salt[:], 16)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return salt, err
}

// readLog reads the transactions in the log as SQLite would after a crash.
func readLog(path string) (log walLog, err error) {
	f, err := os.Open(path + walSuffix) //nolint:gosec // the host names it
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return log, err
	}
	defer f.Close() //nolint:errcheck // SQLite has no locks on the log
	log.exists = true
	r := bufio.NewReaderSize(f, 1<<20)
	var header [walHeader]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return log, ignoreEOF(err)
	}
	copy(log.salt[:], header[16:24])
	sum, ok := newWALSum(binary.BigEndian.Uint32(header[0:]))
	size := int(binary.BigEndian.Uint32(header[8:]))
	if !ok || size < 512 || size > 1<<16 || !sum.add(header[:24]).is(header[24:]) {
		return log, nil // SQLite takes it for empty
	}
	log.marks = make(map[mark]struct{})
	var pending []mark // of the transaction that is being read
	pages := make(map[uint32]struct{})
	frame := make([]byte, frameHeader+size)
	for {
		if _, err := io.ReadFull(r, frame); err != nil {
			return log, ignoreEOF(err)
		}
		page := frame[frameHeader:]
		if !bytes.Equal(frame[8:16], log.salt[:]) || !sum.add(frame[:8]).add(page).is(frame[16:]) {
			return log, nil
		}
		pending = append(pending, marksOf(page)...)
		pages[binary.BigEndian.Uint32(frame)] = struct{}{}
		count := binary.BigEndian.Uint32(frame[4:]) // of the database after a commit
		if count == 0 {
			continue
		}
		log.committed = true
		for _, m := range pending {
			log.marks[m] = struct{}{}
		}
		all := int(count)
		if all > (1<<30)/size {
			all-- // the page of the locks is never written
		}
		log.whole = log.whole || len(pages) >= all && !slices.Contains(pending, mark{})
		pending = pending[:0]
		clear(pages)
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// walSum is the running checksum of a log, which chains its frames.
type walSum struct {
	order  binary.ByteOrder
	s0, s1 uint32
}

func newWALSum(magic uint32) (*walSum, bool) {
	switch magic {
	case 0x377f0682:
		return &walSum{order: binary.LittleEndian}, true
	case 0x377f0683:
		return &walSum{order: binary.BigEndian}, true
	}
	return nil, false
}

func (s *walSum) add(b []byte) *walSum {
	for ; len(b) >= 8; b = b[8:] {
		s.s0 += s.order.Uint32(b) + s.s1
		s.s1 += s.order.Uint32(b[4:]) + s.s0
	}
	return s
}

func (s *walSum) is(b []byte) bool {
	return binary.BigEndian.Uint32(b) == s.s0 && binary.BigEndian.Uint32(b[4:]) == s.s1
}

// markCell is how the only row of rollbook_mark begins in its page: the length of what
// follows, the rowid, and the types of NULL (the rowid again), a text of 8 bytes and two
// blobs of 16; see https://sqlite.org/fileformat2.html#record_format.
const markCell = "\x2d\x01\x05\x00\x1d\x2c\x2crollbook"

// marksOf returns the two marks of a page that is the table rollbook_mark, else none.
func marksOf(page []byte) []mark {
	const leaf, cells, at = 13, 3, 8 // kind of page; where the number and place of its cells are
	if page[0] != leaf || binary.BigEndian.Uint16(page[cells:]) != 1 {
		return nil
	}
	cell := page[min(int(binary.BigEndian.Uint16(page[at:])), len(page)):]
	if len(cell) < len(markCell)+32 || string(cell[:len(markCell)]) != markCell {
		return nil
	}
	both := cell[len(markCell):]
	return []mark{mark(both[:16]), mark(both[16:32])}
}
