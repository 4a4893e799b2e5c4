package backend

import (
	"fmt"
	"io/fs"
	"strconv"
	"strings"
)

// Migration is one step of a schema. Steps are numbered from 1 without gaps. A step that was
// released never changes, and none goes back.
type Migration struct {
	Version int
	Name    string
	Text    string
}

// Migrations reads the steps from the files migrations/*.sql. The name of each begins with its
// number, as in 001_tables.sql.
func Migrations(from fs.FS) ([]Migration, error) {
	names, err := fs.Glob(from, "migrations/*.sql") // sorted
	if err != nil {
		return nil, err
	}
	steps := make([]Migration, 0, len(names))
	for i, name := range names {
		text, err := fs.ReadFile(from, name)
		if err != nil {
			return nil, err
		}
		base := strings.TrimSuffix(strings.TrimPrefix(name, "migrations/"), ".sql")
		number, title, _ := strings.Cut(base, "_")
		version, err := strconv.Atoi(number)
		if err != nil || version != i+1 {
			return nil, fmt.Errorf("migration %q is not number %d", base, i+1)
		}
		steps = append(steps, Migration{Version: version, Name: title, Text: string(text)})
	}
	return steps, nil
}
