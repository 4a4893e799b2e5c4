package keyfile

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	magic   = "rollbook-keyfile "
	version = "1"

	// maxFile is the length of the longest file in bytes: some 9,000 keys.
	maxFile = 1 << 20

	// epoch is how long secrets are sealed under one key, life is how long that key is
	// kept afterwards.
	epoch = time.Hour
	life  = 24 * time.Hour
)

// record is a key in the file.
type record struct {
	KeyInfo
	secret [32]byte
}

// hourOf returns the beginning of the hour of a time.
func hourOf(t time.Time) time.Time { return t.UTC().Truncate(epoch) }

// untilOf returns when the key of an hour is destroyed.
func untilOf(hour time.Time) time.Time { return hour.Add(epoch + life) }

// newDurable returns a new durable key.
func newDurable(now time.Time) record {
	r := record{KeyInfo: KeyInfo{ID: "k-" + random(), Made: now.UTC().Truncate(time.Second)}}
	_, _ = rand.Read(r.secret[:]) // never fails: crypto/rand
	return r
}

// newEpoch returns a new key for the hour of a time. Its ID is random, too: if the clock comes
// back to an hour whose key was destroyed, this is another key.
func newEpoch(now time.Time) record {
	r := newDurable(now)
	r.Epoch, r.Hour = true, hourOf(now)
	r.Until = untilOf(r.Hour)
	r.ID = "e" + r.Hour.Format("2006010215") + "-" + random()
	return r
}

func random() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	return hex.EncodeToString(b[:])
}

// encode returns the contents of a file with these keys.
func encode(records []record) []byte {
	b := make([]byte, 0, 256+160*len(records)) // long enough: growing would leave copies behind
	b = append(b, magic+version+"\n"...)
	for i := range records {
		b = records[i].append(b)
	}
	sum := sha256.Sum256(b)
	b = append(b, "sha256 "...)
	b = hex.AppendEncode(b, sum[:])
	return append(b, '\n')
}

func (r *record) append(b []byte) []byte {
	what := "durable "
	switch {
	case r.Epoch:
		what = "epoch "
	case r.Primary:
		what = "primary "
	}
	b = append(b, what...)
	b = append(b, r.ID...)
	b = append(b, ' ')
	b = strconv.AppendInt(b, r.Made.Unix(), 10)
	if r.Epoch {
		b = append(b, ' ')
		b = strconv.AppendInt(b, r.Hour.Unix(), 10)
	}
	b = append(b, ' ')
	b = base64.RawStdEncoding.AppendEncode(b, r.secret[:])
	return append(b, '\n')
}

const sumLine = len("sha256 \n") + 2*sha256.Size

// decode returns the keys in the contents of a file. It returns ErrVersion or ErrCorrupt
// unless encode made exactly these bytes.
func decode(b []byte) ([]record, error) {
	rest, isOurs := bytes.CutPrefix(b, []byte(magic))
	line, _, whole := bytes.Cut(rest, []byte("\n"))
	switch {
	case !isOurs || !whole:
		return nil, fmt.Errorf("%w: its first line is not that of a key file", ErrCorrupt)
	case string(line) != version:
		if n, err := strconv.ParseUint(string(line), 10, 31); err != nil || n == 0 {
			return nil, fmt.Errorf("%w: its version is not a number", ErrCorrupt)
		}
		return nil, ErrVersion
	case len(b) < len(magic+version+"\n")+sumLine:
		return nil, fmt.Errorf("%w: it is too short", ErrCorrupt)
	}
	lines := b[len(magic+version+"\n") : len(b)-sumLine]
	records := make([]record, 0, bytes.Count(lines, []byte("\n")))
	for len(lines) > 0 {
		line, lines, _ = bytes.Cut(lines, []byte("\n"))
		r, ok := decodeLine(line)
		if !ok || slices.ContainsFunc(records, func(other record) bool { return other.ID == r.ID }) {
			clear(records)
			return nil, fmt.Errorf("%w: line %d is not a key", ErrCorrupt, len(records)+2)
		}
		records = append(records, r)
	}
	again := encode(records)
	defer clear(again)
	primaries := 0
	for i := range records {
		if records[i].Primary {
			primaries++
		}
	}
	switch {
	case !bytes.Equal(again, b):
		clear(records)
		return nil, fmt.Errorf("%w: its checksum is wrong", ErrCorrupt)
	case primaries != 1:
		clear(records)
		return nil, fmt.Errorf("%w: it has %d primary keys", ErrCorrupt, primaries)
	}
	return records, nil
}

// decodeLine returns the key in a line. It accepts spellings that append would not write:
// decode compares the whole file.
func decodeLine(line []byte) (r record, ok bool) {
	parts := bytes.Split(line, []byte(" "))
	if len(parts) < 4 || len(parts) > 5 {
		return record{}, false
	}
	r.ID = string(parts[1])
	r.Primary = string(parts[0]) == "primary"
	r.Epoch = len(parts) == 5
	if r.ID == "" || len(r.ID) > 64 || strings.Trim(r.ID, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		return record{}, false
	}
	if r.Made, ok = decodeTime(parts[2]); !ok {
		return record{}, false
	}
	if r.Epoch {
		if r.Hour, ok = decodeTime(parts[3]); !ok {
			return record{}, false
		}
		r.Until = untilOf(r.Hour)
	}
	secret := parts[len(parts)-1]
	if base64.RawStdEncoding.DecodedLen(len(secret)) != len(r.secret) {
		return record{}, false
	}
	n, err := base64.RawStdEncoding.Decode(r.secret[:], secret)
	return r, err == nil && n == len(r.secret)
}

func decodeTime(digits []byte) (time.Time, bool) {
	n, err := strconv.ParseInt(string(digits), 10, 64)
	return time.Unix(n, 0).UTC(), err == nil
}
