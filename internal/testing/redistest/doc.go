// Package redistest starts real Redis servers for tests: single ones, a Redis
// Cluster of three masters with a replica each, and a master with two replicas and three
// Sentinels. The nodes of a group can be cut off from each other while clients still reach
// them; see Network.
//
// It runs the redis-server that is on PATH, on free loopback ports and in
// temporary directories. Servers end with the test, and also when the test's
// process dies. Where there is no redis-server tests are skipped, unless the
// environment has ROLLBOOK_REQUIRE_REDIS=1: then they fail.
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
	Require(tb)
	p, err := Start(args...)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.Close)
	return p
}

// Cluster starts a Cluster for one test.
func Cluster(tb testing.TB) *Group {
	tb.Helper()
	Require(tb)
	g, err := StartCluster()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Close)
	return g
}

// SplitCluster starts a Cluster for one test whose nodes can be cut off from each other.
func SplitCluster(tb testing.TB) *Group {
	tb.Helper()
	Require(tb)
	g, err := StartSplitCluster()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(g.Close)
	return g
}

// Sentinel starts Sentinels and what they watch for one test.
func Sentinel(tb testing.TB) *Sentinels {
	tb.Helper()
	Require(tb)
	s, err := StartSentinels()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(s.Close)
	return s
}

// Until waits until a condition holds, and fails the test if it does not for a minute.
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
