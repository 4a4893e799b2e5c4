package sqlite_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// TestUsersInSQL reads users as a host does, also such as no Manager writes.
func TestUsersInSQL(t *testing.T) {
	path := file(t)
	s := open(t, path, nil)
	now := time.UnixMilli(1_700_000_000_000).UTC()
	acme := enduser.New(s, &enduser.Options{Now: func() time.Time { return now }}).Tenant("acme")
	ann, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "crm-7", Name: "Ann", Email: "ann@example.com"})
	must(t, err)
	bob, err := acme.In(enduser.Testing).Create(t.Context(), enduser.Spec{
		FirstName: "Bob", LastName: "Roe", ExpiresIn: time.Hour, Metadata: enduser.Metadata{"odd": enduser.String("a\x00b")},
	})
	must(t, err)
	for id, body := range map[string]string{
		"bytes": "\xff\x00", "cut": `{"name":"C`, "deep": strings.Repeat(`{"name":`, 2000), "empty": "", "list": `[1]`,
		"nul": `{"name":"a\u0000b","email":null}`, "other": `{"name":7,"first_name":"F"}`, "first": `{"first_name":"F"}`,
	} {
		apply(t, s, "odd", store.Create(store.Record{ID: id, Kind: "user", Data: []byte(body)}, nil))
	}
	apply(t, s, "odd", store.Create(store.Record{ID: "group", Kind: "group", Data: []byte(`{"name":"G"}`)}, nil))

	db, _ := raw(t, path)
	view := func(where string) []string { return rows(t, db, `SELECT * FROM rollbook_users WHERE `+where) }
	for where, want := range map[string][]any{
		`tenant = 'acme'`: {
			"acme", ann.ID, "crm-7", "Ann", "ann@example.com", ann.Revision, now.UnixMilli(), now.UnixMilli(), nil,
		},
		`tenant = 't/acme' AND id = '` + bob.ID + `'`: {
			"t/acme", bob.ID, nil, "Bob Roe", nil, bob.Revision, now.UnixMilli(), now.UnixMilli(), bob.ExpiresAt.UnixMilli(),
		},
	} {
		got := query(t, db, `SELECT * FROM rollbook_users WHERE `+where)
		if len(got) != 1 || !cmp.Equal(got[0][:9], want) || !strings.HasPrefix(got[0][9].(string), `{"r":1,`) {
			t.Errorf("%s: %#v", where, got)
		}
	}
	if n := len(view(`body IS NULL AND name IS NULL`)); n != 4 {
		t.Errorf("%d bodies are not JSON", n)
	}
	odd := rows(t, db, `SELECT id, name FROM rollbook_users WHERE tenant = 'odd' AND body IS NOT NULL ORDER BY id`)
	want := []string{row("first", "F"), row("list", nil), row("nul", "a\x00b"), row("other", int64(7))}
	if diff := cmp.Diff(want, odd); diff != "" {
		t.Errorf("odd bodies: %s", diff)
	}
}

// TestPlansOfViews: the queries that the package documentation shows search indexes.
func TestPlansOfViews(t *testing.T) {
	path := file(t)
	open(t, path, nil)
	db, _ := raw(t, path)
	const (
		orders = `(SELECT 'acme' AS tenant, 'x' AS user UNION ALL SELECT 'other', 'y') o`
		tenant = "SEARCH t USING COVERING INDEX sqlite_autoindex_rollbook_tenant_1 (name=?)"
		byID   = "SEARCH r USING INDEX sqlite_autoindex_rollbook_record_1 (tenant=? AND id=?)"
		space  = "SEARCH s USING INTEGER PRIMARY KEY (rowid=?)"
	)
	for text, want := range map[string][]string{
		`SELECT id FROM rollbook_records WHERE tenant = 'acme' AND kind = 'user' ORDER BY created LIMIT 50`: {
			tenant,
			"SEARCH s USING COVERING INDEX sqlite_autoindex_rollbook_space_1 (tenant=? AND record=? AND key=?)",
			"SEARCH r USING INDEX rollbook_record_created (space=?)",
		},
		`SELECT name FROM rollbook_users WHERE tenant = 'acme' AND id = 'x'`:                               {tenant, byID, space},
		`SELECT u.name FROM ` + orders + ` JOIN rollbook_users u ON u.tenant = o.tenant AND u.id = o.user`: {tenant, byID, space},
		`SELECT (SELECT name FROM rollbook_users u WHERE u.tenant = o.tenant AND u.id = o.user) FROM ` + orders: {
			tenant, byID, space,
		},
	} {
		var plan []string
		for _, step := range query(t, db, `EXPLAIN QUERY PLAN `+text) {
			if s := step[3].(string); strings.HasPrefix(s, "SEARCH") || strings.Contains(s, "rollbook") {
				plan = append(plan, s)
			}
		}
		if diff := cmp.Diff(want, plan); diff != "" {
			t.Errorf("%s: %s", text, diff)
		}
	}
}
