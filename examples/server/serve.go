package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
)

// drain is how long the server may take to answer what it has begun.
const drain = 10 * time.Second

// run serves until the context ends.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	c, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	made := ""
	if c.keys.principals == nil {
		if made, err = ownKey(keyFile); err != nil {
			return err
		}
		c.keys.principals = map[string]httpapi.Principal{made: {Tenant: "demo"}}
	}
	if err := c.logins.check(c.keys.principals); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(stderr, nil))
	st, closer, err := openStore(ctx, c.store, c.sync)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()

	keyring, err := openKeyring(ctx, c.keyring, log)
	if err != nil {
		return err
	}
	users := enduser.New(st, &enduser.Options{Logger: log, Keyring: keyring})
	closing := make(chan struct{})
	h, err := handler(users, c, log, closing) //nolint:contextcheck // requests bring their own contexts
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	if made != "" {
		fmt.Fprintf(stdout, "try: %s\n", curl(listener.Addr().String(), made))
	}
	return serve(ctx, listener, h, users, log, closing)
}

// serve runs the server and the sweeper until the context ends, then lets requests
// finish, long polls included.
func serve(ctx context.Context, l net.Listener, h http.Handler, users *enduser.Manager, log *slog.Logger, closing chan struct{}) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	sweep, stopSweep := context.WithCancel(context.WithoutCancel(ctx))
	swept := make(chan struct{})
	go func() {
		defer close(swept)
		_ = users.Run(sweep) // ends with its context
	}()
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()

	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		close(closing)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
		defer cancel()
		err = server.Shutdown(limit)
		if err != nil {
			err = errors.Join(fmt.Errorf("requests were cut off: %w", err), server.Close())
		}
		if over := <-served; !errors.Is(over, http.ErrServerClosed) {
			err = errors.Join(err, over)
		}
	}
	stopSweep()
	<-swept
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// curl returns a command that makes a user.
func curl(addr, key string) string {
	return fmt.Sprintf("curl -i http://%s/v1/end-users -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' "+
		`-d '{"external_id":"crm-7","name":"Ann"}'`, addr, key)
}
