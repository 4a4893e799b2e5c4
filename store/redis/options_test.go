package redis_test

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

func TestNewRefuses(t *testing.T) {
	single := goredis.NewClient(&goredis.Options{ReadTimeout: time.Second})
	stale := goredis.NewClusterClient(&goredis.ClusterOptions{Addrs: []string{"localhost:1"}, ReadOnly: true})
	ring := goredis.NewRing(&goredis.RingOptions{Addrs: map[string]string{"a": "localhost:1"}})
	for _, c := range []goredis.UniversalClient{single, stale, ring} {
		defer func() { _ = c.Close() }()
	}
	for name, test := range map[string]struct {
		client goredis.UniversalClient
		opts   *redisstore.Options
	}{
		"no client":             {nil, nil},
		"nil client":            {(*goredis.Client)(nil), nil},
		"nil cluster":           {(*goredis.ClusterClient)(nil), nil},
		"ring":                  {ring, nil},
		"reads from replicas":   {stale, nil},
		"brace in the prefix":   {single, &redisstore.Options{Prefix: "a{b"}},
		"negative replicas":     {single, &redisstore.Options{WaitReplicas: -1}},
		"wait behind a timeout": {single, &redisstore.Options{WaitReplicas: 1, WaitTimeout: time.Second}},
		"retries for minutes":   {single, &redisstore.Options{RetryFor: time.Minute}},
		"wait of microseconds":  {single, &redisstore.Options{WaitReplicas: 1, WaitTimeout: time.Microsecond}},
	} {
		if st, err := redisstore.New(test.client, test.opts); err == nil || st != nil {
			t.Errorf("%s: %v, %v; want an error and nothing else", name, st, err)
		}
	}
}

// Every policy that drops data is refused, with the setting to change, also where the
// server does not permit to read its settings, but not where it tells nothing.
func TestCheckServerPolicy(t *testing.T) {
	server := redistest.Server(t)
	// With none of the further rights, with either and with both.
	users := map[string][]any{"neither": {}, "info": {"+info"}, "config": {"+config|get"}, "both": {"+info", "+config|get"}}
	for name, rights := range users {
		acl := append(publishedACL(t), rights...)
		acl[2] = name
		server.Do(t, acl...)
	}
	for _, policy := range []string{
		"allkeys-lru", "allkeys-lfu", "allkeys-random", "volatile-lru", "volatile-lfu", "volatile-random", "volatile-ttl", "noeviction",
	} {
		server.Set(t, "maxmemory-policy", policy)
		for name := range users {
			var log bytes.Buffer
			st := on(server).as(name).open(t, &redisstore.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
			err := st.CheckServer(t.Context())
			if told := !strings.Contains(log.String(), "does not tell its maxmemory-policy"); told != (name != "neither") {
				t.Errorf("%s: the log says that the policy is not known: %v", name, !told)
			}
			if policy == "noeviction" || name == "neither" {
				if err != nil {
					t.Errorf("%s, %s: %v", policy, name, err)
				}
				continue
			}
			var refused *redisstore.ServerError
			want := "maxmemory-policy is " + policy + ": it drops users and what they are found by; set maxmemory-policy to noeviction"
			if !errors.Is(err, redisstore.ErrEvicts) || !errors.As(err, &refused) || !strings.Contains(err.Error(), want) {
				t.Errorf("%s, %s: %v", policy, name, err)
			}
		}
	}
}

// A node of a Cluster that evicts is refused and named, a replica too: it may be the next
// master.
func TestCheckServerCluster(t *testing.T) {
	t.Parallel() // it mostly waits
	g := redistest.Cluster(t)
	b := onGroup(g)
	client := b.client(t).(*goredis.ClusterClient)
	if err := client.ForEachMaster(t.Context(), func(ctx context.Context, c *goredis.Client) error {
		return c.FlushAll(ctx).Err() // a replica that never got anything is not shown
	}); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "all nodes show all replicas", func() bool {
		return !slices.ContainsFunc(g.Nodes, func(p *redistest.Process) bool {
			c := p.Client()
			defer func() { _ = c.Close() }()
			slots, err := c.ClusterSlots(t.Context()).Result() //nolint:staticcheck // what clients ask for
			return err != nil || slices.ContainsFunc(slots, func(s goredis.ClusterSlot) bool { return len(s.Nodes) != 2 })
		})
	})
	for i, node := range g.Nodes {
		node.Set(t, "maxmemory-policy", "volatile-ttl")
		err := b.open(t, nil).CheckServer(t.Context())
		if wantError(t, err, redisstore.ErrEvicts); err != nil && !strings.Contains(err.Error(), node.Addr) {
			t.Errorf("node %d: %v", i, err)
		}
		node.Set(t, "maxmemory-policy", "noeviction")
	}
	last := g.Nodes[len(g.Nodes)-1]
	last.Kill() // a replica that is away does not keep a program from starting
	if err := b.open(t, nil).CheckServer(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestCheckServerWarns(t *testing.T) {
	server := redistest.Server(t)
	var log bytes.Buffer
	st := on(server).open(t, &redisstore.Options{WaitReplicas: 1, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	if err := st.CheckServer(t.Context()); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"append-only file is off", "fewer replicas are connected than WaitReplicas"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("not logged: %s\n%s", want, log.String())
		}
	}
	if n := server.Do(t, "dbsize"); n != int64(0) {
		t.Errorf("CheckServer left %v keys", n)
	}
}

// Servers that are too old, or tell no version: these are answers of a false one.
func TestCheckServerVersion(t *testing.T) {
	for version, refused := range map[string]bool{"5.0.14": true, "6.0.16": true, "6.2.0": false, "8.0.1": false, "": false} {
		m := miniredis.RunT(t)
		m.Server().SetPreHook(func(c *server.Peer, cmd string, _ ...string) bool {
			switch {
			case strings.EqualFold(cmd, "info") && version != "":
				c.WriteBulk("# Server\r\nredis_version:" + version + "\r\nmaxmemory_policy:noeviction\r\n")
			case strings.EqualFold(cmd, "info"), strings.EqualFold(cmd, "config"), strings.EqualFold(cmd, "hello"):
				c.WriteError("ERR unknown command")
			case strings.EqualFold(cmd, "wait"), strings.EqualFold(cmd, "hstrlen"), strings.EqualFold(cmd, "evalsha"):
				c.WriteInt(0)
			default:
				return false
			}
			return true
		})
		st := backend{addrs: []string{m.Addr()}}.open(t, nil)
		if err := st.CheckServer(t.Context()); errors.Is(err, redisstore.ErrVersion) != refused || !refused && err != nil {
			t.Errorf("version %q: %v", version, err)
		}
	}
}

// What was deleted is in the append-only file, and in a snapshot, until Scrub.
func TestScrub(t *testing.T) {
	server := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always", "--save", "3600 1", "--rdbcompression", "no")
	st := on(server).open(t, nil)
	const canary = "canary-7d1f0c"
	secret := store.Record{ID: "id", Kind: "secret", Data: []byte(canary)}
	rev, err := st.Apply(t.Context(), "tenant", store.Ops(store.Create(secret, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := st.Scrub(t.Context()); err != nil { // puts it into the snapshot
		t.Fatal(err)
	}
	secret.Created, secret.Revision = rev, rev
	if _, err := st.Apply(t.Context(), "tenant", store.Ops(store.Delete(secret, nil))); err != nil {
		t.Fatal(err)
	}
	if n := filesWith(t, server.Dir, canary); n < 2 {
		t.Fatalf("%d files have the deleted data before Scrub, want the log and the snapshot: the test shows nothing", n)
	}
	if err := st.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	redistest.Until(t, "the server has unlinked its old files", func() bool { return filesWith(t, server.Dir, canary) == 0 })

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
