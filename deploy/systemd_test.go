package deploy_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnit: systemd accepts the unit without a word, and finds little that it could be exposed to.
func TestUnit(t *testing.T) {
	requireSystemd(t)
	unit := read(t, "systemd/rollbook.service")
	if said := verify(t, unit); said != "" {
		t.Error(said)
	}
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", written(t, unit)).CombinedOutput()
	if err != nil {
		t.Errorf("the unit is exposed to more than 1.5 of 10: %v\n%s", err, out)
	}
}

// TestUnitNotices changes the unit in ways that systemd has to notice.
func TestUnitNotices(t *testing.T) {
	requireSystemd(t)
	unit := read(t, "systemd/rollbook.service")
	for _, change := range []struct{ old, replacement string }{
		{"ProtectSystem=", "ProtectSystems="},
		{"Type=exec", "Type=execute"},
		{"ExecStart=/usr/local/bin/rollbook", "ExecStart=/usr/local/bin/rolbook"},
		{"@system-service", "@no-service"},
	} {
		changed := strings.Replace(unit, change.old, change.replacement, 1)
		if changed == unit {
			t.Errorf("there is no %q", change.old)
		}
		if verify(t, changed) == "" {
			t.Errorf("%q in place of %q is not noticed", change.replacement, change.old)
		}
	}
}

// verify returns what systemd says of a unit.
func verify(t *testing.T, unit string) string {
	t.Helper()
	program, err := os.Executable() // one that is there
	must(t, err)
	path := written(t, strings.Replace(unit, "/usr/local/bin/rollbook ", program+" ", 1))
	out, err := exec.CommandContext(t.Context(), "systemd-analyze", "verify", "--man=no", path).CombinedOutput()
	if err != nil {
		return err.Error() + ": " + string(out)
	}
	return string(out)
}

func written(t *testing.T, unit string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rollbook.service")
	must(t, os.WriteFile(path, []byte(unit), 0o600))
	return path
}

// requireSystemd skips a test where systemd is not installed, unless it must be.
func requireSystemd(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("systemd-analyze"); err != nil {
		if os.Getenv("ROLLBOOK_REQUIRE_SYSTEMD") != "" {
			t.Fatal(err)
		}
		t.Skip("systemd is not installed")
	}
}
