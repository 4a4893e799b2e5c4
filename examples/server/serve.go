package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/webhook"
	"github.com/rollbook-go/rollbook/httpapi"
)

const drain = 10 * time.Second // for requests in progress when the server ends

func newLog(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }

// run serves until the context ends. It creates no file before it listens.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) (err error) {
	c, err := parseFlags(args, stderr)
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.addr)
	if err != nil {
		return fmt.Errorf("-addr: %w", err)
	}
	defer listener.Close() //nolint:errcheck // the server has closed it, or never served

	log := newLog(stderr)
	st, closer, err := openStore(ctx, c, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	keyring, err := openKeyring(ctx, c.keyring, log)
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
	s := &server{
		users: enduser.New(st, &enduser.Options{Logger: log, Keyring: keyring, InsecureWebhooks: c.private}),
		log:   log, closing: make(chan struct{}), drain: drain,
	}
	s.hooks = webhook.New(s.users, &webhook.Options{AllowHTTP: c.private, AllowPrivate: c.private})
	h, err := handler(s.users, c, log, s.closing) //nolint:contextcheck // requests bring their own contexts
	if err != nil {
		return err
	}
	fmt.Fprintf(stdout, "listening on http://%s\n", listener.Addr())
	if made != "" {
		fmt.Fprintf(stdout, "try: %s\n", curl(listener.Addr().String(), made))
	}
	return s.serve(ctx, listener, h)
}

// server serves requests, sweeps and delivers.
type server struct {
	users   *enduser.Manager
	hooks   *webhook.Deliverer // nil: nothing is delivered
	log     *slog.Logger
	closing chan struct{} // closed when the end begins
	drain   time.Duration
}

// serve serves until the context ends. Then it lets requests finish, including long polls.
// It cuts off those that take longer than drain, such as an answer that nobody reads.
func (s *server) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	web := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute, // also for bodies that no route reads
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,

		DisableGeneralOptionsHandler: true, // its answers have no deadline
		ErrorLog:                     slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup // ends with its context
	background.Go(func() { _ = s.users.Run(working) })
	if s.hooks != nil {
		background.Go(func() { _ = s.hooks.Run(working) })
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }()

	var err error
	select {
	case err = <-served:
	case <-ctx.Done():
		close(s.closing)
		limit, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.drain)
		defer cancel()
		if over := web.Shutdown(limit); over != nil {
			s.log.Warn("requests were cut off", slog.Any("error", over))
			_ = web.Close() // the connections are of no use any more
		}
		err = <-served
	}
	stopWork()
	background.Wait()
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
