package sqlite

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
)

// walLog is what a log holds: https://sqlite.org/fileformat2.html#the_write_ahead_log.
type walLog struct {
	exists    bool
	salt      [8]byte
	committed bool              // it holds a transaction
	whole     bool              // one of them, except the first of all, wrote every page
	marks     map[mark]struct{} // of its transactions, and those before them
}

const (
	walHeader   = 32
	frameHeader = 24
)

// logSalt returns the random number that a log gets when it begins again.
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
		return log, nil // SQLite ignores such a log
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

// markCell is the beginning of the only row of rollbook_mark in its page: its length,
// the rowid, and the types of NULL (the rowid again), a text of 8 bytes and two blobs of
// 16; see https://sqlite.org/fileformat2.html#record_format.
const markCell = "\x2d\x01\x05\x00\x1d\x2c\x2crollbook"

// marksOf returns the two marks of a page of the table rollbook_mark. Of any other page
// it returns none.
func marksOf(page []byte) []mark {
	const leaf, cells, at = 13, 3, 8 // kind of page; offsets of the number and place of its cells
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
