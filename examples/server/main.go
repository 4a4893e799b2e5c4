// Server is a host in one file: the native REST API on users in an SQLite file. It makes a key
// at each start and prints a command that uses it. Requests that it has begun are answered
// before it ends.
//
// The program that serves every family of routes, with its settings in flags, the environment
// or a file, is cmd/rollbook.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8082", "address to listen on; port 0 takes a free one")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *addr, "server.db", os.Stdout); err != nil {
		log.Fatal(err) //nolint:gocritic // the signals end with the process
	}
}

// run serves until the context ends.
func run(ctx context.Context, addr, file string, out io.Writer) (err error) {
	st, err := sqlite.Open(ctx, file, nil)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	users := enduser.New(st, &enduser.Options{Logger: slog.Default()})

	key := rand.Text()
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{key: {Tenant: "demo"}})
	if err != nil {
		return err
	}
	closing := make(chan struct{}) // ends long polls
	routes, err := httpapi.New(users, tokens.Authenticate, &httpapi.Options{Logger: slog.Default(), Closing: closing})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: routes, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: time.Minute}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(out, "curl http://%s/v1/end-users -H 'Authorization: Bearer %s'\n", listener.Addr(), key)

	// Run removes expired records in the background until the context ends.
	if err := users.Run(ctx); ctx.Err() == nil {
		return err
	}
	close(closing)
	limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(server.Shutdown(limit), ended(<-served))
}

// ended returns the error of a server that has ended, unless it was told to.
func ended(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}
