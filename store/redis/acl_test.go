package redis_test

import (
	"context"
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
	"github.com/rollbook-go/rollbook/store/storetest"
)

// publishedACL returns the rights that the package comment lists.
func publishedACL(t *testing.T) []any {
	t.Helper()
	text, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "//\tACL SETUSER")
	if !ok {
		t.Fatal("doc.go has no ACL")
	}
	args := []any{"ACL", "SETUSER"}
	for line := range strings.Lines(rest) {
		line = strings.TrimSpace(strings.TrimPrefix(line, "//"))
		if line == "" {
			break
		}
		for _, word := range strings.Fields(line) {
			args = append(args, word)
		}
	}
	return args
}

// A user with no more than the published rights has a store that keeps the contract.
func TestLeastPrivilege(t *testing.T) {
	acl := publishedACL(t)
	allow := func(t *testing.T, p *redistest.Process, rights ...any) {
		t.Helper()
		c := p.Client()
		defer func() { _ = c.Close() }()
		if err := c.Do(t.Context(), rights...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	user := func(addrs ...string) goredis.UniversalClient {
		return redisstore.NewClient(&goredis.UniversalOptions{
			Addrs: addrs, Username: "rollbook", Password: "password",
		})
	}
	// Each place is a server that is emptied: the rights are for one prefix.
	place := func(dial func() goredis.UniversalClient, empty func() error) func() (storetest.Place, error) {
		return func() (storetest.Place, error) {
			var clients []goredis.UniversalClient
			return storetest.Place{
				Open: func() (store.Store, error) {
					c := dial()
					clients = append(clients, c)
					st, err := redisstore.New(c, nil)
					return struct {
						store.Store
						store.Counter
					}{st, st}, err // without Scrub, which needs more rights
				},
				Close: func() error {
					errs := []error{empty()}
					for _, c := range clients {
						errs = append(errs, c.Close())
					}
					return errors.Join(errs...)
				},
			}, nil
		}
	}
	t.Run("server", func(t *testing.T) {
		server := redistest.Server(t)
		allow(t, server, acl...)
		admin := server.Client()
		defer func() { _ = admin.Close() }()
		storetest.Run(t, place(
			func() goredis.UniversalClient { return user(server.Addr) },
			func() error { return admin.FlushAll(context.Background()).Err() }))

		c := user(server.Addr)
		defer func() { _ = c.Close() }()
		st, err := redisstore.New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := st.CheckServer(t.Context()); err != nil {
			t.Errorf("CheckServer: %v", err)
		}
		wantError(t, st.Scrub(t.Context()), redisstore.ErrNotPermitted)
		allow(t, server, "ACL", "SETUSER", "rollbook", "+config|get", "+info", "+bgrewriteaof", "+bgsave")
		if err := st.Scrub(t.Context()); err != nil {
			t.Errorf("Scrub: %v", err)
		}
	})
	t.Run("cluster", func(t *testing.T) {
		group := redistest.Cluster(t)
		for _, n := range group.Nodes {
			allow(t, n, acl...)
		}
		admin := onGroup(group).client(t).(*goredis.ClusterClient)
		storetest.Run(t, place(
			func() goredis.UniversalClient { return user(group.Addrs()...) },
			func() error {
				return admin.ForEachMaster(context.Background(), func(ctx context.Context, c *goredis.Client) error {
					return c.FlushAll(ctx).Err()
				})
			}))
	})
}

// The published rights have every command of the scripts.
func TestScriptsNeedNoOtherRight(t *testing.T) {
	files, err := filepath.Glob("*.lua")
	if err != nil || len(files) < 5 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	called := regexp.MustCompile(`(?:redis\.p?call|each)\('([A-Z]+)'`)
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range called.FindAllStringSubmatch(string(text), -1) {
			if !slices.Contains(publishedACL(t), any("+"+strings.ToLower(call[1]))) {
				t.Errorf("%s uses %s, which doc.go does not list", file, call[1])
			}
		}
	}
}

// CheckServer misses no right: for each that is published and that a connection does not
// need before it, it says which to add.
func TestMissingRights(t *testing.T) {
	server := redistest.Server(t)
	admin := server.Client()
	defer func() { _ = admin.Close() }()
	set := func(rights ...any) {
		t.Helper()
		if err := admin.Do(t.Context(), append([]any{"ACL", "SETUSER", "rollbook"}, rights...)...).Err(); err != nil {
			t.Fatal(err)
		}
	}
	check := func(password string) error {
		c := redisstore.NewClient(&goredis.UniversalOptions{
			Addrs: []string{server.Addr}, Username: "rollbook", Password: password,
		})
		defer func() { _ = c.Close() }()
		st, err := redisstore.New(c, nil)
		if err != nil {
			t.Fatal(err)
		}
		return st.CheckServer(t.Context())
	}
	wantRefusal := func(err error, remedy string) {
		t.Helper()
		var refused *redisstore.ServerError
		if !errors.As(err, &refused) || !errors.Is(err, redisstore.ErrNotPermitted) || !strings.Contains(err.Error(), remedy) {
			t.Errorf("error is %v, want a ServerError that says %q", err, remedy)
		}
	}
	if err := admin.Do(t.Context(), publishedACL(t)...).Err(); err != nil {
		t.Fatal(err)
	}
	tried := 0
	for _, right := range publishedACL(t) {
		name, ok := strings.CutPrefix(right.(string), "+")
		switch name {
		case "ping", "hello", "select", "command", "readonly", "asking":
			continue
		}
		if !ok || strings.HasPrefix(name, "cluster") {
			continue
		}
		tried++
		set("-" + name)
		wantRefusal(check("password"), "add +"+name+" with ACL SETUSER")
		set("+" + name)
	}
	if tried < 20 {
		t.Errorf("%d rights were tried", tried)
	}
	set("resetkeys", "~rollbook:{*}:r:*", "~rollbook:{*}:n:*")
	wantRefusal(check("password"), "add ~rollbook:* with ACL SETUSER")
	wantRefusal(check("wrong"), "user and password")
	set("~rollbook:*")
	if err := check("password"); err != nil {
		t.Error(err)
	}
}
