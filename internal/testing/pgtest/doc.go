// Package pgtest starts real PostgreSQL servers for tests, and PgBouncer before them.
//
// It runs the programs that are on PATH or where Debian's package postgresql puts them, in
// folders of its own below /tmp, as another user if the tests are root's, since PostgreSQL
// refuses root. Servers listen on a socket in their folder and nowhere else, and never
// touch a cluster of the machine. Durability is as installed: fsync is on.
//
// Servers end, and their folders go, with the test or the program, and also when its
// process dies. Without PostgreSQL tests are skipped, or fail if the environment has
// ROLLBOOK_REQUIRE_POSTGRES=1.
package pgtest

import (
	"errors"
	"os"
	"sync"
	"testing"
	"time"
)

// patience bounds every wait of this package. Machines under load are slow.
const patience = 3 * time.Minute

// Installed reports whether there is a PostgreSQL server.
func Installed() bool {
	_, err := find("postgres")
	return err == nil
}

// Require skips the test, or fails it, if there is no PostgreSQL server.
func Require(tb testing.TB) { tb.Helper(); require(tb, "postgres") }

// RequireBouncer skips the test, or fails it, if there is no PgBouncer.
func RequireBouncer(tb testing.TB) { tb.Helper(); require(tb, "pgbouncer") }

func require(tb testing.TB, program string) {
	tb.Helper()
	if _, err := find(program); err == nil {
		return
	}
	message := program + " is not installed: not tested on a real PostgreSQL"
	if os.Getenv("ROLLBOOK_REQUIRE_POSTGRES") == "1" {
		tb.Fatal(message)
	}
	tb.Skip(message)
}

var shared struct {
	mu     sync.Mutex
	server *Server
}

// Shared returns the server of this process, for tests that do not break it. The first
// call starts it. It ends with the process.
func Shared(tb testing.TB) *Server {
	tb.Helper()
	Require(tb)
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.server == nil {
		s, err := Start()
		if err != nil {
			tb.Fatal(err)
		}
		shared.server = s
	}
	return shared.server
}

// Database makes an empty database on the Shared server and returns its DSN.
func Database(tb testing.TB) string { tb.Helper(); return Shared(tb).Database(tb) }

// Own starts a server for one test, which may break it. Settings are as in
// "max_connections=20".
func Own(tb testing.TB, settings ...string) *Server {
	tb.Helper()
	Require(tb)
	s, err := Start(settings...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Until waits until a condition holds. The test fails if it does not hold within three minutes.
func Until(tb testing.TB, what string, holds func() bool) {
	tb.Helper()
	if err := poll(func() error {
		if holds() {
			return nil
		}
		return errors.New(what)
	}); err != nil {
		tb.Fatal(err)
	}
}
