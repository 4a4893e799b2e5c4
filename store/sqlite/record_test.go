package sqlite

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// rowOf returns what recordColumn is for a record.
func rowOf(r *store.Record, keys []byte) []byte {
	return fmt.Appendf(nil, "%d %d %d %d %d %d %s%s%s%s", r.Created, r.Revision, store.Millis(r.Due),
		len(r.ID), len(r.Kind), len(keys), r.ID, r.Kind, keys, r.Data)
}

func hostileRecord(n int) store.Record {
	return store.Record{
		ID: fmt.Sprint("7 \x00é", n), Kind: "a kind\x00", Created: store.Revision(n + 1), Revision: 1 << 62,
		Unique: []store.Key{{Kind: "k", Value: strings.Repeat(" ", n)}, {Kind: "\x00", Value: fmt.Sprint(n)}},
		Index:  []store.Key{{Kind: "w", Value: "ann"}}, Due: store.FromMillis(int64(n)), Data: []byte("\x00 1 2 3\xff"),
	}
}

// TestRowsAreNotShared: records that a page's recordRow scans are right, and what is done to
// one does not change another.
func TestRowsAreNotShared(t *testing.T) {
	var want, got []store.Record
	row := new(recordRow)
	for n := range 300 {
		r := hostileRecord(n)
		want = append(want, r)
		if err := row.Scan(rowOf(&r, encodeKeys(r.Unique, r.Index))); err != nil || row.damaged != nil {
			t.Fatal(err, row.damaged)
		}
		got = append(got, row.rec)
	}
	for i := range got {
		r := got[i]
		_ = append(r.Unique, store.Key{Kind: "another"})
		_ = append(r.Index, store.Key{Kind: "another"})
		_ = append(r.Data, "another"...)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if most := max(sharedText, 2*len("7 é299"+strings.Repeat(" ", 300))); row.text.Cap() > 2*most || cap(row.keys) > backend.MaxShared {
		t.Errorf("a piece has %d bytes and %d keys", row.text.Cap(), cap(row.keys))
	}
}

// TestLargeRecordsShareNothing: what is kept of a small record keeps no large one.
func TestLargeRecordsShareNothing(t *testing.T) {
	for _, size := range []int{sharedText, sharedText + 1, 20_000, 200_001} {
		row := new(recordRow)
		large, small := row.join([]byte("large"), make([]byte, size)), row.join([]byte("small"), nil)
		if len(large) != size+5 || small != "small" || row.text.Cap() > sharedText*5/4 {
			t.Errorf("after %d bytes: %d bytes and %q, in a piece of %d", size, len(large), small, row.text.Cap())
		}
	}
}

// TestMalformedRows: what is not a row is refused, and a damaged record has its ID, wherever
// the row is cut.
func TestMalformedRows(t *testing.T) {
	row := new(recordRow)
	for _, value := range []any{
		nil, int64(1), "1 1 0 1 1 0 ab", []byte(""), []byte("1 2 3 4 5"), []byte("1 2 3 4 5 6"), []byte("1 2 3 4 5 6 "),
		[]byte("1 1 0 -1 0 0 "), []byte("1 1 0 9223372036854775807 1 0 ab"), []byte("1 1 0 1 1 9223372036854775808 ab"),
		[]byte("1.5 1 0 1 1 0 ab"), []byte("1  1 0 1 1 0 ab"), []byte("x 1 0 1 1 0 ab"),
	} {
		if err := row.Scan(value); !errors.Is(err, errRow) {
			t.Errorf("%q: %v", value, err)
		}
	}
	r := hostileRecord(3)
	keys := encodeKeys(r.Unique, r.Index)
	whole := rowOf(&r, keys)
	body := len(whole) - len(r.Data)
	for n := range whole {
		switch err := row.Scan(bytes.Clone(whole[:n])); {
		case n < body && !errors.Is(err, errRow):
			t.Fatalf("cut at %d of %d: %v", n, len(whole), err)
		case n >= body && (err != nil || row.damaged != nil || len(row.rec.Data) != n-body):
			t.Fatalf("cut at %d of %d: %v, %v, %q", n, len(whole), err, row.damaged, row.rec.Data)
		}
	}
	keys[0] ^= 1
	want := store.Record{ID: r.ID, Kind: r.Kind, Created: r.Created, Revision: r.Revision, Due: r.Due}
	if err := row.Scan(rowOf(&r, keys)); err != nil || !errors.Is(row.damaged, store.ErrDamaged) {
		t.Errorf("damaged keys: %v, %v", err, row.damaged)
	} else if diff := cmp.Diff(want, row.rec, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
}

// TestDriverMakesNewSlices: recordRow keeps what the driver gives it.
func TestDriverMakesNewSlices(t *testing.T) {
	s, err := Open(t.Context(), filepath.Join(t.TempDir(), "users.db"), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	rows, err := s.reads.query(t.Context(), `SELECT x'6161' UNION ALL SELECT x'6262' UNION ALL SELECT x'6363'`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var all keeper
	for rows.Next() {
		if err := rows.Scan(&all); err != nil {
			t.Fatal(err)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%s", all); got != "[aa bb cc]" {
		t.Errorf("the driver has changed a slice that it gave: %s", got)
	}
}

// keeper keeps what it scans.
type keeper [][]byte

func (k *keeper) Scan(value any) error {
	b, _ := value.([]byte)
	*k = append(*k, b)
	return nil
}
