package serve

import (
	"bytes"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/postgres"
)

// TestDrain: a server that ends answers the requests that it has begun, on every kind of
// store. These are a request whose body is not complete yet, and a long poll.
func TestDrain(t *testing.T) {
	for name, open := range map[string]func(testing.TB) store.Store{
		"memory": backends.Memory, "sqlite": backends.SQLite,
		"redis":    func(tb testing.TB) store.Store { tb.Helper(); return backends.Redis(tb, redistest.Server(tb).Addr) },
		"postgres": postgresStore,
	} {
		t.Run(name, func(t *testing.T) { testDrain(t, enduser.New(open(t), nil)) })
	}
}

func postgresStore(tb testing.TB) store.Store {
	tb.Helper()
	st, err := postgres.Open(tb.Context(), pgtest.Database(tb), nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := st.Close(); err != nil {
			tb.Error(err)
		}
	})
	return st
}

func testDrain(t *testing.T, users *enduser.Manager) {
	server := &server{users: users, log: slog.New(slog.DiscardHandler), closing: make(chan struct{}), drain: drain}
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{testKey: {Tenant: "demo"}})
	if err != nil {
		t.Fatal(err)
	}
	h, err := httpapi.New(users, tokens.Authenticate, &httpapi.Options{Closing: server.closing})
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan string, 2)
	seen := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- r.Method
		h.ServeHTTP(w, r)
	})
	r := run(t, server, seen)

	type result struct {
		answer
		err error
	}
	post, poll := make(chan result, 1), make(chan result, 1)
	body, rest := io.Pipe()
	client := newClient(t)
	go func() {
		a, err := send(client, "POST", r.url+"/v1/end-users", body)
		post <- result{a, err}
	}()
	text := []byte(`{"external_id":"crm-7"}`)
	if _, err := rest.Write(text[:5]); err != nil {
		t.Fatal(err)
	}
	go func() {
		a, err := send(client, "GET", r.url+"/v1/changes?wait=30", nil)
		poll <- result{a, err}
	}()
	for range 2 {
		<-entered
	}

	r.end()
	if got := <-poll; got.err != nil || got.status != http.StatusOK || !strings.Contains(got.body, `"data":[]`) {
		t.Errorf("the long poll: %d %q, %v", got.status, got.body, got.err)
	}
	if _, err := io.Copy(rest, bytes.NewReader(text[5:])); err != nil {
		t.Error(err)
	}
	if err := rest.Close(); err != nil {
		t.Error(err)
	}
	if got := <-post; got.err != nil || got.status != http.StatusCreated {
		t.Errorf("the request: %d %q, %v", got.status, got.body, got.err)
	}
	if err := <-r.ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	if _, err := send(client, "GET", r.url+"/healthz", nil); err == nil {
		t.Error("it still answers")
	}
	if _, err := users.Tenant("demo").Get(t.Context(), enduser.ByExternalID("crm-7")); err != nil {
		t.Errorf("what was acknowledged: %v", err)
	}
}

// TestDrainEnds: a client that does not read its answer does not keep the server from ending.
// That is no error.
func TestDrainEnds(t *testing.T) {
	log := new(logged)
	server := &server{
		users: enduser.New(memory.New(nil), nil), log: slog.New(slog.NewTextHandler(log, nil)), closing: make(chan struct{}), drain: time.Millisecond,
	}
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 64<<20)); err != nil {
				return
			}
		}
	})
	r := run(t, server, endless)
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Read(make([]byte, 1)); err != nil { // it has begun
		t.Fatal(err)
	}
	r.end()
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "cut off") {
		t.Errorf("the log does not say it: %s", log)
	}
}
