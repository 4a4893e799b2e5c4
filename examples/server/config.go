package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
)

// config is the settings from the flags.
type config struct {
	addr    string
	store   string
	sync    string
	rate    string
	keyring string
	keys    keyFlags
	logins  loginFlags
	unsafe  bool // accept a Redis that may lose data
	private bool // webhooks may be http URLs, and lead to private addresses
	now     func() time.Time
}

// newConfig returns the settings that have no flag.
func newConfig() *config {
	return &config{now: time.Now} //nolint:forbidigo // a program reads the clock
}

func parseFlags(args []string, usage io.Writer) (*config, error) {
	c := newConfig()
	f := flag.NewFlagSet("server", flag.ContinueOnError)
	f.SetOutput(usage)
	f.StringVar(&c.addr, "addr", "127.0.0.1:8080", "address to listen on; port 0 takes a free one")
	f.StringVar(&c.store, "store", "sqlite:rollbook.db", "where to keep the users: sqlite:PATH, memory:, or a URL redis:, rediss:,\n"+
		"redis-sentinel:, rediss-sentinel:, redis-cluster: or rediss-cluster://[USER:PASSWORD@]HOST:PORT[/DB][?OPTIONS],\n"+
		"with options such as master_name=NAME, addr=HOST:PORT (of another node), prefix=NAME: and wait_replicas=1")
	f.StringVar(&c.sync, "sync", "full", "what SQLite's writes survive: full (a power cut) or normal (the end of the process)")
	f.Var(&c.keys, "key", "KEY=TENANT[/Customer|/Testing][@ACTOR], repeatable: a key and what it stands for;\n"+
		"without any, one for tenant demo is made and kept in rollbook.key")
	f.StringVar(&c.keyring, "keyring", keyringFile, "file with the keys that secrets are sealed under, made if it is not there;\n"+
		"servers that share a store share it; none: no secrets can be kept")
	f.Var(&c.logins, "login", "EMAIL:PASSWORD=KEY, repeatable: an account that gets KEY from /magickmind/v1/auth/login")
	f.BoolVar(&c.unsafe, "redis-unsafe", false, "start although the Redis may drop data or lacks rights, and say so in the log")
	f.BoolVar(&c.private, "webhook-insecure", false, "send webhooks to http URLs and private addresses, too; for development")
	f.StringVar(&c.rate, "rate", "on", "limit requests by key: on or off")
	if err := f.Parse(args); err != nil {
		return nil, err
	}
	switch {
	case c.keys.err != nil:
		return nil, c.keys.err
	case c.logins.err != nil:
		return nil, c.logins.err
	case f.NArg() > 0:
		return nil, errors.New("unexpected argument behind the flags")
	case c.sync != "full" && c.sync != "normal":
		return nil, errors.New("-sync must be full or normal")
	case c.rate != "on" && c.rate != "off":
		return nil, errors.New("-rate must be on or off")
	}
	if c.keys.principals != nil {
		if _, err := c.authenticator(); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// keyFlags are the keys of the -key flags.
type keyFlags struct {
	principals map[string]httpapi.Principal
	err        error // of the first invalid flag
}

// String implements flag.Value. Keys are not shown.
func (k *keyFlags) String() string { return "" }

// Set implements flag.Value. It never returns an error: package flag would print the value,
// which is secret.
func (k *keyFlags) Set(value string) error {
	if err := k.add(value); err != nil && k.err == nil {
		k.err = fmt.Errorf("-key: %w", err)
	}
	return nil
}

// add adds a key. It may contain "=": the last one ends it.
func (k *keyFlags) add(value string) error {
	at := strings.LastIndex(value, "=")
	if at < 1 {
		return errors.New("must be KEY=TENANT[/ENVIRONMENT][@ACTOR]")
	}
	key, who := value[:at], value[at+1:]
	var p httpapi.Principal
	who, p.Actor, _ = strings.Cut(who, "@")
	p.Tenant = who
	for _, env := range []enduser.Environment{enduser.Customer, enduser.Testing} {
		if tenant, ok := strings.CutSuffix(who, "/"+string(env)); ok {
			p.Tenant, p.Environment = tenant, env
		}
	}
	if p.Tenant == "" || strings.Contains(p.Tenant, "/") {
		return errors.New("the tenant must not be empty, and its environment Customer or Testing")
	}
	if _, given := k.principals[key]; given {
		return errors.New("the same key is given twice")
	}
	if k.principals == nil {
		k.principals = make(map[string]httpapi.Principal)
	}
	k.principals[key] = p
	return nil
}
