package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
)

const (
	largeUsers = 200
	quietUsers = 1000

	busyKey  = "the-key-of-the-busy-tenant"
	quietKey = "the-key-of-the-quiet-tenant"
)

// serve fills a store, says where it listens, and serves until standard input ends.
func serve(ctx context.Context, args []string) (err error) {
	if len(args) != 2 {
		return errors.New("serve STORE USERS")
	}
	small, err := strconv.Atoi(args[1])
	if err != nil {
		return err
	}
	st, closer, err := openStore(ctx, args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	users := enduser.New(st, nil)
	if err := fill(ctx, users, small); err != nil {
		return err
	}
	debug.FreeOSMemory() // as if started anew

	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{busyKey: {Tenant: "busy"}, quietKey: {Tenant: "quiet"}})
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	h, err := httpapi.New(users, tokens.Authenticate, &httpapi.Options{Logger: log})
	if err != nil {
		return err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	if err := json.NewEncoder(os.Stdout).Encode(listener.Addr().String()); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	err = errors.Join(err, server.Close())
	if over := <-served; !errors.Is(over, http.ErrServerClosed) {
		err = errors.Join(err, over)
	}
	return err
}

type nothing struct{}

func (nothing) Close() error { return nil }

func openStore(ctx context.Context, name string) (store.Store, io.Closer, error) {
	kind, rest, _ := strings.Cut(name, ":")
	switch kind {
	case "memory":
		return memory.New(nil), nothing{}, nil
	case "sqlite":
		s, err := sqlitestore.Open(ctx, rest, nil)
		return s, s, err
	case "redis", "cluster":
		client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: strings.Split(rest, ","), IsClusterMode: kind == "cluster"})
		s, err := redisstore.New(client, nil)
		if err != nil {
			return nil, nil, errors.Join(err, client.Close())
		}
		return s, client, nil
	}
	return nil, nil, fmt.Errorf("%s: unknown kind of store", kind)
}

// fill makes the users of both tenants, the largest first.
func fill(ctx context.Context, users *enduser.Manager, small int) error {
	busy, quiet := users.Tenant("busy"), users.Tenant("quiet")
	for _, part := range []struct {
		tenant enduser.Tenant
		n      int
		spec   func(int) enduser.Spec
	}{{busy, largeUsers, largest}, {busy, small, nearly}, {quiet, quietUsers, ordinary}} {
		began := time.Now()
		if err := create(ctx, part.tenant, part.n, part.spec); err != nil {
			return err
		}
		note("%d users of %s in %v", part.n, part.tenant.Name(), time.Since(began).Round(time.Millisecond))
	}
	return nil
}

// create makes users from 64 callers at once.
func create(ctx context.Context, t enduser.Tenant, n int, spec func(int) enduser.Spec) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range 64 {
		wg.Go(func() {
			for i := range next {
				if _, err := t.Create(ctx, spec(i)); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := 0; i < n && ctx.Err() == nil; i++ {
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

func ordinary(i int) enduser.Spec {
	return enduser.Spec{ExternalID: fmt.Sprintf("crm-%08d", i), Name: fmt.Sprintf("Ann Example %d", i), Email: fmt.Sprintf("ann%d@example.com", i)}
}

// filterWords are the words of the worst filter.
const filterWords = "alpha bravo charlie delta echo foxtrot golf hotel"

// nearly returns a user whose name has all words of the filter but one: every list of
// the index is long, and no user is in all of them.
func nearly(i int) enduser.Spec {
	words := strings.Fields(filterWords)
	missing := i % len(words)
	s := ordinary(i)
	s.Name = strings.Join(append(words[:missing:missing], words[missing+1:]...), " ")
	return s
}

// largest returns a user with the most that the default policy allows.
func largest(i int) enduser.Spec {
	const ideograph = "\U00020000" // four bytes
	id := func(n int) string { return fmt.Sprintf("%04d", n) + strings.Repeat(ideograph, 252) }
	name := strings.Repeat("\u03b1\u0313\u0300\u0345", 256) // one character each, decomposed
	s := enduser.Spec{
		ExternalID: fmt.Sprintf("large-%030d", i),
		Name:       name, FirstName: name, LastName: name,
		Email:  fmt.Sprintf("%0242d@example.com", i),
		Avatar: "https://example.com/" + strings.Repeat("a", 2028),
	}
	// "name":"value", 40 bytes each.
	s.Metadata = make(enduser.Metadata)
	for n := range 255 {
		s.Metadata[fmt.Sprintf("key%04d", n)] = enduser.String(strings.Repeat("v", 27))
	}
	for n := range 16 {
		s.Accounts = append(s.Accounts, enduser.Account{Type: strings.Repeat(ideograph, 64), ID: id(i*16 + n)})
	}
	for n := range 64 {
		s.Groups = append(s.Groups, id(n))
	}
	return s
}
