package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// All comes back, on every backend, and a second import changes nothing.
func TestRoundTrip(t *testing.T) {
	each(t, func(t *testing.T, open func(testing.TB) store.Store) {
		ctx, from := t.Context(), on(t, open(t))
		s := fill(t, from)
		text := from.export(t, &archive.ExportOptions{Sealed: true})
		for _, secret := range s.texts {
			if strings.Contains(text, secret) {
				t.Errorf("the archive shows a secret, %q", secret)
			}
		}
		to := on(t, open(t)).like(from)
		want := archive.ImportResult{Line: strings.Count(text, "\n"), Created: 5 * 14, Updated: 5 * 3}
		for range 2 {
			got, err := archive.Import(ctx, to.Manager, strings.NewReader(text), nil)
			must(t, err)
			if got != want {
				t.Fatalf("imported %+v, want %+v", got, want)
			}
			want = archive.ImportResult{Line: want.Line, Unchanged: 5 * 17}
			if diff := cmp.Diff(rows(text), rows(to.export(t, &archive.ExportOptions{Sealed: true}))); diff != "" {
				t.Fatal(diff)
			}
		}
		acme := to.Tenant("acme")
		g, err := acme.Groups().Authenticate(ctx, s.token)
		if err != nil || g.ExternalID != "team-7" {
			t.Errorf("the token leads to %v, %v", g, err)
		}
		values, err := acme.RevealSensitive(ctx, enduser.ByExternalID("crm 1"))
		if err != nil || values["ssn"] != enduser.String("secret-1-acme/Customer") || values["pin"] != enduser.Int(7) {
			t.Errorf("sensitive values: %v, %v", values, err)
		}
	})
}

// Stores that are equal have archives that are equal, whatever they are on.
func TestEqualStores(t *testing.T) {
	from := inMemory(t)
	fill(t, from)
	sealed := &archive.ExportOptions{Sealed: true}
	want := from.export(t, sealed)
	each(t, func(t *testing.T, open func(testing.TB) store.Store) {
		st := open(t)
		_, err := store.Copy(t.Context(), st, from.store, nil)
		must(t, err)
		if diff := cmp.Diff(want, on(t, st).like(from).export(t, sealed)); diff != "" {
			t.Error(diff)
		}
	})
}

// An archive of one tenant, or environment, has its rows and no others.
func TestOneTenant(t *testing.T) {
	from := inMemory(t)
	fill(t, from)
	all := from.export(t, nil)
	if strings.Contains(all, `"sensitive",`) || strings.Contains(all, `"token"`) {
		t.Error("secrets are in it unasked")
	}
	acme := from.export(t, &archive.ExportOptions{Tenant: "acme"})
	testing := from.export(t, &archive.ExportOptions{Tenant: "acme", Environment: enduser.Testing})
	exact := from.export(t, &archive.ExportOptions{Tenant: exactly})
	for name, n := range map[string][2]int{
		"acme":    {strings.Count(acme, `"tenant":"acme"`), 2 * 14},
		"testing": {strings.Count(testing, `"environment":"Testing"`), 14},
		"exact":   {strings.Count(exact, `"exact_ids":true`), 14},
	} {
		if n[0] != n[1] {
			t.Errorf("%s: %d rows, want %d", name, n[0], n[1])
		}
	}
	if !strings.Contains(all, strings.Join(strings.Split(acme, "\n")[1:29], "\n")) {
		t.Error("the rows of a tenant stand otherwise among all")
	}
}

// A tenant can be imported under another name, without what is sealed.
func TestAnotherName(t *testing.T) {
	from, to := inMemory(t), inMemory(t)
	fill(t, from)
	to.like(from)
	text := from.export(t, &archive.ExportOptions{Sealed: true})
	opts := &archive.ImportOptions{From: "acme", To: "umbrella", Rejected: new(bytes.Buffer)}
	got, err := archive.Import(t.Context(), to.Manager, strings.NewReader(text), opts)
	must(t, err)
	if want := (archive.ImportResult{Line: 87, Created: 2 * 13, Rejected: 2 * 4, Skipped: 3 * 17}); got != want {
		t.Errorf("with what is sealed: %+v, want %+v", got, want)
	}
	opts.DropSealed = true
	got, err = archive.Import(t.Context(), to.Manager, strings.NewReader(text), opts)
	must(t, err)
	if want := (archive.ImportResult{Line: 87, Created: 2, Unchanged: 2 * 13, Skipped: 3*17 + 2*3}); got != want {
		t.Errorf("without: %+v, want %+v", got, want)
	}
	there := strings.ReplaceAll(to.export(t, nil), "umbrella", "acme")
	if diff := cmp.Diff(rows(from.export(t, &archive.ExportOptions{Tenant: "acme"})), rows(there)); diff != "" {
		t.Error(diff)
	}
	if _, err := archive.Import(t.Context(), to.Manager, strings.NewReader(text), &archive.ImportOptions{To: "umbrella"}); err == nil {
		t.Error("many tenants were imported into one")
	}
}

// Rows of a tenant that compares external IDs in another way here are imported only on request.
func TestOtherComparison(t *testing.T) {
	lower := `{"type":"user","tenant":"acme","exact_ids":true,"id":"low-1","external_id":"ann"}`
	upper := `{"type":"user","tenant":"acme","exact_ids":true,"id":"up-1","external_id":"ANN"}`
	folded := `{"type":"user","tenant":"` + exactly + `","id":"f-1","external_id":"ann"}`
	w := inMemory(t)
	opts := &archive.ImportOptions{Rejected: new(bytes.Buffer)}
	got, err := archive.Import(t.Context(), w.Manager, strings.NewReader(file(lower, upper, folded)), opts)
	must(t, err)
	if want := (archive.ImportResult{Line: 5, Rejected: 3}); got != want || w.tenants(t) > 0 {
		t.Errorf("%+v, want %+v; %d tenants", got, want, w.tenants(t))
	}
	_, err = archive.Import(t.Context(), w.Manager, strings.NewReader(file(folded)), nil)
	if !errors.Is(err, archive.ErrExactIDs) {
		t.Errorf("rejected with %v", err)
	}
	opts.IgnoreExactIDs = true
	got, err = archive.Import(t.Context(), w.Manager, strings.NewReader(file(lower, upper, folded)), opts)
	must(t, err)
	if want := (archive.ImportResult{Line: 5, Created: 2, Rejected: 1}); got != want {
		t.Errorf("on request: %+v, want %+v", got, want)
	}
}

// A webhook that was imported gets what happens after it was enabled.
func TestWebhookFromNow(t *testing.T) {
	from, to := inMemory(t), inMemory(t)
	fill(t, from)
	to.like(from)
	_, err := archive.Import(t.Context(), to.Manager, strings.NewReader(from.export(t, nil)), nil)
	must(t, err)
	hooks := to.Tenant("acme").Webhooks()
	for h, err := range hooks.All(t.Context()) {
		must(t, err)
		if !h.Disabled || len(h.HeaderNames) > 0 {
			t.Errorf("imported: %+v", h)
		}
		_, err = hooks.Update(t.Context(), h.ID, func(e *enduser.WebhookEdit) error { e.Disabled = false; return nil })
		must(t, err)
		state, err := hooks.State(t.Context(), h.ID)
		must(t, err)
		latest, err := to.Tenant("acme").Latest(t.Context())
		must(t, err)
		if state.Position != latest || latest.IsZero() {
			t.Errorf("it begins at %v, and the feed ends at %v", state.Position, latest)
		}
	}
}

// A record that cannot be read ends an export, or is named and left out.
func TestDamaged(t *testing.T) {
	from := inMemory(t)
	fill(t, from)
	u, err := from.Tenant("acme").Get(t.Context(), enduser.ByExternalID("Crm 4"))
	must(t, err)
	r, err := from.store.Get(t.Context(), "acme", store.ID(u.ID))
	must(t, err)
	broken := r
	broken.Data = []byte("{")
	_, err = from.store.Apply(t.Context(), "acme", store.Ops(store.Replace(r, broken, nil)))
	must(t, err)

	var out bytes.Buffer
	_, err = archive.Export(t.Context(), from.Manager, &out, nil)
	if !errors.Is(err, enduser.ErrCorrupt) || strings.Contains(out.String(), `"end"`) {
		t.Errorf("unasked: %v", err)
	}
	out.Reset()
	var named []string
	result, err := archive.Export(t.Context(), from.Manager, &out, &archive.ExportOptions{Skip: func(tenant enduser.Tenant, err error) error {
		named = append(named, fmt.Sprint(tenant, ": ", err))
		return nil
	}})
	must(t, err)
	if result.Skipped != 1 || result.Users != 5*12-1 || len(named) != 1 || !strings.Contains(named[0], u.ID) || !strings.Contains(named[0], "acme") {
		t.Errorf("%+v, named %q", result, named)
	}
	if !strings.HasSuffix(out.String(), `,"skipped":1}`+"\n") {
		t.Error("the trailer does not tell")
	}
	stop := errors.New("stop")
	if _, err = archive.Export(t.Context(), from.Manager, &out, &archive.ExportOptions{Skip: func(enduser.Tenant, error) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("Skip's error: %v", err)
	}
}

// Tenants are sorted, however many there are.
func TestManyTenants(t *testing.T) {
	w := on(t, memory.New(nil))
	const n = 9000 // more than twice as many as are in memory
	for i := range n {
		_, err := w.Tenant(fmt.Sprint("tenant ", (i*7919)%n)).Create(t.Context(), enduser.Spec{Name: "A"})
		must(t, err)
	}
	calls := 0
	text := w.export(t, &archive.ExportOptions{Progress: func(archive.ExportResult) { calls++ }})
	last, count := "", 0
	for _, line := range rowsInOrder(text) {
		_, rest, _ := strings.Cut(line, `"tenant":"`)
		name, _, _ := strings.Cut(rest, `"`)
		if name <= last {
			t.Fatalf("%q stands behind %q", name, last)
		}
		last = name
		count++
	}
	if count != n || calls != n/1000+1 {
		t.Errorf("%d tenants, %d calls of Progress", count, calls)
	}
}

func rowsInOrder(text string) []string {
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	return lines[1 : len(lines)-1]
}

// What has expired between export and import is counted, and nothing else.
func TestExpired(t *testing.T) {
	from, to := inMemory(t), inMemory(t)
	fill(t, from)
	text := from.export(t, &archive.ExportOptions{Sealed: true})
	to.like(from).Advance(31 * 24 * time.Hour)
	got, err := archive.Import(t.Context(), to.Manager, strings.NewReader(text), nil)
	must(t, err)
	if want := (archive.ImportResult{Line: 87, Created: 5 * 11, Expired: 5 * (3 + 3)}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
}
