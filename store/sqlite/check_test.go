package sqlite_test

import (
	"database/sql"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// checkFile checks a database in which no record is damaged.
func checkFile(t testing.TB, path string) {
	t.Helper()
	if n := checkIndexes(t, path); n > 0 {
		t.Errorf("%d records are damaged", n)
	}
}

// checkIndexes compares every index of a database with its records, by SQL and the
// stored keys of each record alone, and has SQLite check the file. It returns how many
// records are damaged; if any is, it cannot compare.
func checkIndexes(t testing.TB, path string) (damaged int) {
	t.Helper()
	conn, done := raw(t, path)
	defer done()
	checkSQLite(t, conn)
	var keys, terms []string
	for _, r := range query(t, conn, `SELECT tenant, kind, rid, created, keys FROM rollbook_record`) {
		unique, index, err := sqlite.ParseKeys(r[4].([]byte))
		if err != nil {
			damaged++
		}
		for _, key := range unique {
			keys = append(keys, row(r[0], key.Kind, key.Value, r[2]))
		}
		for _, key := range index {
			terms = append(terms, row(r[0], r[1], key.Kind, key.Value, r[3], r[2]))
		}
	}
	for _, c := range []struct {
		what, index string
		want        []string
	}{
		{"keys", `SELECT tenant, key, value, rid FROM rollbook_key JOIN rollbook_space ON n = space WHERE record = ''`, keys},
		{"terms", `SELECT tenant, record, key, value, created, rid FROM rollbook_term
			JOIN rollbook_space ON n = space`, terms},
		{
			"the schedule", `SELECT kind, tenant, due FROM rollbook_schedule`,
			rows(t, conn, `SELECT kind, name, min(due) FROM rollbook_record JOIN rollbook_tenant ON n = tenant
				WHERE due > 0 GROUP BY kind, tenant`),
		},
	} {
		if damaged > 0 {
			break
		}
		got := rows(t, conn, c.index)
		slices.Sort(got)
		slices.Sort(c.want)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s differ from the records (-records +index):\n%s", c.what, diff)
		}
	}
	for what, query := range map[string]string{
		"records whose revisions are not of their tenant": `SELECT r.rid, r.created, r.revision, t.revision
			FROM rollbook_record r LEFT JOIN rollbook_tenant t ON t.n = r.tenant
			WHERE t.n IS NULL OR r.created <= 0 OR r.created > r.revision OR r.revision > t.revision`,
		"revisions of two records": `SELECT tenant, revision FROM rollbook_record GROUP BY 1, 2 HAVING count(*) > 1`,
		"records in the space of others": `SELECT r.rid FROM rollbook_record r LEFT JOIN rollbook_space s ON s.n = r.space
			WHERE (s.tenant, s.record, s.key) IS NOT (r.tenant, r.kind, '')`,
		"changes outside of their feeds": `SELECT t.n, c.revision
			FROM (SELECT n >> 38 AS tenant, n & ((1 << 38) - 1) AS revision FROM rollbook_change) c
			LEFT JOIN rollbook_tenant t ON t.n = c.tenant
			WHERE t.n IS NULL OR c.revision <= t.trimmed OR c.revision > t.revision`,
	} {
		if found := rows(t, conn, query); len(found) > 0 {
			t.Errorf("%s: %q", what, found)
		}
	}
	return damaged
}

// checkSQLite has SQLite check the file.
func checkSQLite(t testing.TB, conn *sql.Conn) {
	t.Helper()
	if got := rows(t, conn, `PRAGMA integrity_check`); !slices.Equal(got, []string{row("ok")}) {
		t.Errorf("integrity_check: %q", got)
	}
}

// row writes values in a way that differs where they do.
func row(values ...any) string { return fmt.Sprintf("%#v", values) }

func rows(t testing.TB, conn *sql.Conn, text string) (all []string) {
	t.Helper()
	for _, values := range query(t, conn, text) {
		all = append(all, row(values...))
	}
	return all
}

func query(t testing.TB, conn *sql.Conn, text string) (all [][]any) {
	t.Helper()
	rows, err := conn.QueryContext(t.Context(), text)
	must(t, err)
	defer rows.Close()
	for rows.Next() {
		columns, _ := rows.Columns()
		values := make([]any, len(columns))
		dest := make([]any, len(columns))
		for i := range values {
			dest[i] = &values[i]
		}
		must(t, rows.Scan(dest...))
		all = append(all, values)
	}
	must(t, rows.Err())
	return all
}

// readFeed returns a feed from an entry on, behind those that were read before.
func readFeed(t testing.TB, s store.Store, tenant string, feed []store.Change) []store.Change {
	t.Helper()
	for {
		q := store.ChangeQuery{Limit: store.MaxLimit}
		if len(feed) > 0 {
			q.After = feed[len(feed)-1].Seq
		}
		page, err := s.Changes(t.Context(), tenant, q)
		must(t, err)
		feed = append(feed, page.Changes...)
		if page.Next == 0 {
			return feed
		}
	}
}
