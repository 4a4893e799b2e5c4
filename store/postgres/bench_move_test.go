package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// BenchmarkImport imports parts of 1,000 records with an entry, a unique key and three terms each,
// and has COPY write the same rows into the same tables in a transaction, in turns. The
// ratio is the time of COPY to that of Import.
func BenchmarkImport(b *testing.B) {
	h := newHome(b)
	s := h.open(b, nil)
	conn, err := pgx.Connect(b.Context(), h.direct)
	must(b, err)
	defer func() { must(b, conn.Close(context.WithoutCancel(b.Context()))) }()
	put(b, s, "by hand", store.Create(user("a"), nil))
	must(b, s.Import(b.Context(), "imported", benchPart(1_000_000)))
	var imported, copied time.Duration
	n := 0
	for b.Loop() {
		p := benchPart(n)
		begun := time.Now()
		must(b, s.Import(b.Context(), fmt.Sprint("imported", n), p))
		imported += time.Since(begun)
		begun = time.Now()
		must(b, pgx.BeginFunc(b.Context(), conn, func(tx pgx.Tx) error { return copyPart(b.Context(), tx, h.schema, 1_000_000+n, p) }))
		copied += time.Since(begun)
		n++
	}
	b.ReportMetric(float64(copied)/float64(imported), "of-COPY")
	b.ReportMetric(float64(imported.Microseconds())/float64(n*store.MaxLimit), "µs/record")
}

func benchPart(n int) (p store.Part) {
	for i := range store.MaxLimit {
		rev := store.Revision(i + 1)
		id := fmt.Sprintf("%08d-%08d", n, i)
		r := store.Record{
			ID: id, Kind: "user", Created: rev, Revision: rev, Data: []byte(strings.Repeat("x", 400)),
			Unique: []store.Key{{Kind: "ext", Value: "external-" + id}},
			Index:  []store.Key{{Kind: "name", Value: "ann"}, {Kind: "word", Value: id[:12]}, {Kind: "plan", Value: "pro"}},
		}
		p.Records = append(p.Records, r)
		p.Changes = append(p.Changes, store.Change{Seq: rev, Revision: rev, Type: store.Created, Kind: "user", ID: id, Note: []byte("note")})
	}
	return p
}

// copyPart writes what Import does, and checks nothing.
func copyPart(ctx context.Context, tx pgx.Tx, schema string, tenant int, p store.Part) error {
	var records, keys, terms, changes [][]any
	for i, r := range p.Records {
		records = append(records, []any{tenant, int64(r.Created), int64(r.Revision), int64(0), []byte(r.Kind), []byte(r.ID), postgres.EncodeKeys(r), r.Data})
		keys = append(keys, []any{tenant, []byte(postgres.KeyName(r.Unique[0])), []byte(r.ID)})
		for _, term := range r.Index {
			terms = append(terms, []any{tenant, []byte(postgres.TermName(r.Kind, term)), int64(r.Created)})
		}
		c := p.Changes[i]
		changes = append(changes, []any{tenant, int64(c.Seq), int16(c.Type), []byte(c.Kind), []byte(c.ID), c.Note})
	}
	for _, t := range []struct {
		name, columns string
		rows          [][]any
	}{
		{"record", "tenant created revision due kind id keys data", records},
		{"key", "tenant key id", keys},
		{"term", "tenant term created", terms},
		{"change", "tenant revision type kind id note", changes},
	} {
		if _, err := tx.CopyFrom(ctx, pgx.Identifier{schema, t.name}, strings.Fields(t.columns), pgx.CopyFromRows(t.rows)); err != nil {
			return err
		}
	}
	return nil
}

// BenchmarkDrop drops a tenant whose feed has 200,000 entries, while another tenant is written to.
// It reports the 99th percentile of these writes as a multiple of that of as many writes beside
// nothing, and how long Drop took.
func BenchmarkDrop(b *testing.B) {
	h := newHome(b)
	s := h.open(b, nil)
	n := 0
	write := func() time.Duration {
		begun := time.Now()
		n++
		put(b, s, "other", store.Create(user(fmt.Sprint(n)), []byte("note")))
		return time.Since(begun)
	}
	var alone, beside []time.Duration
	var took time.Duration
	for b.Loop() {
		put(b, s, "t", store.Create(user("a"), nil))
		put(b, s, "t", store.Remove("a", "user", nil))
		_, err := h.admin.Exec(b.Context(), h.in(`INSERT INTO rollbook.change (tenant, revision, type, kind, id, note)
			SELECT t.n, i + 2, 1, 'user', 'some-id-of-a-user', 'a note of some length' FROM rollbook.tenant t, generate_series(1, 200000) i WHERE t.name = 't'`))
		must(b, err)
		_, err = h.admin.Exec(b.Context(), h.in(`UPDATE rollbook.tenant SET revision = 200002 WHERE name = 't'; CHECKPOINT`))
		must(b, err)
		done := make(chan error, 1)
		begun := time.Now()
		go func() {
			err := s.Drop(b.Context(), "t")
			took += time.Since(begun)
			done <- err
		}()
		for during := len(beside); ; {
			beside = append(beside, write())
			select {
			case err := <-done:
				must(b, err)
				for range len(beside) - during {
					alone = append(alone, write())
				}
			default:
				continue
			}
			break
		}
	}
	p99 := func(all []time.Duration) float64 {
		slices.Sort(all)
		return float64(all[len(all)*99/100])
	}
	b.ReportMetric(p99(beside)/p99(alone), "p99-of-alone")
	b.ReportMetric(float64(len(beside))/float64(b.N), "writes")
	b.ReportMetric(took.Seconds()*1000/float64(b.N), "drop-ms")
}
