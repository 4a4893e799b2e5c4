package sqlite_test

import (
	"database/sql"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store/sqlite"
)

// checkFile compares every index of a database with its records, by SQL and the
// stored keys of each record alone, and has SQLite check the file.
func checkFile(t testing.TB, path string) {
	t.Helper()
	db := rawOpen(t, path)
	defer db.Close()

	checkSQLite(t, path)
	records := make(map[string]bool)
	keys, terms, schedule := make(map[string]int64), make(map[string]int64), make(map[string]int64)
	rows := query(t, db, `SELECT r.rid, r.tenant, r.kind, r.created, r.revision, r.due, r.keys, t.revision
		FROM rollbook_record r LEFT JOIN rollbook_tenant t ON t.n = r.tenant`)
	for rows.Next() {
		var rid, tenant, created, revision, due int64
		var last sql.NullInt64
		var kind string
		var encoded []byte
		if err := rows.Scan(&rid, &tenant, &kind, &created, &revision, &due, &encoded, &last); err != nil {
			t.Fatal(err)
		}
		if created <= 0 || created > revision || revision > last.Int64 {
			t.Errorf("record %d: created %d, revision %d, the tenant's last %v", rid, created, revision, last)
		}
		if at := fmt.Sprint(tenant, "@", revision); records[at] {
			t.Errorf("two records of tenant %d have revision %d", tenant, revision)
		} else {
			records[at] = true
		}
		unique, index, err := sqlite.ParseKeys(encoded)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range unique {
			keys[fmt.Sprintf("%d %q", tenant, key)] = rid
		}
		for _, key := range index {
			terms[fmt.Sprintf("%d %q %q %d", tenant, kind, key, created)] = rid
		}
		if at := fmt.Sprintf("%q %d", kind, tenant); due > 0 && (schedule[at] == 0 || due < schedule[at]) {
			schedule[at] = due
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	same := func(what, selected string, want map[string]int64) {
		t.Helper()
		got := make(map[string]int64)
		rows := query(t, db, selected)
		for rows.Next() {
			columns, _ := rows.Columns()
			values := make([]any, len(columns))
			for i := range values {
				values[i] = &values[i]
			}
			if err := rows.Scan(values...); err != nil {
				t.Fatal(err)
			}
			switch v := values; len(v) {
			case 3: // schedule
				got[fmt.Sprintf("%q %d", v[0], v[1])] = v[2].(int64)
			case 4: // key
				got[fmt.Sprintf("%d {%q %q}", v[0], v[1], v[2])] = v[3].(int64)
			case 6: // term
				got[fmt.Sprintf("%d %q {%q %q} %d", v[0], v[1], v[2], v[3], v[4])] = v[5].(int64)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s differ from the records (-records +index):\n%s", what, diff)
		}
	}
	same("keys", `SELECT tenant, kind, value, rid FROM rollbook_key`, keys)
	same("terms", `SELECT tenant, record_kind, kind, value, created, rid FROM rollbook_term`, terms)
	same("the schedule", `SELECT kind, tenant, due FROM rollbook_schedule`, schedule)

	var strays int
	err := db.QueryRow(`SELECT count(*) FROM rollbook_change c LEFT JOIN rollbook_tenant t ON t.n = c.tenant
		WHERE t.n IS NULL OR c.revision <= t.trimmed OR c.revision > t.revision`).Scan(&strays)
	if err != nil || strays > 0 {
		t.Errorf("%d changes outside of their feeds, %v", strays, err)
	}
}

// checkSQLite has SQLite check the file.
func checkSQLite(t testing.TB, path string) {
	t.Helper()
	db := rawOpen(t, path)
	defer db.Close()
	var verdict string
	if err := db.QueryRow(`PRAGMA integrity_check`).Scan(&verdict); err != nil || verdict != "ok" {
		t.Errorf("integrity_check: %s, %v", verdict, err)
	}
}

func rawOpen(t testing.TB, path string) *sql.DB {
	t.Helper()
	uri, err := sqlite.DatabaseURI(path)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", uri+"?_pragma=busy_timeout(10000)")
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func query(t testing.TB, db *sql.DB, text string) *sql.Rows {
	t.Helper()
	rows, err := db.Query(text)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}
