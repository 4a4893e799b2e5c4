package archive_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/clock"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(jobVariable); text != "" {
		runJob(text)
		return
	}
	code := m.Run()
	if redisStarted.Load() {
		if server, err := sharedRedis(); err == nil {
			server.Close()
		}
	}
	os.Exit(code)
}

// sharedRedis starts the Redis server of this test binary when it is needed first; each test has a
// prefix of its own.
var sharedRedis = sync.OnceValues(func() (*redistest.Process, error) { return redistest.Start() })

var redisStarted atomic.Bool

func onRedis(tb testing.TB) store.Store {
	tb.Helper()
	redistest.Require(tb)
	redisStarted.Store(true)
	server, err := sharedRedis()
	must(tb, err)
	return backends.Redis(tb, server.Addr)
}

// each runs a test on every backend.
func each(t *testing.T, test func(t *testing.T, open func(testing.TB) store.Store)) {
	t.Helper()
	kinds := backends.Others()
	if len(kinds) == 0 {
		kinds = []backends.Kind{
			{Name: "memory", Open: backends.Memory},
			{Name: "sqlite", Open: backends.SQLite},
			{Name: "miniredis", Open: backends.Miniredis},
			{Name: "redis", Open: onRedis},
			{Name: "stingy", Open: backends.Stingy},
		}
	}
	for _, kind := range kinds {
		t.Run(kind.Name, func(t *testing.T) { test(t, kind.Open) })
	}
}

// epoch is when a clock begins.
var epoch = time.Date(2026, 5, 4, 3, 2, 1, 0, time.UTC)

// exactly is a tenant that compares external IDs exactly.
const exactly = "exact"

// world is a Manager on a store, with a clock.
type world struct {
	*clock.Clock
	store store.Store
	*enduser.Manager
}

func on(tb testing.TB, st store.Store, keys ...string) *world {
	tb.Helper()
	w := &world{Clock: clock.At(epoch), store: st}
	var ids atomic.Int64
	opts := &enduser.Options{
		Now:    w.Now,
		NewID:  func() string { return fmt.Sprintf("%024x", ids.Add(1)) },
		Schema: func(tenant string) enduser.Schema { return enduser.Schema{ExactIDs: tenant == exactly} },
	}
	if len(keys) == 0 {
		keys = []string{"k1"}
	}
	if keys[0] != "" {
		opts.Keyring = enduser.NewKeyring(key(tb, keys[0]))
	}
	w.Manager = enduser.New(st, opts)
	return w
}

// manager returns a Manager for a process of its own, at a time in milliseconds.
func manager(st store.Store, now int64) *enduser.Manager {
	k, _ := enduser.NewKey("k1", sha256.Sum256([]byte("k1"))) // valid
	return enduser.New(st, &enduser.Options{
		Keyring: enduser.NewKeyring(k), Now: func() time.Time { return time.UnixMilli(now) },
		Schema: func(tenant string) enduser.Schema { return enduser.Schema{ExactIDs: tenant == exactly} },
	})
}

func (w *world) Now() time.Time { return w.Clock.Now() }

func key(tb testing.TB, id string) enduser.Key {
	tb.Helper()
	k, err := enduser.NewKey(id, sha256.Sum256([]byte(id)))
	must(tb, err)
	return k
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

// secrets are all that must be nowhere in an archive, and what opens a group.
type secrets struct {
	texts []string
	token string // of team-7 of acme
}

// fill makes an installation with all that a tenant can have.
func fill(tb testing.TB, w *world) (s secrets) {
	tb.Helper()
	for _, t := range []enduser.Tenant{
		w.Tenant("zeta"), w.Tenant("acme"), w.Tenant("acme").In(enduser.Testing), w.Tenant(exactly), w.Tenant("e/ü \U0001F600"),
	} {
		s.fill(tb, w, t.As("crm"))
	}
	// A tenant that has lost all its users, and one that changed how it compares IDs.
	u, err := w.Tenant("gone").Create(tb.Context(), enduser.Spec{Name: "Gone"})
	must(tb, err)
	must(tb, w.Tenant("gone").Delete(tb.Context(), enduser.ByID(u.ID)))
	w.Advance(time.Hour)
	return s
}

func (s *secrets) fill(tb testing.TB, w *world, t enduser.Tenant) {
	tb.Helper()
	ctx := tb.Context()
	nested, err := enduser.JSON(`{"z":[1,null],"y":"\u2028"}`)
	must(tb, err)
	for i := range 12 {
		spec := enduser.Spec{
			ExternalID: fmt.Sprint("Crm ", i), Name: "Ada “" + fmt.Sprint(i) + "” \\ <b>", Email: fmt.Sprintf("u%d@example.com", i),
			Metadata:         enduser.Metadata{"b": enduser.Float(0.5), "a": nested},
			SystemProperties: enduser.Metadata{"seen": enduser.Bool(true)},
			Accounts:         []enduser.Account{{Type: "discord", ID: fmt.Sprint(i)}}, Groups: []string{"team-7"},
		}
		switch i % 4 {
		case 1:
			secret := fmt.Sprintf("secret-%d-%s", i, t)
			s.texts = append(s.texts, secret)
			spec.Sensitive = map[string]enduser.Secret{"ssn": enduser.NewSecret(enduser.String(secret)), "pin": enduser.NewSecret(enduser.Int(7))}
		case 2:
			spec.ExternalID, spec.ExpiresIn = "", 30*24*time.Hour
		case 3:
			spec = enduser.Spec{FirstName: "Only", LastName: "Names", Avatar: "https://example.com/a", Language: "de-CH"}
		}
		w.Advance(time.Second)
		_, err := t.Create(ctx, spec)
		must(tb, err)
	}
	_, err = t.Update(ctx, enduser.ByExternalID("Crm 0"), func(e *enduser.Edit) error { e.Name = "Another"; return nil })
	must(tb, err)
	_, err = t.Create(ctx, enduser.Spec{Name: "Expires", ExpiresIn: time.Minute, Sensitive: map[string]enduser.Secret{"x": enduser.NewSecret(enduser.Int(1))}})
	must(tb, err)
	_, token, err := t.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team-7", Name: "Seven", Metadata: enduser.Metadata{"k": enduser.Int(1)}})
	must(tb, err)
	_, token, err = t.Groups().Rotate(ctx, enduser.GroupByToken(token), time.Hour)
	must(tb, err)
	s.texts = append(s.texts, token, fmt.Sprintf("%x", sha256.Sum256([]byte(token))))
	if t.String() == "acme/Customer" {
		s.token = token
	}
	_, secret, err := t.Webhooks().Create(ctx, enduser.WebhookSpec{
		URL: "https://example.com/hook", Events: []string{"group.*"}, Description: "All of it",
		Headers: map[string]enduser.Secret{"X-Api-Key": enduser.NewSecret(enduser.String("header-secret"))},
	})
	must(tb, err)
	s.texts = append(s.texts, secret, strings.TrimPrefix(secret, "whsec_"), "header-secret")
}

// export returns an archive.
func (w *world) export(tb testing.TB, opts *archive.ExportOptions) string {
	tb.Helper()
	var out bytes.Buffer
	result, err := archive.Export(tb.Context(), w.Manager, &out, opts)
	must(tb, err)
	if lines := strings.Count(out.String(), "\n"); lines != result.Rows()+2 {
		tb.Fatalf("%d lines, and %+v", lines, result)
	}
	return out.String()
}

// rows returns the lines of an archive without header and trailer, sorted, with webhooks as an
// import leaves them.
func rows(text string) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	lines = lines[1 : len(lines)-1]
	for i, line := range lines {
		if strings.HasPrefix(line, `{"type":"webhook"`) {
			line = strings.Replace(line, `,"disabled":true`, "", 1)
			lines[i] = strings.Replace(line, `,"header_names":["X-Api-Key"]`, "", 1)
		}
	}
	slices.Sort(lines)
	return lines
}

func inMemory(tb testing.TB) *world {
	tb.Helper()
	return on(tb, memory.New(nil))
}

// like puts the world's clock on another's time.
func (w *world) like(o *world) *world {
	w.Set(o.Clock.Now())
	return w
}
