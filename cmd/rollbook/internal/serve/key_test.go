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

// TestOwnKeyOfTwo: servers that start at once in one folder have one key, and leave nothing else.
func TestOwnKeyOfTwo(t *testing.T) {
	dir := t.TempDir()
	const servers = 8
	keys := make(chan string, servers)
	for range servers {
		go func() {
			key, err := ownKey(filepath.Join(dir, keyFile))
			if err != nil {
				t.Error(err)
			}
			keys <- key
		}()
	}
	want := <-keys
	for range servers - 1 {
		if key := <-keys; key != want || key == "" {
			t.Errorf("%q and %q", key, want)
		}
	}
	if entries, err := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("%v %v", entries, err)
	}
}
