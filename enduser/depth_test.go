package enduser_test

import (
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A value that is admitted can be read again: in the stored body it stands two
// levels deeper than alone.
func TestDeepMetadataCanBeRead(t *testing.T) {
	t.Parallel()
	acme := enduser.New(memory.New(nil), nil).Tenant("acme")
	for depth := 28; depth <= 32; depth++ {
		value, err := enduser.JSON(strings.Repeat("[", depth) + `"[{"` + strings.Repeat("]", depth))
		if err != nil {
			t.Fatal(err)
		}
		u, err := acme.Create(t.Context(), enduser.Spec{Metadata: enduser.Metadata{"k": value}})
		if depth > 30 {
			wantErr(t, "too deep", err, enduser.ErrInvalid)
			continue
		}
		if err != nil {
			t.Fatalf("depth %d: %v", depth, err)
		}
		if _, err := acme.Get(t.Context(), enduser.ByID(u.ID)); err != nil {
			t.Errorf("depth %d: %v", depth, err)
		}
	}
	if _, err := acme.List(t.Context(), enduser.Query{}); err != nil {
		t.Error(err)
	}
}
