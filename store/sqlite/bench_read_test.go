package sqlite

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"testing"

	"modernc.org/sqlite"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
	"github.com/rollbook-go/rollbook/store"
)

// BenchmarkGet reads users by their external ID with 64 callers: through this
// package with two readers and with one, and through db.QueryRow on a pool
// without a limit.
func BenchmarkGet(b *testing.B) {
	path, c := prepareDatabase(b, 50_000)
	people := slices.Concat(c.known[:]...)

	one := openReaders(b, path, 1)
	two := openReaders(b, path, 2)
	naive := naiveReader(b, path)

	var r ratios.Set
	for b.Loop() {
		for range ratios.Passes(b) {
			n := readPass(b, people, naive)
			n1 := readPass(b, people, one)
			n2 := readPass(b, people, two)
			b.Logf("naive %.0f/s p99 %v, one reader %.0f/s p99 %v, two readers %.0f/s p99 %v",
				n.perSecond, n.p99, n1.perSecond, n1.p99, n2.perSecond, n2.p99)
			r.Add("reads/s", n2.perSecond)
			r.Add("x-naive-queryrow", n2.perSecond/n.perSecond)
			r.Add("x-one-reader", n2.perSecond/n1.perSecond)
		}
	}
	r.Report(b)
}

const naiveGetByKey = `SELECT r.id, r.kind, r.created, r.revision, r.due, r.keys, r.data
	FROM rollbook_space s CROSS JOIN rollbook_key k ON k.space = s.n
	CROSS JOIN rollbook_record r ON r.rid = k.rid AND r.tenant = s.tenant
	WHERE s.tenant = ` + numberOf + ` AND s.record = '' AND s.key = ?2 AND k.value = ?3`

type get func(ctx context.Context, p person) error

func openReaders(b *testing.B, path string, readers int) get {
	b.Helper()
	s, err := Open(b.Context(), path, &Options{Readers: readers})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = s.Close() })
	return func(ctx context.Context, p person) error {
		_, err := s.Get(ctx, p.tenant, store.Key{Kind: "external", Value: p.external})
		return err
	}
}

func naiveReader(b *testing.B, path string) get {
	b.Helper()
	connector, err := sqlite.NewConnector("file://" + filepath.ToSlash(path) + "?_pragma=busy_timeout(10000)")
	if err != nil {
		b.Fatal(err)
	}
	db := sql.OpenDB(connector)
	b.Cleanup(func() { _ = db.Close() })
	return func(ctx context.Context, p person) error {
		var r store.Record
		var due int64
		var keys []byte
		err := db.QueryRowContext(ctx, naiveGetByKey, p.tenant, "external", p.external).
			Scan(&r.ID, &r.Kind, &r.Created, &r.Revision, &due, &keys, &r.Data)
		if err != nil {
			return err
		}
		_, _, err = parseKeys(keys)
		return err
	}
}

func readPass(b *testing.B, people []person, read get) pass {
	b.Helper()
	return measure(b, 3, func(ctx context.Context, _ int, rng *rand.Rand) func() error {
		p := people[rng.IntN(len(people))]
		return func() error { return read(ctx, p) }
	})
}
