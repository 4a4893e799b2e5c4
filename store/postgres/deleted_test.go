package postgres_test

import (
	"bytes"
	"fmt"
	"maps"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// TestDeletedTenant: a tenant that was deleted has no row in any table. After VACUUM (FULL) its
// bytes are in no file of a table or index.
func TestDeletedTenant(t *testing.T) {
	const word, control = "canary-4fa1c7", "control-90be2d"
	h, ctx := newHome(t), t.Context()
	users := enduser.New(h.open(t, nil), nil)
	_, err := users.Tenant("other").Create(ctx, enduser.Spec{ExternalID: control})
	must(t, err)
	before := h.rows(t)
	for i := range size.Pick(t, 200, 2000, 20_000) {
		_, err := users.Tenant(word).Create(enduser.Idempotent(ctx, fmt.Sprint(word, i)), enduser.Spec{
			ExternalID: fmt.Sprint(word, i), Name: "Name " + word, Metadata: enduser.Metadata{"key": enduser.String(word)},
		})
		must(t, err)
	}
	if n := bytes.Count(h.bytes(t), []byte(word)); n < 500 {
		t.Errorf("the word is there %d times before: the search proves nothing", n)
	}
	_, err = users.DeleteTenant(ctx, word, nil)
	must(t, err)
	if after := h.rows(t); !maps.Equal(before, after) {
		t.Errorf("rows before the tenant came and after it went: %v, %v", before, after)
	}
	for _, table := range tables {
		_, err := h.admin.Exec(ctx, h.in("VACUUM (FULL) rollbook."+table))
		must(t, err)
	}
	left := h.bytes(t)
	if n := bytes.Count(left, []byte(word)); n > 0 {
		t.Errorf("the word is left %d times", n)
	}
	if !bytes.Contains(left, []byte(control)) {
		t.Error("the control is not found afterwards: the search proves nothing")
	}
}

// rows returns how many rows each table has.
func (h home) rows(t *testing.T) map[string]int {
	t.Helper()
	all := make(map[string]int)
	for _, table := range tables {
		var n int
		must(t, h.admin.QueryRow(t.Context(), h.in("SELECT count(*) FROM rollbook."+table)).Scan(&n))
		all[table] = n
	}
	return all
}

// bytes returns the files of all tables and indexes, with what is stored aside.
func (h home) bytes(t *testing.T) []byte {
	t.Helper()
	_, err := h.admin.Exec(t.Context(), "CHECKPOINT")
	must(t, err)
	rows, err := h.admin.Query(t.Context(), `
		WITH own AS (SELECT c.oid, c.reltoastrelid FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
			WHERE n.nspname = $1 AND c.relkind IN ('r', 'i'))
		SELECT pg_read_binary_file(pg_relation_filepath(r.oid)) FROM (
			SELECT oid FROM own
			UNION SELECT reltoastrelid FROM own WHERE reltoastrelid <> 0
			UNION SELECT indexrelid FROM pg_index JOIN own ON indrelid = reltoastrelid) r`, h.schema)
	must(t, err)
	files, err := pgx.CollectRows(rows, pgx.RowTo[[]byte])
	must(t, err)
	return bytes.Join(files, []byte{0})
}
