package sqlite_test

import (
	"flag"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/golden"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

var update = flag.Bool("update", false, "rewrite the golden store, which no release may do")

// TestGolden opens a copy of a database that an earlier version wrote.
func TestGolden(t *testing.T) {
	const kept = "testdata/golden.db"
	if *update {
		path := file(t)
		s := open(t, path, nil)
		golden.Write(t, s)
		must(t, s.Close())
		copyFile(t, path, kept)
	}
	path := file(t)
	copyFile(t, kept, path)
	s, err := sqlite.Open(t.Context(), path, nil)
	must(t, err)
	golden.Check(t, s)
	must(t, s.Close())
	checkFile(t, path)
}
