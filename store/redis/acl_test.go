package redis_test

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// publishedACL returns the command of the package comment that gives user rollbook the
// rights of a store.
func publishedACL(tb testing.TB) []any {
	tb.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "//\tACL SETUSER")
	if !ok {
		tb.Fatal("doc.go has no ACL")
	}
	rest, _, _ = strings.Cut(rest, "\n//\n")
	args := []any{"ACL", "SETUSER"}
	for _, word := range strings.Fields(strings.ReplaceAll(rest, "//", "")) {
		args = append(args, word)
	}
	return args
}

// CheckServer accepts the published rights, and Scrub needs those that the package comment
// adds. That the others need no more, every test on a shared server shows.
func TestLeastPrivilege(t *testing.T) {
	server := redistest.Server(t)
	server.Do(t, publishedACL(t)...)
	st := on(server).as("rollbook").open(t, nil)
	if err := st.CheckServer(t.Context()); err != nil {
		t.Errorf("CheckServer: %v", err)
	}
	verify := func() error {
		for _, err := range st.Verify(t.Context(), store.VerifyOptions{}) {
			return err
		}
		return nil
	}
	put(t, st, "tenant", store.Create(user("id"), []byte("note")))
	for method, call := range map[string]func() error{
		"Scrub": func() error { return st.Scrub(t.Context()) }, "Verify": verify,
	} {
		wantError(t, call(), redisstore.ErrNotPermitted)
		for _, right := range publishedFor(t, method) {
			server.Do(t, "ACL", "SETUSER", "rollbook", right)
		}
		if err := call(); err != nil {
			t.Errorf("%s: %v", method, err)
		}
	}
}

// publishedFor returns the rights that the package comment names for one method.
func publishedFor(tb testing.TB, method string) []string {
	tb.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		tb.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "//\t"+method+" ")
	line, _, _ := strings.Cut(rest, "\n")
	if !ok || !strings.Contains(line, "+") {
		tb.Fatalf("doc.go names no rights for %s", method)
	}
	return strings.Fields(line)
}

// The published rights have every command of the scripts.
func TestScriptsNeedNoOtherRight(t *testing.T) {
	files, err := filepath.Glob("*.lua")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	called := regexp.MustCompile(`(?:call|each)\('([A-Z]+)'`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range called.FindAllStringSubmatch(string(text), -1) {
			right := "+" + strings.ToLower(call[1])
			if !slices.Contains(publishedACL(t), any(right)) && !slices.Contains(publishedFor(t, "Verify"), right) {
				t.Errorf("%s uses %s, which doc.go does not list", file, call[1])
			}
		}
	}
}

// CheckServer misses no right: it names each published one that is missing, except those
// that a connection needs before it.
func TestMissingRights(t *testing.T) {
	server := redistest.Server(t)
	set := func(rights ...any) {
		t.Helper()
		server.Do(t, append([]any{"ACL", "SETUSER", "rollbook"}, rights...)...)
	}
	check := func(password string) error {
		return newStore(t, on(server).clientWith(t, goredis.UniversalOptions{
			Username: "rollbook", Password: password,
		}), nil).CheckServer(t.Context())
	}
	wantRefusal := func(err error, remedy string) {
		t.Helper()
		var refused *redisstore.ServerError
		if !errors.As(err, &refused) || !errors.Is(err, redisstore.ErrNotPermitted) || !strings.Contains(err.Error(), remedy) {
			t.Errorf("error is %v, want a ServerError that says %q", err, remedy)
		}
	}
	server.Do(t, publishedACL(t)...)
	taken := 0
	for _, right := range publishedACL(t) {
		name, ok := strings.CutPrefix(right.(string), "+")
		switch name {
		case "ping", "hello", "select", "command", "readonly", "asking":
			continue
		}
		if !ok || strings.HasPrefix(name, "cluster") {
			continue
		}
		taken++
		set("-" + name)
		wantRefusal(check("password"), "add +"+name+" with ACL SETUSER")
		set("+" + name)
	}
	if taken < 20 {
		t.Errorf("%d rights were taken away", taken)
	}
	set("resetkeys", "~rollbook:{*}:r:*", "~rollbook:{*}:n:*")
	wantRefusal(check("password"), "add ~rollbook:* with ACL SETUSER")
	wantRefusal(check("wrong"), "user and password")
	set("~rollbook:*")
	if err := check("password"); err != nil {
		t.Error(err)
	}
}
