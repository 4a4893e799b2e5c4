package browser

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/webhook"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/store"
)

// The keys of every world. A world can have more, see world.give.
const (
	fullKey    = "rbk_live_3vYq8mT5nHc2JxWd"
	readerKey  = "rbk_live_9LfQ4sZb7KpXe1Rt" // may only read
	otherKey   = "rbk_live_6GhUw0yNa3MvCk8E" // of another tenant
	testingKey = "rbk_test_2PdSj5oVi9BrTl4F" // of the tenant's other environment
)

const (
	tenant = "harbour" //nolint:misspell // a name
	actor  = "maya@harbour.example"
)

// now is when the tests look.
var now = time.Date(2026, 11, 24, 10, 42, 0, 0, time.UTC)

// world is what a console works on.
type world struct {
	tb       testing.TB
	store    store.Store
	clock    *clock.Clock
	sends    sync.Once // when the clock is where it stays, so that nothing fails for days
	users    *enduser.Manager
	acme     enduser.Tenant // the tenant's users
	receiver *receiver
	billing  string // where a webhook leads to, on this machine
	options  console.Options

	mu      sync.Mutex
	keys    map[string]httpapi.Principal
	rights  map[string]func(action string) bool // by the name of a credential; nil: all
	answers []answer
	secrets map[string]string // that no page may show, with what they are
	once    map[string]string // that pages show once, with what they are
}

// newWorld returns a world on a store: keys, a clock that stands still, and deliveries to webhooks.
// At its end it searches everything that was answered for secrets.
func newWorld(tb testing.TB, st store.Store) *world {
	tb.Helper()
	w := &world{
		tb: tb, store: st, clock: clock.At(now), receiver: newReceiver(tb),
		keys: map[string]httpapi.Principal{
			fullKey:    {Tenant: tenant, Actor: actor, Credential: "full"},
			readerKey:  {Tenant: tenant, Actor: "reader", Credential: "reader", ReadOnly: true},
			otherKey:   {Tenant: "lighthouse", Actor: "tom", Credential: "other"},
			testingKey: {Tenant: tenant, Environment: enduser.Testing, Actor: "ci", Credential: "testing"},
		},
		rights:  make(map[string]func(string) bool),
		secrets: make(map[string]string),
		once:    make(map[string]string),
	}
	w.billing = w.receiver.url + "/billing"
	for key := range w.keys {
		w.secrets[key] = "a key"
	}
	key, err := enduser.NewKey("2026-11", sha256.Sum256([]byte("the keyring of this test")))
	if err != nil {
		tb.Fatal(err)
	}
	var ids atomic.Int64
	w.users = enduser.New(st, &enduser.Options{
		Now: w.clock.Now, Keyring: enduser.NewKeyring(key), InsecureWebhooks: true,
		Schema: func(string) enduser.Schema {
			return enduser.Schema{IndexedMetadata: []string{"plan", "region", "seats"}}
		},
		NewID: func() string { // as always, but the same in each run
			n := ids.Add(1)
			sum := sha256.Sum256(fmt.Appendf(nil, "%d", n))
			return fmt.Sprintf("%012x", w.clock.Now().UnixMilli()) + hex.EncodeToString(sum[:6])
		},
	})
	w.acme = w.users.Tenant(tenant).As(actor)
	w.options.Authorize = w.authorize
	w.options.ReadFor = patience
	w.options.Store = func() console.StoreInfo { return console.StoreInfo{Backend: "SQLite"} }
	tb.Cleanup(w.search)
	return w
}

// memoryWorld returns a world in memory with its usual people.
func memoryWorld(tb testing.TB) *world {
	tb.Helper()
	w := newWorld(tb, backends.Memory(tb))
	w.seed(people)
	return w
}

// give adds a key.
func (w *world) give(key string, p httpapi.Principal, may func(action string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.keys[key], w.rights[p.Credential], w.secrets[key] = p, may, "a key"
}

// revoke takes a key away.
func (w *world) revoke(key string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.keys, key)
}

func (w *world) authenticate(_ *http.Request, credential string) (httpapi.Principal, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p, ok := w.keys[credential]
	if !ok {
		return p, httpapi.ErrUnauthorized
	}
	return p, nil
}

func (w *world) authorize(_ context.Context, p httpapi.Principal, a httpapi.Action) error {
	w.mu.Lock()
	may := w.rights[p.Credential]
	w.mu.Unlock()
	if a.Write && p.ReadOnly || may != nil && !may(a.Name) {
		return httpapi.ErrForbidden
	}
	return nil
}

// deliver delivers to webhooks until the function that it returns is called. Hosts of examples answer
// as they are told, see receiver; requests to this machine are really sent.
func (w *world) deliver() (stop func()) {
	w.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	sends := webhook.New(w.users, &webhook.Options{AllowPrivate: true, AllowHTTP: true}).Sender()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = w.users.Deliver(ctx, w.receiver.before(sends), &enduser.DeliverOptions{Poll: 20 * time.Millisecond}) // the context's error
	}()
	return func() {
		cancel()
		<-done
	}
}

// site is a console at an address.
type site struct {
	world  *world
	origin string
	url    string // of the mount, with a slash at its end
	secure bool
	server *httptest.Server
}

// pages returns the handler of a console that keeps what it answers.
func (w *world) pages() http.Handler {
	w.tb.Helper()
	h, err := console.New(w.users, w.authenticate, &w.options)
	if err != nil {
		w.tb.Fatal(err)
	}
	return w.keep(h)
}

// serve serves a console at the root of a server.
func (w *world) serve() *site { w.tb.Helper(); return w.serveAt("/", w.pages()) }

// serveAt serves what has a console under a path.
func (w *world) serveAt(path string, h http.Handler) *site {
	w.tb.Helper()
	server := httptest.NewServer(h)
	w.tb.Cleanup(server.Close)
	return &site{world: w, origin: server.URL, url: server.URL + path, server: server}
}

// serveTLS serves a console over TLS, with a certificate that nobody trusts.
func (w *world) serveTLS() *site {
	w.tb.Helper()
	server := httptest.NewUnstartedServer(w.pages())
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // a browser tries the certificate first
	server.StartTLS()
	w.tb.Cleanup(server.Close)
	return &site{world: w, origin: server.URL, url: server.URL + "/", server: server, secure: true}
}

// relative returns an address as seen from the mount. A page elsewhere fails the test.
func (s *site) relative(tb testing.TB, address string) string {
	tb.Helper()
	if address == "about:blank" {
		return ""
	}
	path, ok := strings.CutPrefix(address, s.url)
	if !ok {
		tb.Fatalf("at %s, outside %s", address, s.url)
	}
	return path
}
