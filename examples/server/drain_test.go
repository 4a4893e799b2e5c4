package main

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestDrain: a server that ends answers the requests that it has begun, on every kind of
// store. These are a request whose body is not complete yet, and a long poll.
func TestDrain(t *testing.T) {
	memory := namedStore{"memory", func(*testing.T) string { return "memory:" }}
	for _, s := range append(stores(), memory) {
		t.Run(s.name, func(t *testing.T) {
			c := newConfig()
			c.store = s.make(t)
			st, closer, err := openStore(t.Context(), c, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := closer.Close(); err != nil {
					t.Error(err)
				}
			})
			testDrain(t, enduser.New(st, nil))
		})
	}
}

func testDrain(t *testing.T, users *enduser.Manager) {
	server := &server{users: users, log: slog.New(slog.DiscardHandler), closing: make(chan struct{}), drain: drain}
	c := newConfig()
	c.rate, c.keys.principals = "on", map[string]httpapi.Principal{testKey: {Tenant: "demo"}}
	h, err := handler(users, c, server.log, server.closing)
	if err != nil {
		t.Fatal(err)
	}
	entered := make(chan string, 2)
	seen := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		entered <- r.Method
		h.ServeHTTP(w, r)
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	url := "http://" + listener.Addr().String()
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- server.serve(ctx, listener, seen) }()

	type result struct {
		answer
		err error
	}
	post, poll := make(chan result, 1), make(chan result, 1)
	body, rest := io.Pipe()
	client := newClient(t, 2)
	go func() {
		r, err := http.NewRequest(http.MethodPost, url+"/v1/end-users", body)
		if err != nil {
			post <- result{err: err}
			return
		}
		r.Header.Set("Authorization", "Bearer "+testKey)
		r.Header.Set("Content-Type", "application/json")
		a, err := do(client, r)
		post <- result{a, err}
	}()
	text := []byte(bodyOf("crm-7"))
	if _, err := rest.Write(text[:5]); err != nil {
		t.Fatal(err)
	}
	go func() {
		a, err := send(client, "GET", url+"/v1/changes?wait=30", testKey, "")
		poll <- result{a, err}
	}()
	for range 2 {
		<-entered
	}

	end()
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
	if err := within(ended); err != nil {
		t.Errorf("serve: %v", err)
	}
	if _, err := send(client, "GET", url+"/healthz", "", ""); err == nil {
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
		users: enduser.New(memory.New(nil), nil), log: newLog(log), closing: make(chan struct{}), drain: time.Millisecond,
	}
	endless := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write(make([]byte, 64<<20)); err != nil {
				return
			}
		}
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	ended := make(chan error, 1)
	go func() { ended <- server.serve(ctx, listener, endless) }()
	conn, err := net.Dial("tcp", listener.Addr().String())
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
	end()
	if err := within(ended); err != nil {
		t.Error(err)
	}
	if !strings.Contains(log.String(), "cut off") {
		t.Errorf("the log does not say it: %s", log)
	}
}
