package redis_test

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
)

// Deleted data is in the append-only file, and in a snapshot, until Scrub.
func TestScrub(t *testing.T) {
	server := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always", "--save", "3600 1", "--rdbcompression", "no")
	st := on(server).open(t, nil)
	const canary = "canary-7d1f0c"
	secret := store.Record{ID: "id", Kind: "secret", Data: []byte(canary)}
	rev := put(t, st, "tenant", store.Create(secret, nil))
	if err := st.Scrub(t.Context()); err != nil { // puts it into the snapshot
		t.Fatal(err)
	}
	secret.Created, secret.Revision = rev, rev
	put(t, st, "tenant", store.Delete(secret, nil))
	if n := filesWith(t, server.Dir, canary); n < 2 {
		t.Fatalf("%d files have the deleted data before Scrub, want the log and the snapshot: the test shows nothing", n)
	}
	if err := st.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "the server has unlinked its old files", func() bool { return filesWith(t, server.Dir, canary) == 0 })

	// Of a tenant that was dropped there is nothing, not even its name.
	const name = "tenant-7d1f0c"
	put(t, st, name, store.Create(user("id"), []byte("note")))
	put(t, st, name, store.Remove("id", "user", []byte("note")))
	if err := st.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := filesWith(t, server.Dir, name); n < 2 {
		t.Fatalf("%d files have the tenant's name before Drop: the test shows nothing", n)
	}
	if err := errors.Join(st.Drop(t.Context(), name), st.Scrub(t.Context())); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "the server has unlinked its old files", func() bool { return filesWith(t, server.Dir, name) == 0 })

	// It goes to every master of a Cluster; those of the tests keep no files.
	if err := onCluster(t).as("").open(t, nil).Scrub(t.Context()); err != nil {
		t.Error(err)
	}
}

func filesWith(t *testing.T, dir, text string) int {
	t.Helper()
	n := 0
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil //nolint:nilerr // a file that goes away meanwhile has nothing
		}
		b, err := os.ReadFile(path)
		if err == nil && bytes.Contains(b, []byte(text)) {
			n++
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
