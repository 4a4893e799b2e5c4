// Package serve is the command serve: the registry over HTTP.
package serve

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/signal"
	"syscall"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/access"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/logs"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/telemetry"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tenants"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
	"github.com/rollbook-go/rollbook/enduser/webhook"
)

// Serve serves the native REST API of Rollbook at /, and the APIs of four other products at
// /magickmind, /explo, /sensay and /ada, over the same users, and the console, a website for
// those who look after them, at /console/. By default it keeps them in an SQLite file in the
// current folder, and makes its own keys.
//
// Its first line on standard output is "listening on http://ADDR". GET /livez and /healthz
// report that it runs, GET /readyz that its store reads and writes; none needs a key.
//
// SIGINT, SIGTERM and SIGHUP end it with status 0, after it has answered the requests that it
// has begun, for at most 10 s. A second signal ends it at once. If it has files that it can
// read again, SIGHUP makes it do that instead: those of -keys, -tenants, -tls-cert and
// -keyring shared:FILE. The file of -config is not read again, but with one SIGHUP does not end
// the server either.
type Serve struct {
	Addr           string   `default:"127.0.0.1:8080" help:"Address to listen on; port 0 takes a free one."`
	MaxConnections int      `default:"10000" placeholder:"N" help:"Connections at once; more wait. 0: any number."`
	TLS            tlsFlags `embed:"" prefix:"tls-"`

	Store   backend.Store   `embed:""`
	Keyring backend.Keyring `embed:""`
	Access  access.Flags    `embed:""`
	Tenants tenants.Flags   `embed:""`
	Logs    logs.Flags      `embed:""`
	Metrics telemetry.Flags `embed:""`

	Console string `default:"on" enum:"on,off" help:"Serve the console, a website for those who look after users, at /console/: on or off."`

	Login []string `sep:"none" secret:"" placeholder:"EMAIL:PASSWORD=KEY" help:"An account that gets KEY from /magickmind/v1/auth/login; repeatable."`

	Webhooks        string `default:"on" enum:"on,off" help:"Send webhooks: on or off. Off is for a server beside others that send them."`
	WebhookInsecure bool   `help:"Send webhooks to http URLs and private addresses, too; for development."`

	Retain      age `default:"30d" placeholder:"AGE" help:"How long changes stay in the feed, such as 30d or 12h; off: for ever."`
	RetainCount int `default:"0" placeholder:"N" help:"How many of its newest changes each tenant keeps; 0: any number."`
}

// Run serves until the context ends. It creates no file before it listens.
func (s *Serve) Run(ctx context.Context, env *cli.Env) (err error) {
	signal.Ignore(syscall.SIGPIPE) // a closed log is no reason to end
	defer func() {
		if ctx.Err() != nil && errors.Is(err, context.Canceled) {
			err = nil // a signal ended the start
		}
	}()
	log := s.Logs.Logger(env)
	p := new(parts)
	started := s.onHangup(ctx, env, p, log)
	if err := s.read(p, env, log); err != nil {
		return cli.Exit(cli.Usage, err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", s.Addr)
	if err != nil {
		err = fmt.Errorf("-addr: %w", err)
		if _, wrong := errors.AsType[*net.AddrError](err); wrong {
			err = cli.Exit(cli.Usage, err)
		}
		return err
	}
	defer listener.Close() //nolint:errcheck // the server has closed it, or never served

	metrics, err := s.Metrics.Open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, metrics.Close()) }()
	waiting := &queue{now: env.Now}
	s.Store.Observer = waiting.observe(metrics.Store(telemetry.System(s.Store.Store)))
	st, closer, err := s.Store.Open(ctx, log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	ring, err := s.Keyring.Open(ctx, &s.Store, log)
	if err != nil {
		return err
	}
	p.ring, _ = ring.(*keyfile.Shared)
	made, err := s.makeKey(p)
	if err != nil {
		return err
	}
	users := enduser.New(st, &enduser.Options{
		Schema: p.tenants.Schema, Keyring: ring, Logger: log, Now: env.Now, Observer: metrics.Users(),
		Retain:           enduser.Retention{Age: s.Retain.Duration(), Changes: s.RetainCount},
		InsecureWebhooks: s.WebhookInsecure,
	})
	web := &server{
		users: users, hooks: s.deliverer(users), log: log, tls: p.tls, limit: s.MaxConnections,
		closing: make(chan struct{}), drain: drain,
	}
	h, err := s.handler(users, p, &settings{
		now: env.Now, log: log, closing: web.closing, store: storeInfo(s.Store.Store, waiting),
	}, metrics)
	if err != nil {
		return err
	}
	started()
	s.announce(env, p.scheme()+"://"+listener.Addr().String(), made)
	return web.serve(ctx, listener, h)
}

// deliverer returns what sends webhooks, or nil if they are off.
func (s *Serve) deliverer(users *enduser.Manager) *webhook.Deliverer {
	if s.Webhooks == "off" {
		return nil
	}
	return webhook.New(users, &webhook.Options{AllowHTTP: s.WebhookInsecure, AllowPrivate: s.WebhookInsecure})
}

// handler returns everything that answers a request.
func (s *Serve) handler(users *enduser.Manager, p *parts, set *settings, metrics *telemetry.Metrics) (http.Handler, error) {
	set.keys, set.logins, set.policy = p.keys, p.logins, p.tenants.Policy
	set.rate, set.loopback, set.console = s.Access.Rate == "on", onLoopback(s.Addr), s.Console == "on"
	m, err := newMounts(users, set)
	if err != nil {
		return nil, err
	}
	return s.Logs.Access(set.log, metrics.Handler(m)), nil
}

// announce prints where the server listens and, if it made a key, a command that uses it; then
// where the console is, unless it is off. All comes in one write: who waits for the first line
// need not read on.
func (s *Serve) announce(env *cli.Env, url, key string) {
	console := ""
	if s.Console == "on" {
		console = url + "/console/"
	}
	if env.JSON {
		_ = json.NewEncoder(env.Stdout).Encode(struct {
			URL     string `json:"url"`
			Key     string `json:"key,omitempty"`
			Console string `json:"console,omitempty"`
		}{url, key, console})
		return
	}
	text := fmt.Sprintf("listening on %s\n", url)
	if key != "" {
		text += fmt.Sprintf("try: %s\n", curl(url, key))
	}
	switch {
	case console != "" && key != "":
		text += fmt.Sprintf("console: %s (its key is in %s)\n", console, keyFile)
	case console != "":
		text += fmt.Sprintf("console: %s\n", console)
	}
	_, _ = io.WriteString(env.Stdout, text)
}

// curl returns a command that makes a user.
func curl(url, key string) string {
	return fmt.Sprintf("curl -i %s/v1/end-users -H 'Authorization: Bearer %s' -H 'Content-Type: application/json' "+
		`-d '{"external_id":"crm-7","name":"Ann"}'`, url, key)
}
