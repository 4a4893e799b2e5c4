package serve

import (
	"context"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

const oneKey = "[[key]]\nsecret = '" + testKey + "'\ntenant = 'demo'\n"

// TestSignalsWhileItStarts: while a server waits for its store, SIGHUP does not end one that has
// files to read again, and SIGTERM ends it without an error.
func TestSignalsWhileItStarts(t *testing.T) {
	silent, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	keys := filepath.Join(t.TempDir(), "keys.toml")
	if err := os.WriteFile(keys, []byte(oneKey), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(t.Context())
	defer end()
	hangups := make(chan func(), 1)
	env := &cli.Env{Stdout: io.Discard, Stderr: new(logged), Now: time.Now, OnHangup: func(f func()) { hangups <- f }}
	ended := make(chan error, 1)
	go func() {
		ended <- parse(t, "-addr=127.0.0.1:0", "-keys="+keys, "-store=postgres://ann@"+silent.Addr().String()+"/a?sslmode=disable").Run(ctx, env)
	}()
	conn, err := silent.Accept() // it asks its store something
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	select {
	case hangup := <-hangups:
		defer hangup() // it does not wait for a server that never started
	default:
		t.Error("SIGHUP ends the server")
	}
	end()
	if err := <-ended; err != nil {
		t.Errorf("it ended with %v", err)
	}
}

// TestHangupWhileItStarts: files are read again when the server has started.
func TestHangupWhileItStarts(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys.toml")
	if err := os.WriteFile(keys, []byte(oneKey), 0o600); err != nil {
		t.Fatal(err)
	}
	s, p, log := parse(t, "-keys="+keys), new(parts), new(logged)
	var hangup func()
	env := &cli.Env{Stderr: log, Now: time.Now, OnHangup: func(f func()) { hangup = f }}
	started := s.onHangup(t.Context(), env, p, s.Logs.Logger(env))
	go hangup()
	if err := s.read(p, env, s.Logs.Logger(env)); err != nil || log.String() != "" {
		t.Fatal(err, log)
	}
	started()
	redistest.Until(t, "read again", func() bool { return log.count("read again") == 1 })
}
