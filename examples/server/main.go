// Command server serves a registry of end users, by default from an SQLite file in
// the current folder and with keys of its own making: the native REST API of
// Rollbook at /, and the APIs of four other products at /magickmind, /explo, /sensay
// and /ada, over the same users.
//
//	go run ./examples/server
//
// Its first line on standard output is "listening on http://ADDR". It ends on
// SIGINT or SIGTERM, after answering the requests it has begun, within 10 s.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return
	}
	fmt.Fprintln(os.Stderr, "server:", err)
	os.Exit(1)
}
