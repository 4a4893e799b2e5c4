package postgres_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// TestUsersInSQL reads users as a host does, also such as no Manager writes.
func TestUsersInSQL(t *testing.T) {
	h := newHome(t)
	s := h.open(t, nil)
	acme := enduser.New(s, nil).Tenant("acme")
	ann, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "crm-7", Name: "Ann", Email: "ann@example.com"})
	must(t, err)
	bob, err := acme.Create(t.Context(), enduser.Spec{FirstName: "Bob", LastName: "Roe", Metadata: enduser.Metadata{"odd": enduser.String("a\x00b")}})
	must(t, err)
	for id, body := range map[string]string{
		"cut": `{"name":"C`, "bytes": "\xff\x00", "list": `[1]`, "time": `{"created_at":"soon","updated_at":1e99,"name":7}`, "empty": "",
		"nul": `{"name":"\u0000\u0000\\u0000","email":null}`,
	} {
		put(t, s, "odd", store.Create(store.Record{ID: id, Kind: "user", Data: []byte(body)}, nil))
	}
	put(t, s, "odd", store.Create(store.Record{ID: "group", Kind: "group", Data: []byte(`{"name":"G"}`)}, nil))

	tx := begin(t, h.pool(t))
	_, err = tx.Exec(t.Context(), `SET LOCAL enable_seqscan = off`) // the tables are small
	must(t, err)
	view := pgx.Identifier{h.schema, "rollbook_users"}.Sanitize()
	text := func(sql string, args ...any) string {
		t.Helper()
		rows, err := tx.Query(t.Context(), sql, args...)
		must(t, err)
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		must(t, err)
		return strings.Join(lines, "\n")
	}
	const line = `SELECT concat_ws('|', id, coalesce(external_id, '-'), coalesce(name, '-'), coalesce(email, '-'), revision,
		created_at IS NULL, updated_at IS NULL, body IS NULL) FROM `
	got := text(line + view + ` WHERE tenant = 'acme' ORDER BY revision`)
	want := ann.ID + "|crm-7|Ann|ann@example.com|1|f|f|f\n" + bob.ID + "|-|Bob Roe|-|2|f|f|f"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("acme: %s", diff)
	}
	got = text(`SELECT concat_ws('|', id, name, created_at, updated_at, body) FROM ` + view + ` WHERE tenant = 'odd' ORDER BY id COLLATE "C"`)
	want = "bytes\ncut\nempty\nlist|[1]\nnul|\ufffd\ufffd\\u0000|{\"name\": \"\ufffd\ufffd\\\\u0000\", \"email\": null}\n" +
		"time|7|{\"name\": 7, \"created_at\": \"soon\", \"updated_at\": 1" + strings.Repeat("0", 99) + "}"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("odd bodies: %s", diff)
	}
	plan := text(`EXPLAIN (COSTS OFF) SELECT name FROM `+view+` WHERE tenant_bytes = convert_to($1, 'UTF8') AND id_bytes = convert_to($2, 'UTF8')`, "acme", ann.ID)
	if strings.Contains(plan, "Seq Scan") {
		t.Errorf("a user by bytes: %s", plan)
	}
}
