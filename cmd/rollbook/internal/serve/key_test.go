package serve

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOwnKeyNeedsItsFile: a key file without a key is not replaced.
func TestOwnKeyNeedsItsFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), keyFile)
	if err := os.WriteFile(path, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if key, err := ownKey(path); err == nil {
		t.Errorf("made %q of an empty file", key)
	}
	if key, err := ownKey(filepath.Join(path, "x")); err == nil {
		t.Errorf("made %q in a folder that is none", key)
	}
}
