package main

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/postgres"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
	sqlitestore "github.com/rollbook-go/rollbook/store/sqlite"
)

const (
	largeUsers = 200
	quietUsers = 1000

	busyKey  = "the-key-of-the-busy-tenant"
	quietKey = "the-key-of-the-quiet-tenant"
)

// filled is what a server says when it listens.
type filled struct {
	Addr string
	Data uint64 // bytes of the heap that the store needs for what it keeps
}

// serve fills a store, says where it listens, and serves until standard input ends. It
// obeys what is said there.
func serve(ctx context.Context, args []string) (err error) {
	if len(args) != 4 {
		return errors.New("serve STORE USERS VAULTS LEAVING")
	}
	small, err1 := strconv.Atoi(args[1])
	vaults, err2 := strconv.Atoi(args[2])
	leaving, err3 := strconv.Atoi(args[3])
	if err := errors.Join(err1, err2, err3); err != nil {
		return err
	}
	st, closer, err := openStore(ctx, args[0])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	users, late, err := managers(st)
	if err != nil {
		return err
	}
	if err := fill(ctx, users, small, leaving); err != nil {
		return err
	}
	due, err := newVaults(ctx, users, late, vaults)
	if err != nil {
		return err
	}
	debug.FreeOSMemory() // as if started anew
	var heap runtime.MemStats
	runtime.ReadMemStats(&heap)

	h, err := handler(users) //nolint:contextcheck // each request has its own
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
	if err := json.NewEncoder(os.Stdout).Encode(filled{listener.Addr().String(), heap.HeapAlloc}); err != nil {
		return err
	}
	err = inside{"due vaults": due.round, "deletion": leave(users, leaving)}.obey(ctx, os.Stdin, os.Stdout)
	err = errors.Join(err, server.Close())
	if over := <-served; !errors.Is(over, http.ErrServerClosed) {
		err = errors.Join(err, over)
	}
	return err
}

// managers returns two on one store, the second with a clock so far behind that all
// sensitive values that it writes have expired.
func managers(st store.Store) (users, late *enduser.Manager, err error) {
	key, err := enduser.NewKey("one", sha256.Sum256([]byte("neighbours")))
	if err != nil {
		return nil, nil, err
	}
	o := &enduser.Options{Keyring: enduser.NewKeyring(key)}
	users = enduser.New(st, o)
	o.Now = func() time.Time { return time.Now().Add(-enduser.SensitiveTTL - time.Hour) }
	return users, enduser.New(st, o), nil
}

// handler serves what cmd/rollbook does, without limits of requests.
func handler(users *enduser.Manager) (http.Handler, error) {
	tokens, err := httpapi.NewTokens(map[string]httpapi.Principal{busyKey: {Tenant: "busy"}, quietKey: {Tenant: "quiet"}})
	if err != nil {
		return nil, err
	}
	opts := httpapi.Options{Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	native, err1 := httpapi.New(users, tokens.Authenticate, &opts)
	adas := opts
	adas.Rates = []httpapi.Rate{}
	ada, err2 := ada.New(users, tokens.Authenticate, &ada.Options{Options: adas})
	mm, err3 := magickmind.New(users, tokens.Authenticate, &magickmind.Options{Options: opts, Login: nobody{}})
	mux := http.NewServeMux()
	mux.Handle("/", native)
	mux.Handle("/ada/", http.StripPrefix("/ada", ada))
	mux.Handle("/magickmind/", http.StripPrefix("/magickmind", mm))
	return mux, errors.Join(err1, err2, err3)
}

// nobody may log in.
type nobody struct{}

func (nobody) Login(context.Context, string, magickmind.Secret) (magickmind.Session, error) {
	return magickmind.Session{}, magickmind.ErrCredentials
}

func (nobody) Refresh(context.Context, magickmind.Secret) (magickmind.Session, error) {
	return magickmind.Session{}, magickmind.ErrCredentials
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
	case "postgres":
		s, err := postgres.Open(ctx, rest, nil)
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

// fill makes the users of the tenants, the largest first.
func fill(ctx context.Context, users *enduser.Manager, small, leaving int) error {
	busy, quiet := users.Tenant("busy"), users.Tenant("quiet")
	for _, part := range []struct {
		tenant enduser.Tenant
		n      int
		spec   func(int) enduser.Spec
	}{{busy, largeUsers, largest}, {busy, small, nearly}, {quiet, quietUsers, ordinary}, {users.Tenant(leavingTenant), leaving, ordinary}} {
		began := time.Now()
		if err := create(ctx, part.tenant, part.n, part.spec); err != nil {
			return err
		}
		note("%d users of %s in %v", part.n, part.tenant.Name(), time.Since(began).Round(time.Millisecond))
	}
	return nil
}

func create(ctx context.Context, t enduser.Tenant, n int, spec func(int) enduser.Spec) error {
	return each(ctx, 64, n, func(ctx context.Context, i int) error {
		_, err := t.Create(ctx, spec(i))
		return err
	})
}

// each calls f for each number below n, from so many callers at once, until one fails.
func each(ctx context.Context, callers, n int, f func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan int)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for i := range next {
				if err := f(ctx, i); err != nil {
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
	id := func(n, length int) string { return fmt.Sprintf("%04d", n) + strings.Repeat(ideograph, length-4) }
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
		s.Accounts = append(s.Accounts, enduser.Account{Type: strings.Repeat(ideograph, 64), ID: id(i*16+n, 256)})
	}
	for n := range 64 {
		s.Groups = append(s.Groups, id(n, 131))
	}
	return s
}
