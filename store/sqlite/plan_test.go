package sqlite

import (
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
)

// TestPlans reads how SQLite executes every statement, on an empty database
// and on one that has been analyzed: each must search an index, none may sort,
// except the one that says why.
func TestPlans(t *testing.T) {
	s := openFresh(t, nil)
	statements := plans(size.At(t) >= size.Long)
	check := func(when string) {
		t.Helper()
		for query, want := range statements {
			got := plan(t, s.reads.db, query)
			if !slices.Equal(got, want) {
				t.Errorf("%s, %s:\n\tgot  %s\n\twant %s", when, query,
					strings.Join(got, "\n\t     "), strings.Join(want, "\n\t     "))
			}
		}
	}
	check("empty")

	var ops []store.Op
	for i := range store.MaxOps {
		ops = append(ops, store.Create(store.Record{
			ID: fmt.Sprint(i), Kind: "user", Due: store.FromMillis(int64(1 + i)),
			Unique: []store.Key{{Kind: "u", Value: fmt.Sprint(i)}},
			Index:  []store.Key{{Kind: "i", Value: fmt.Sprint(i % 3)}},
		}, []byte("note")))
	}
	for tenant := range 20 {
		if _, err := s.Apply(t.Context(), fmt.Sprint("tenant", tenant), store.Ops(ops...)); err != nil {
			t.Fatal(err)
		}
	}
	other, err := Open(t.Context(), s.files.path, nil) // the writer keeps the connection of s
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	other.fill(t, `ANALYZE`)
	s.reads.db.SetMaxIdleConns(0) // statistics are read when a connection is made
	check("analyzed")
}

// plans returns the steps of the plan of each statement, and of all numbers of terms and
// kinds if asked for.
func plans(all bool) map[string][]string {
	feed := []string{
		"SEARCH t USING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)",
		"SEARCH c USING INTEGER PRIMARY KEY (rowid>? AND rowid<?) LEFT-JOIN",
	}
	statements := map[string][]string{
		sqlTenant:       {"SEARCH rollbook_tenant USING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)"},
		sqlUpdateTenant: {"SEARCH rollbook_tenant USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlFind:         {"SEARCH rollbook_record USING INDEX sqlite_autoindex_rollbook_record_1 (tenant=? AND id=?)"},
		sqlSpace: {
			"SEARCH rollbook_space USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record=? AND key=?)",
		},
		sqlLastRow:    {"SEARCH rollbook_record"}, // its end
		sqlKeyRow:     {"SEARCH rollbook_key USING PRIMARY KEY (space=? AND value=?)"},
		sqlRecord:     {"SEARCH r USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlUpdate:     {"SEARCH rollbook_record USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlUpdateData: {"SEARCH rollbook_record USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlDelete:     {"SEARCH rollbook_record USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlReleaseKey: {"SEARCH rollbook_key USING PRIMARY KEY (space=? AND value=?)"},
		sqlForgetKeys: { // all of the tenant's
			"SEARCH rollbook_key USING PRIMARY KEY (space=?)", "LIST SUBQUERY 1",
			"SEARCH rollbook_space USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record=?)",
			"LIST SUBQUERY 2", "SCAN json_each VIRTUAL TABLE INDEX 1:", "CREATE BLOOM FILTER",
		},
		sqlForgetTerms: { // all of the tenant's
			"SEARCH rollbook_term USING PRIMARY KEY (space=?)", "LIST SUBQUERY 1",
			"SEARCH rollbook_space USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record=?)",
			"LIST SUBQUERY 2", "SCAN json_each VIRTUAL TABLE INDEX 1:", "CREATE BLOOM FILTER",
		},
		sqlDeleteTerm: {"SEARCH rollbook_term USING PRIMARY KEY" +
			" (space=? AND value=? AND created=?)"},
		sqlNewestChange: {"SEARCH rollbook_change USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		sqlTrimStep: {
			"CO-ROUTINE (subquery)",
			"SEARCH rollbook_change USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
			"SCAN (subquery)", // at most trimStep rows
		},
		sqlTrimChanges: {"SEARCH rollbook_change USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)"},
		sqlEarliest:    {"SEARCH rollbook_record USING COVERING INDEX rollbook_record_due (space=? AND due>?)"},
		sqlUnschedule:  {"SEARCH rollbook_schedule USING PRIMARY KEY (kind=? AND tenant=?)"},
		sqlGetByID:     {"SEARCH r USING INDEX sqlite_autoindex_rollbook_record_1 (tenant=? AND id=?)"},
		sqlGetByKey: {
			"SEARCH s USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record=? AND key=?)",
			"SEARCH k USING PRIMARY KEY (space=? AND value=?)",
			"SEARCH r USING INTEGER PRIMARY KEY (rowid=?)",
		},
		sqlHeld: {
			"SEARCH s USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record=? AND key=?)",
			"SCALAR SUBQUERY 3", "SCAN rollbook_migration", // its last row
			"SEARCH k USING PRIMARY KEY (space=? AND value=?)",
			"SEARCH r USING INTEGER PRIMARY KEY (rowid=?)",
			"CORRELATED SCALAR SUBQUERY 2",
			"SEARCH rollbook_record USING COVERING INDEX sqlite_autoindex_rollbook_record_1 (tenant=? AND id=?)",
		},
		sqlTenants:     {"SEARCH rollbook_tenant USING COVERING INDEX sqlite_autoindex_rollbook_tenant_1 (name>?)"},
		sqlChanges:     feed,
		sqlChangesDesc: feed,
		sqlCountTerm: {
			"CO-ROUTINE (subquery)",
			"SEARCH rollbook_term USING PRIMARY KEY" +
				" (space=? AND value=? AND created>? AND created<?)",
			"SCAN (subquery)", // at most countTerms rows
		},
		sqlNextKind: {"SEARCH rollbook_schedule USING COVERING INDEX rollbook_schedule_due (kind>?)"},
		sqlCountDue: {
			"CO-ROUTINE (subquery)",
			"SEARCH rollbook_schedule USING COVERING INDEX rollbook_schedule_due (kind=? AND due<?)",
			"SCAN (subquery)", // at most store.DefaultBudget rows
		},
		sqlFewTenants: {
			"SEARCH rollbook_schedule USING COVERING INDEX rollbook_schedule_due (kind=? AND due<?)",
			"USE TEMP B-TREE FOR ORDER BY", // of at most store.DefaultBudget tenants
		},
		sqlManyTenants: {
			"COMPOUND QUERY", "LEFT-MOST SUBQUERY", "CO-ROUTINE s",
			"SEARCH rollbook_schedule USING PRIMARY KEY (kind=? AND tenant>?)",
			"SCAN s",
			"UNION ALL", "CO-ROUTINE (subquery)",
			"SEARCH rollbook_schedule USING PRIMARY KEY (kind=? AND tenant>?)",
			"SCAN (subquery)",
		},
		sqlKinds: {
			"SEARCH s USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record>?)",
			"SEARCH rollbook_record EXISTS USING COVERING INDEX rollbook_record_created (space=?)",
		},
		sqlData:      {"SEARCH rollbook_record USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlPlace:     {"SEARCH rollbook_record USING COVERING INDEX rollbook_record_created (space=? AND created=?)"},
		sqlEntry:     {"SEARCH rollbook_change USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlHasRecord: {"SEARCH rollbook_record USING COVERING INDEX sqlite_autoindex_rollbook_record_1 (tenant=?)"},
		sqlForgetSchedule: { // of each kind that the tenant has had
			"SEARCH rollbook_schedule USING PRIMARY KEY (kind=? AND tenant=?)", "LIST SUBQUERY 1",
			"SEARCH rollbook_space USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=?)",
		},
		sqlForgetName: {"SEARCH rollbook_tenant USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlDropped:    {"SEARCH rollbook_tenant USING COVERING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)"},
		sqlDropKeys: {
			"SEARCH rollbook_key USING PRIMARY KEY (space=?)", "LIST SUBQUERY 1",
			"SEARCH rollbook_space USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=?)",
		},
		sqlDropTerms: {
			"SEARCH rollbook_term USING PRIMARY KEY (space=?)", "LIST SUBQUERY 1",
			"SEARCH rollbook_space USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=?)",
		},
		sqlDropSpaces: {"SEARCH rollbook_space USING INDEX sqlite_autoindex_rollbook_space_1 (tenant=?)"},
		sqlDropTenant: {"SEARCH rollbook_tenant USING INTEGER PRIMARY KEY (rowid=?)"},
		sqlHasNews: {
			"SEARCH t USING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)",
			"CORRELATED SCALAR SUBQUERY 1",
			"SEARCH c USING INTEGER PRIMARY KEY (rowid>? AND rowid<?)",
		},
	}
	maps.Copy(statements, verifyPlans())
	for terms := range store.MaxMatch + 1 {
		if !all && terms > 2 && terms < store.MaxMatch {
			continue
		}
		for _, desc := range []bool{false, true} {
			statements[walkSQL(terms, desc, true)] = walkPlan(terms)
			statements[walkSQL(terms, desc, false)] = walkPlan(terms)
		}
	}
	for kinds := 1; kinds <= store.MaxKinds; kinds++ {
		if !all && kinds > 2 && kinds < store.MaxKinds {
			continue
		}
		statements[dueSQL(kinds)] = duePlan(kinds)
	}
	statements[dueSQL(store.MaxKinds+1)] = []string{ // which sorts
		"CO-ROUTINE w",
		"SEARCH rollbook_record USING COVERING INDEX rollbook_record_due (space=? AND due>? AND due<?)",
		"LIST SUBQUERY 2",
		"SEARCH rollbook_space USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record=? AND key=?)",
		"USE TEMP B-TREE FOR ORDER BY",
		"SCAN w",
		"SEARCH r USING INTEGER PRIMARY KEY (rowid=?)",
	}
	return statements
}

// walkPlan is the plan of a walk: the co-routines end with their LIMIT, and nothing
// is computed before it is asked for.
func walkPlan(terms int) []string {
	entries := "SEARCH rollbook_record USING COVERING INDEX rollbook_record_created" +
		" (space=? AND created>? AND created<?)"
	if terms > 0 {
		entries = "SEARCH rollbook_term USING PRIMARY KEY" +
			" (space=? AND value=? AND created>? AND created<?)"
	}
	steps := []string{"COMPOUND QUERY", "LEFT-MOST SUBQUERY", "CO-ROUTINE w", entries, "SCAN w"}
	for i := 1; i < terms; i++ {
		steps = append(steps, fmt.Sprintf("SEARCH p%d USING PRIMARY KEY"+
			" (space=? AND value=? AND created=?)", i))
	}
	return append(steps, "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)",
		"UNION ALL", "CO-ROUTINE (subquery)", entries, "SCAN (subquery)")
}

// duePlan is the plan of a page of due records, without the tree in which the
// searches are merged.
func duePlan(kinds int) []string {
	steps := []string{"CO-ROUTINE w"}
	for range kinds {
		for _, bound := range []string{"due=? AND rowid>?", "due>? AND due<?"} {
			steps = append(steps,
				"SEARCH rollbook_record USING COVERING INDEX rollbook_record_due (space=? AND "+bound+")")
		}
	}
	return append(steps, "SCAN w", "SEARCH r USING INTEGER PRIMARY KEY (rowid=?)")
}

var subquery = regexp.MustCompile(`\(subquery-\d+\)`)

// plan returns the steps without those of numberOf and spaceOf, which are look-ups of one row
// wherever they stand.
func plan(t *testing.T, db *sql.DB, query string) (steps []string) {
	t.Helper()
	args := make([]any, 8+2*store.MaxMatch) // more than any has; the driver ignores the rest
	rows, err := db.QueryContext(t.Context(), `EXPLAIN QUERY PLAN `+query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		step = subquery.ReplaceAllString(step, "(subquery)") // without their numbers
		switch step {
		case "MERGE (UNION ALL)", "LEFT", "RIGHT": // an order that is kept
		case "SEARCH rollbook_tenant USING COVERING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)",
			"SEARCH rollbook_space USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record=? AND key=?)":
			if n := len(steps); n > 0 && strings.HasPrefix(steps[n-1], "SCALAR SUBQUERY ") {
				steps = steps[:n-1]
				continue
			}
			fallthrough
		default:
			steps = append(steps, step)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return steps
}
