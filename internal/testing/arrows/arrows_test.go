package arrows_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// arrow says what a package, named by its path inside the module, may import
// outside its tests, beside the standard library. A trailing /... in the name
// stands for every package below as well.
type arrow struct {
	from string
	to   []string
}

// allowed is the graph of docs/design.md, of the root module and of the nested ones that
// are released. A package that is not in it fails the test: somebody who adds one says here
// what it may know.
func allowed() []arrow {
	const (
		sqlite = "modernc.org/sqlite/..."
		redis  = "github.com/redis/go-redis/v9/..."
		pgx    = "github.com/jackc/pgx/v5/..."
	)
	in := func(path string) string { return modulePath + path }
	family := []string{
		in("/enduser"), in("/httpapi"), in("/httpapi/internal/family"), in("/httpapi/internal/rest"),
		in("/httpapi/internal/foreign"), in("/internal/jsontext"), in("/internal/redact"), in("/internal/userjson"),
	}
	return []arrow{
		{in(""), nil},
		{in("/archive"), []string{in("/enduser"), in("/internal/jsontext"), in("/internal/ndjson")}},
		{in("/store"), nil},
		{in("/store/storetest"), []string{in("/store")}},
		{in("/store/internal/backend"), []string{in("/store")}},
		{in("/store/memory"), []string{in("/store"), in("/internal/fair")}},
		{in("/store/sqlite"), []string{in("/store"), in("/store/internal/backend"), in("/internal/fair"), sqlite}},
		{in("/store/redis"), []string{in("/store"), in("/internal/fair"), redis}},
		{in("/store/postgres"), []string{in("/store"), in("/store/internal/backend"), in("/internal/fair"), pgx}},
		{in("/store/postgres/examples/..."), []string{in("/enduser"), in("/store/postgres"), pgx}},
		{in("/httpapi/docs"), nil},
		{in("/httpapi/console"), []string{
			in("/enduser"), in("/httpapi"), in("/httpapi/internal/family"), in("/httpapi/internal/rest"), in("/httpapi/internal/foreign"),
		}},
		{in("/httpapi/redislimit"), []string{in("/httpapi"), redis, "github.com/go-redis/redis_rate/v10"}},

		{in("/enduser"), []string{in("/store"), in("/internal/fair"), in("/internal/fold"), in("/internal/jsontext"), in("/internal/redact"), "golang.org/x/text/...", "golang.org/x/net/idna"}},
		{in("/enduser/keyfile"), []string{in("/enduser")}},
		{in("/enduser/webhook"), []string{
			in("/enduser"), in("/internal/jsontext"), in("/internal/userjson"), "code.dny.dev/ssrf", "github.com/standard-webhooks/standard-webhooks/libraries/go",
		}},
		{in("/httpapi"), []string{
			in("/enduser"), in("/httpapi/internal/family"), in("/httpapi/internal/rest"), in("/internal/jsontext"), in("/internal/ndjson"), in("/internal/userjson"),
		}},
		{in("/httpapi/internal/family"), []string{in("/enduser"), in("/httpapi/internal/rest")}},
		{in("/httpapi/internal/foreign"), []string{
			in("/enduser"), in("/httpapi"), in("/httpapi/internal/family"), in("/httpapi/internal/rest"),
		}},
		{in("/httpapi/internal/rest"), []string{in("/internal/jsontext")}},
		{in("/httpapi/magickmind"), family},
		{in("/httpapi/explo"), family},
		{in("/httpapi/sensay"), family},
		{in("/httpapi/ada"), family},
		{in("/internal/userjson"), []string{in("/enduser"), in("/internal/jsontext")}},
		{in("/internal/jsontext"), nil},
		{in("/internal/ndjson"), nil},
		{in("/internal/redact"), nil},
		{in("/internal/fair"), nil},
		{in("/internal/fold"), []string{"golang.org/x/text/..."}},
		{in("/examples/..."), []string{modulePath + "/...", redis, sqlite}},

		{in("/internal/release"), []string{in("/internal/testing/pgtest")}}, // a program

		// Only tests import these.
		{in("/internal/testing/arrows"), nil},
		{in("/internal/testing/size"), nil},
		{in("/internal/testing/clock"), nil},
		{in("/internal/testing/delivery"), nil}, // nothing but tests
		{in("/internal/testing/moving"), nil},   // nothing but tests
		{in("/internal/testing/faultstore"), []string{in("/store")}},
		{in("/internal/testing/golden"), []string{in("/enduser"), in("/store"), in("/internal/testing/clock"), "github.com/google/go-cmp/cmp"}},
		{in("/internal/testing/apitest"), []string{
			in("/enduser"), in("/httpapi"), in("/store"), in("/store/memory"), in("/internal/testing/backends"), in("/internal/testing/clock"),
			in("/internal/testing/faultstore"), in("/internal/testing/redistest"), "github.com/alicebob/miniredis/v2/...", "github.com/google/go-cmp/cmp",
		}},
		{in("/internal/testing/backends"), []string{
			in("/store"), in("/store/memory"), in("/store/sqlite"), in("/store/redis"), in("/store/storetest"), redis, "github.com/alicebob/miniredis/v2/...",
		}},
		{in("/internal/testing/atonce"), nil},
		{in("/internal/testing/histories"), []string{in("/store"), "github.com/anishathalye/porcupine"}},
		{in("/internal/testing/hosttx"), []string{in("/enduser"), in("/store"), "github.com/google/go-cmp/cmp"}},
		{in("/internal/testing/nodehooks"), nil},
		{in("/internal/testing/observed"), []string{in("/store")}},
		{in("/internal/testing/pgtest"), nil},
		{in("/internal/testing/ratios"), nil},
		{in("/internal/testing/recording"), nil},
		{in("/internal/testing/redistest"), []string{in("/store"), redis, "github.com/alicebob/miniredis/v2/..."}},
	}
}

// forTests are the packages that nothing but tests may import.
func forTests() []string {
	return []string{
		"testing/...", modulePath + "/store/storetest",
		modulePath + "/internal/testing/...",
	}
}

// mayUseTesting are the packages that exist for tests.
func mayUseTesting() []string {
	return []string{modulePath + "/store/storetest", modulePath + "/internal/..."}
}

func TestArrows(t *testing.T) {
	for _, goos := range platforms() {
		t.Run(goos, func(t *testing.T) {
			t.Parallel()
			for _, module := range released() {
				for _, fault := range faults(list(t, module, goos, "./..."), allowed()) {
					t.Error(fault)
				}
			}
		})
	}
}

// TestArrowsNotice feeds the check with graphs that it has to refuse.
func TestArrowsNotice(t *testing.T) {
	tests := []struct {
		name string
		p    listed
	}{
		{"the contract knows a backend", listed{
			ImportPath: modulePath + "/store", Imports: []string{modulePath + "/store/memory"},
		}},
		{"a backend knows another", listed{
			ImportPath: modulePath + "/store/sqlite", Imports: []string{modulePath + "/store/redis"},
		}},
		{"a backend imports the kit", listed{
			ImportPath: modulePath + "/store/memory", Imports: []string{modulePath + "/store/storetest"},
		}},
		{"a foreign driver", listed{
			ImportPath: modulePath + "/store/sqlite", Imports: []string{"github.com/redis/go-redis/v9"},
		}},
		{"a path that only begins like an allowed one", listed{
			ImportPath: modulePath + "/store/sqlite", Imports: []string{"modernc.org/sqlitex"},
		}},
		{"the kit imports a library", listed{
			ImportPath: modulePath + "/store/storetest", Imports: []string{"github.com/google/go-cmp/cmp"},
		}},
		{"package testing in a server", listed{
			ImportPath: modulePath + "/store/redis", Imports: []string{"testing"},
		}},
		{"a nested module knows another database", listed{
			ImportPath: modulePath + "/store/postgres", Imports: []string{modulePath + "/store/sqlite"},
		}},
		{"a package that nobody declared", listed{ImportPath: modulePath + "/util"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := faults([]listed{test.p}, allowed()); len(got) == 0 {
				t.Error("not noticed")
			}
		})
	}
}

// faults returns a line for every import that no arrow allows.
func faults(packages []listed, arrows []arrow) []string {
	var all []string
	for _, p := range packages {
		i := slices.IndexFunc(arrows, func(a arrow) bool { return within(p.ImportPath, a.from) })
		if i < 0 {
			all = append(all, p.ImportPath+" is not in the table of this test")
			continue
		}
		for _, path := range p.Imports {
			if !ok(p.ImportPath, path, arrows[i].to) {
				all = append(all, fmt.Sprintf("%s imports %s", p.ImportPath, path))
			}
		}
	}
	return all
}

func ok(from, path string, to []string) bool {
	if isOneOf(path, forTests()) && !isOneOf(from, mayUseTesting()) {
		return false
	}
	return isStandard(path) || isOneOf(path, to)
}

// isStandard tells the standard library's paths: their first element has no dot.
func isStandard(path string) bool {
	first, _, _ := strings.Cut(path, "/")
	return !strings.Contains(first, ".")
}

func isOneOf(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return within(path, pattern) })
}

// within reports whether a path is the pattern's, or below it if the pattern
// ends in /... .
func within(path, pattern string) bool {
	base, below := strings.CutSuffix(pattern, "/...")
	return path == base || below && strings.HasPrefix(path, base+"/")
}
