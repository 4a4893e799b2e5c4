package moving

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// manager returns a Manager. All have the same key.
func manager(t *testing.T, st store.Store) *enduser.Manager {
	t.Helper()
	key, err := enduser.NewKey("k1", sha256.Sum256([]byte("k1")))
	must(t, err)
	return enduser.New(st, &enduser.Options{
		Keyring: enduser.NewKeyring(key),
		Schema:  func(tenant string) enduser.Schema { return enduser.Schema{ExactIDs: tenant == "exact"} },
	})
}

const smallTenants = 30

// world is an installation, and what its clients have kept.
type world struct {
	hooks map[string]string // the webhook of a tenant
	due   map[string]bool   // the events that were not delivered yet; nil: any

	version  enduser.User     // a user and its version
	position enduser.Position // of acme's feed
	after    int              // changes after it
	cursor   enduser.Cursor   // of acme's list
	next     []string         // the users after it
	keyed    string           // the user that a request with an idempotency key has made
	token    string           // of a group
}

// found makes an installation in a store: a large tenant and small ones, with all that a tenant
// can have, webhooks that are behind, and a feed that was trimmed.
func found(t *testing.T, st store.Store, users int) *world {
	t.Helper()
	w, m, ctx := &world{hooks: map[string]string{}}, manager(t, st), t.Context()
	acme := m.Tenant("acme")
	for _, name := range []string{"acme", "exact", "small 7"} {
		events := []string{"end_user.updated", "end_user.deleted"}
		if name == "acme" {
			events = []string{"group.created", "group.updated"}
		}
		h, _, err := m.Tenant(name).Webhooks().Create(ctx, enduser.WebhookSpec{URL: "https://example.com/hook", Events: events})
		must(t, err)
		w.hooks[name] = h.ID
	}
	w.deliver(t, m) // from now on
	fill(t, acme, 0, users*3/10)
	trimTo, err := acme.Latest(ctx)
	must(t, err)
	fill(t, acme, users*3/10, users*9/10)
	fill(t, acme.In(enduser.Testing), 0, users/100)
	fill(t, m.Tenant("exact"), 0, users/20)
	for i := range smallTenants {
		fill(t, m.Tenant(fmt.Sprint("small ", i)), 0, 1+users/1000)
	}
	w.keep(t, acme)
	w.deliver(t, m)
	w.write(t, m, "Before")
	w.deliver(t, m)
	must(t, acme.TrimChanges(ctx, trimTo))
	w.write(t, m, "After")
	return w
}

// fill writes users, and a group. Some of the users change, go, or have a deadline.
func fill(t *testing.T, tenant enduser.Tenant, from, to int) {
	t.Helper()
	var writers sync.WaitGroup
	for first := range 4 {
		writers.Go(func() {
			for i := from + first; i < to; i += 4 {
				s := enduser.Spec{
					ExternalID: fmt.Sprint("User ", i), Email: fmt.Sprintf("%d@example.com", i), Name: fmt.Sprint("Name ", i),
					Metadata: enduser.Metadata{"plan": enduser.String(fmt.Sprint(i % 7))},
				}
				if i%50 == 1 {
					s.Sensitive = map[string]enduser.Secret{"ssn": enduser.NewSecret(enduser.String("123"))}
				}
				if i%50 == 2 {
					s.ExpiresIn = 30 * 24 * time.Hour
				}
				u, err := tenant.Create(t.Context(), s)
				if err == nil && i%10 == 3 {
					_, err = tenant.Update(t.Context(), enduser.ByID(u.ID), func(e *enduser.Edit) error { e.Name = "Another"; return nil })
				}
				if err == nil && i%20 == 4 {
					err = tenant.Delete(t.Context(), enduser.ByID(u.ID))
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writers.Wait()
	_, _, err := tenant.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: fmt.Sprint("team ", from)})
	must(t, err)
}

// keep writes down what clients keep.
func (w *world) keep(t *testing.T, acme enduser.Tenant) {
	t.Helper()
	ctx := t.Context()
	var err error
	w.version, err = acme.Create(ctx, enduser.Spec{
		ExternalID: "kept", Sensitive: map[string]enduser.Secret{"ssn": enduser.NewSecret(enduser.String("321"))},
	})
	must(t, err)
	keyed, err := acme.Create(enduser.Idempotent(ctx, "key"), enduser.Spec{ExternalID: "keyed"})
	must(t, err)
	w.keyed = keyed.ID
	_, w.token, err = acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "token"})
	must(t, err)
	page, err := acme.List(ctx, enduser.Query{Limit: 10})
	must(t, err)
	w.cursor = page.Next
	w.next = after(t, acme, w.cursor)
	w.position, err = acme.Latest(ctx)
	must(t, err)
}

func after(t *testing.T, acme enduser.Tenant, c enduser.Cursor) (ids []string) {
	t.Helper()
	page, err := acme.List(t.Context(), enduser.Query{Limit: 50, After: c})
	must(t, err)
	for _, u := range page.Users {
		ids = append(ids, u.ID)
	}
	return ids
}

// write writes what the webhooks get events about.
func (w *world) write(t *testing.T, m *enduser.Manager, name string) {
	t.Helper()
	ctx := t.Context()
	w.due = make(map[string]bool)
	for n := range 5 {
		g, _, err := m.Tenant("acme").Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint(name, n)})
		must(t, err)
		w.due["acme group.created "+g.ID] = true
		w.after++
	}
	for _, tenant := range []string{"exact", "small 7"} {
		u, err := m.Tenant(tenant).Update(ctx, enduser.ByExternalID("User 0"), func(e *enduser.Edit) error { e.Name = name; return nil })
		must(t, err)
		w.due[tenant+" end_user.updated "+u.ID] = true
	}
}

// arrivals is a Sender that keeps what it gets.
type arrivals struct {
	mu  sync.Mutex
	got map[string]bool
}

func (a *arrivals) Send(_ context.Context, d *enduser.Delivery) enduser.Result {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.got[d.Webhook.Tenant+" "+d.Event.Type+" "+d.Event.ID] = true
	return enduser.Result{Status: 200}
}

// deliver delivers until all webhooks are at the end of the feed: exactly the events that are due.
func (w *world) deliver(t *testing.T, m *enduser.Manager) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	a := &arrivals{got: map[string]bool{}}
	running, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- m.Deliver(running, a, &enduser.DeliverOptions{Poll: 20 * time.Millisecond}) }()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for there := false; !there; {
		select {
		case <-ctx.Done():
			t.Fatal("deliveries take too long")
		case <-look.C:
		}
		there = true
		for tenant, id := range w.hooks {
			state, err := m.Tenant(tenant).Webhooks().State(ctx, id)
			must(t, err)
			latest, err := m.Tenant(tenant).Latest(ctx)
			must(t, err)
			there = there && state.Position == latest
			if !state.GappedAt.IsZero() {
				t.Fatalf("the webhook of %s has lost events", tenant)
			}
		}
	}
	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if diff := cmp.Diff(w.due, a.got); w.due != nil && diff != "" {
		t.Errorf("events (-due +arrived): %s", diff)
	}
}

// check uses what clients have kept.
func (w *world) check(t *testing.T, st store.Store) {
	t.Helper()
	m, ctx := manager(t, st), t.Context()
	acme := m.Tenant("acme")
	w.deliver(t, m)
	page, err := acme.Changes(ctx, enduser.ChangeQuery{After: w.position, Limit: 500})
	must(t, err)
	if len(page.Changes) != w.after {
		t.Errorf("%d changes follow the position, want %d", len(page.Changes), w.after)
	}
	if ids := after(t, acme, w.cursor); !slices.Equal(ids, w.next) {
		t.Errorf("after the cursor come %v, want %v", ids, w.next)
	}
	keyed, err := acme.Create(enduser.Idempotent(ctx, "key"), enduser.Spec{ExternalID: "keyed"})
	must(t, err)
	if keyed.ID != w.keyed {
		t.Error("the idempotency key has no answer")
	}
	values, err := acme.RevealSensitive(ctx, enduser.ByID(w.version.ID))
	must(t, err)
	if v, ok := values["ssn"]; !ok || v != enduser.String("321") {
		t.Errorf("sensitive values: %v", values)
	}
	_, err = acme.Update(ctx, enduser.ByID(w.version.ID), func(e *enduser.Edit) error { e.Name = "New"; return nil }, enduser.IfVersion(w.version.Version))
	must(t, err)
	_, err = m.Sweep(ctx)
	must(t, err)
}

// export returns a hash of the archive of all tenants.
func export(t *testing.T, st store.Store) string {
	t.Helper()
	h := sha256.New()
	got, err := archive.Export(t.Context(), manager(t, st), h, &archive.ExportOptions{Sealed: true})
	must(t, err)
	if got.Users == 0 || got.Groups == 0 || got.Webhooks == 0 || got.Sensitive == 0 {
		t.Errorf("the archive has %+v", got)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// digests returns a hash of all that a store has of each tenant.
func digests(t *testing.T, st store.Store) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for q := (store.TenantQuery{}); ; {
		page, err := st.Tenants(t.Context(), q)
		must(t, err)
		for _, name := range page.Names {
			all[name] = digest(t, st, name)
		}
		if q.After = page.Next; q.After == "" {
			return all
		}
	}
}

func digest(t *testing.T, st store.Store, name string) string {
	t.Helper()
	h, n := sha256.New(), 0
	for _, kind := range []string{"answer", "group", "retention", "sensitive", "user", "webhook", "webhook-dead", "webhook-log", "webhook-turn"} {
		for q := (store.Query{Kind: kind, Limit: store.MaxLimit}); ; {
			page, err := st.List(t.Context(), name, q)
			must(t, err)
			for _, r := range page.Records {
				n++
				fmt.Fprintf(h, "%q %q %d %d %q %q %d %q\n", r.ID, r.Kind, r.Created, r.Revision, r.Unique, r.Index, r.Due.UnixMilli(), r.Data)
			}
			if q.After = page.Next; q.After == 0 {
				break
			}
		}
	}
	newest, err := st.Changes(t.Context(), name, store.ChangeQuery{Desc: true, Limit: 1})
	must(t, err)
	fmt.Fprintln(h, newest.Trimmed)
	for q := (store.ChangeQuery{After: newest.Trimmed, Limit: store.MaxLimit}); ; {
		page, err := st.Changes(t.Context(), name, q)
		must(t, err)
		for _, c := range page.Changes {
			n++
			fmt.Fprintf(h, "%d %d %d %q %q %q\n", c.Seq, c.Revision, c.Type, c.Kind, c.ID, c.Note)
		}
		if q.After = page.Next; q.After == 0 {
			break
		}
	}
	return fmt.Sprint(n, " items: ", hex.EncodeToString(h.Sum(nil)))
}
