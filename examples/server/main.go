// Command server serves a registry of end users: the native REST API of Rollbook at /, and
// the APIs of four other products at /magickmind, /explo, /sensay and /ada, over the same
// users. By default it keeps them in an SQLite file in the current folder, and makes its own
// keys.
//
//	go run ./examples/server
//
// Its first line on standard output is "listening on http://ADDR". GET /healthz reports that
// it runs, GET /readyz that its store reads and writes; neither needs a key.
//
// SIGINT, SIGTERM and SIGHUP end it with status 0, after it has answered the requests that it
// has begun, for at most 10 s. A second signal ends it at once. A closed standard output or
// standard error does not end it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	goredis "github.com/redis/go-redis/v9"

	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

func main() {
	// A closed log is no reason to end.
	signal.Ignore(syscall.SIGPIPE)
	goredis.SetLogger(redisstore.ClientLogger(newLog(os.Stderr)))
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	context.AfterFunc(ctx, stop) // a second signal has its usual effect
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "server:", err)
	os.Exit(1)
}

// endings returns the signals that end the server, except those that it inherited as
// ignored: nohup starts it so.
func endings() []os.Signal {
	var signals []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	return signals
}
