package postgres_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// TestSuites runs the tests of packages that use stores, on this one: what they run on all
// backends of their module they run on testdata/others.go instead.
func TestSuites(t *testing.T) {
	size.Need(t, size.Long)
	runSuites(t, "internal/testing/backends/others.go", "others.go", "ROLLBOOK_TESTS=",
		"./archive", "./enduser", "./httpapi", "./httpapi/ada", "./httpapi/explo")
}

// TestDeliveries runs the tests of deliveries by processes that are killed.
func TestDeliveries(t *testing.T) {
	size.Need(t, size.Long)
	runSuites(t, "internal/testing/delivery/others_test.go", "deliveries.go", "",
		"-v", "-skip=^TestNodeDay$", "./internal/testing/delivery") // needs node, and no store: make webhooks
}

// runSuites runs tests of the root module with a file of testdata in the place of one of it.
func runSuites(t *testing.T, replaced, by, env string, args ...string) {
	t.Helper()
	pgtest.Require(t)
	here, err := filepath.Abs(".")
	must(t, err)
	root := filepath.Dir(filepath.Dir(here))
	dir := t.TempDir()
	// A workspace, since the module of those packages does not know this one.
	work := filepath.Join(dir, "go.work")
	must(t, os.WriteFile(work, fmt.Appendf(nil, "go 1.26.0\n\nuse (\n\t%s\n\t%s\n)\n", root, here), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, filepath.FromSlash(replaced)): filepath.Join(here, "testdata", by),
	}})
	must(t, err)
	file := filepath.Join(dir, "overlay.json")
	must(t, os.WriteFile(file, overlay, 0o600))
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"test", "-count=1", "-p=1", "-timeout=60m", "-overlay", file}, args...)...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "GOWORK="+work, "GOFLAGS=")
	if env != "" {
		cmd.Env = append(cmd.Env, env)
	}
	out, err := cmd.CombinedOutput()
	if t.Logf("%s", out); err != nil {
		t.Error(err)
	}
}
