package redis_test

import (
	"bytes"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/redistest"
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

func TestCheckServer(t *testing.T) {
	server := redistest.Server(t, "--maxmemory-policy", "allkeys-lru")
	var log bytes.Buffer
	st := on(server).open(t, &redisstore.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	wantError(t, st.CheckServer(t.Context()), redisstore.ErrEvicts)
	admin := server.Client()
	defer func() { _ = admin.Close() }()
	if err := admin.ConfigSet(t.Context(), "maxmemory-policy", "noeviction").Err(); err != nil {
		t.Fatal(err)
	}
	if err := st.CheckServer(t.Context()); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "append-only file is off") {
		t.Errorf("no warning that the append-only file is off: %q", log.String())
	}
	if n, err := admin.DBSize(t.Context()).Result(); err != nil || n != 0 {
		t.Errorf("CheckServer left %d keys, %v", n, err)
	}
	if err := onCluster(t).open(t, nil).CheckServer(t.Context()); err != nil {
		t.Errorf("on a cluster: %v", err)
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
	until(t, "the server has unlinked its old files", func() bool { return filesWith(t, server.Dir, canary) == 0 })
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
