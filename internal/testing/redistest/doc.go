// Package redistest starts real Redis servers for tests: single ones, a Redis
// Cluster of three masters with a replica each, and a master with two replicas and three
// Sentinels. A Network cuts the nodes of a group off from each other while clients still
// reach them.
//
// It runs the redis-server that is on PATH, on free loopback ports and in
// temporary directories. Servers end with the test, and also when the test's
// process dies. Without a redis-server tests are skipped, or fail if the environment has
// ROLLBOOK_REQUIRE_REDIS=1.
package redistest

import (
	"errors"
	"os"
	"os/exec"
	"testing"
)

const program = "redis-server"

// Installed reports whether there is a redis-server on PATH.
func Installed() bool {
	_, err := exec.LookPath(program)
	return err == nil
}

// Require skips the test, or fails it, if there is no redis-server.
func Require(tb testing.TB) {
	tb.Helper()
	if Installed() {
		return
	}
	const message = program + " is not on PATH: not tested on a real Redis"
	if os.Getenv("ROLLBOOK_REQUIRE_REDIS") == "1" {
		tb.Fatal(message)
	}
	tb.Skip(message)
}

// Server starts a server for one test. Args are added to its command line, as in
// "--appendonly", "yes".
func Server(tb testing.TB, args ...string) *Process {
	tb.Helper()
	return started(tb, func() (*Process, error) { return Start(args...) })
}

// Cluster starts a Cluster for one test.
func Cluster(tb testing.TB) *Group { tb.Helper(); return started(tb, StartCluster) }

// SplitCluster starts a Cluster for one test whose nodes can be cut off from each other.
func SplitCluster(tb testing.TB) *Group { tb.Helper(); return started(tb, StartSplitCluster) }

// Sentinel starts Sentinels, and the servers that they watch, for one test.
func Sentinel(tb testing.TB) *Sentinels { tb.Helper(); return started(tb, StartSentinels) }

func started[T interface{ Close() }](tb testing.TB, start func() (T, error)) T {
	tb.Helper()
	Require(tb)
	servers, err := start()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(servers.Close)
	return servers
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
