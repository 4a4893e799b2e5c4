package golden

import (
	"flag"
	"os"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/store/memory"
)

var update = flag.Bool("update", false, "rewrite testdata/golden.txt, which no release may do")

// TestGolden: what the script writes reads as it did.
func TestGolden(t *testing.T) {
	st := memory.New(nil)
	Write(t, st)
	if *update {
		golden = read(t, st)
		must(t, os.WriteFile("testdata/golden.txt", []byte(golden), 0o600))
		return
	}
	Check(t, st)
}

// TestReadNotices: a store that lacks something reads differently.
func TestReadNotices(t *testing.T) {
	for name, change := range map[string]func(*enduser.Manager) error{
		"a user": func(m *enduser.Manager) error {
			return m.Tenant(exact).Delete(t.Context(), enduser.ByExternalID("001A"))
		},
		"a group": func(m *enduser.Manager) error {
			return m.Tenant(acme).Groups().Delete(t.Context(), enduser.GroupByExternalID("rotated"))
		},
		"what is remembered": func(m *enduser.Manager) error {
			return m.Tenant(acme).Delete(t.Context(), enduser.ByExternalID("remembered"))
		},
	} {
		st := memory.New(nil)
		Write(t, st)
		must(t, change(manager(t, st, clock.At(end))))
		if read(t, st) == golden {
			t.Errorf("without %s it reads as before", name)
		}
	}
}
