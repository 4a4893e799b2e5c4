package serve

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/logs"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/webhook"
)

const drain = 10 * time.Second // for requests in progress when the server ends

// server serves requests, sweeps and delivers.
type server struct {
	users   *enduser.Manager
	hooks   *webhook.Deliverer // nil: nothing is delivered
	log     *slog.Logger
	tls     *certificate  // nil: without TLS
	limit   int           // of connections; 0: none
	closing chan struct{} // closed when the end begins
	drain   time.Duration
}

// serve serves until the context ends. Then it lets requests finish, including long polls.
// It cuts off those that take longer than drain, such as an answer that nobody reads.
func (s *server) serve(ctx context.Context, l net.Listener, h http.Handler) error {
	conns := limited(l, s.limit)
	web := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       time.Minute, // also for bodies that no route reads
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    16 << 10,

		DisableGeneralOptionsHandler: true, // its answers have no deadline
		ErrorLog:                     logs.Web(s.log),

		ConnState: conns.changed,
		// A connection of HTTP/2 whose client is gone, or does not read.
		HTTP2: &http.HTTP2Config{SendPingTimeout: 30 * time.Second, PingTimeout: 15 * time.Second, WriteByteTimeout: 30 * time.Second},
	}
	working, stopWork := context.WithCancel(context.WithoutCancel(ctx))
	var background sync.WaitGroup // ends with its context
	background.Go(func() { _ = s.users.Run(working) })
	if s.hooks != nil {
		background.Go(func() { _ = s.hooks.Run(working) })
	}
	served := make(chan error, 1)
	go func() { served <- s.listen(web, conns) }()

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

// listen serves connections, with or without TLS.
func (s *server) listen(web *http.Server, l net.Listener) error {
	if s.tls == nil {
		return web.Serve(l)
	}
	web.TLSConfig = s.tls.config()
	return web.ServeTLS(l, "", "")
}
