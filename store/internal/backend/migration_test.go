package backend_test

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store/internal/backend"
)

func TestMigrations(t *testing.T) {
	for name, test := range map[string]struct {
		files []string
		want  []backend.Migration // nil: an error
	}{
		"in order":  {[]string{"001_a.sql", "002_b_c.sql"}, []backend.Migration{{1, "a", "of 001_a.sql"}, {2, "b_c", "of 002_b_c.sql"}}},
		"a gap":     {[]string{"001_a.sql", "003_b.sql"}, nil},
		"twice":     {[]string{"001_a.sql", "001_b.sql"}, nil},
		"no number": {[]string{"first.sql"}, nil},
		"from 0":    {[]string{"000_a.sql"}, nil},
	} {
		system := fstest.MapFS{"migrations/readme": {}}
		for _, f := range test.files {
			system["migrations/"+f] = &fstest.MapFile{Data: []byte("of " + f)}
		}
		got, err := backend.Migrations(system)
		if (err != nil) != (test.want == nil) || !cmp.Equal(got, test.want) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
}
