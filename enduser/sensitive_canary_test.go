package enduser_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// control is a text that is not secret. If a search does not find it, the search proves
// nothing.
const control = "Control-4f1c9b7d-Metadata"

// hoard fills a store with secrets through every call that writes some, and returns them.
func hoard(t *testing.T, st store.Store) (hidden []string) {
	t.Helper()
	ctx := t.Context()
	w := newWorld(st)
	n := 0
	next := func() enduser.Secret {
		n++
		text := fmt.Sprintf("canary-%03d-b5d1e0aa7c-value", n)
		hidden = append(hidden, text)
		return secret(text)
	}
	number := int64(7_314_159_265_358_979)
	hidden = append(hidden, fmt.Sprint(number))
	token := func(tenant enduser.Tenant, g enduser.Group) {
		hidden = append(hidden, must(tenant.Groups().Reveal(ctx, g))(t))
	}
	for _, tenant := range []enduser.Tenant{w.acme, w.acme.In(enduser.Testing)} {
		u := must(tenant.Create(ctx, enduser.Spec{
			ExternalID: "a", Metadata: enduser.Metadata{"k": enduser.String(control)},
			Sensitive: secrets{"ssn": next(), "card": next(), "n": enduser.NewSecret(enduser.Int(number))},
		}))(t)
		ref := enduser.ByID(u.ID)
		upserted(tenant.Upsert(ctx, enduser.Spec{ExternalID: "A", Sensitive: secrets{"ssn": next()}}))(t, enduser.Updated)
		must(tenant.Update(ctx, ref, func(u *enduser.Edit) error {
			u.SetSensitive("card", enduser.Secret{})
			u.SetSensitive("late", next())
			return nil
		}))(t)
		upserted(tenant.Ensure(ctx, enduser.Spec{ExternalID: "a", Sensitive: secrets{"ssn": next()}}))(t, enduser.Unchanged)
		upserted(tenant.Ensure(ctx, enduser.Spec{ExternalID: "b", Sensitive: secrets{"ssn": next()}, ExpiresIn: time.Minute}))(t, enduser.Created)
		wantErr(t, "refused", second(tenant.Create(ctx, enduser.Spec{ExternalID: "a", Sensitive: secrets{"ssn": next()}})), enduser.ErrConflict)
		g := made(tenant.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team", Metadata: enduser.Metadata{"k": enduser.String(control)}}))(t)
		token(tenant, g)
		for _, overlap := range []time.Duration{time.Minute, time.Hour, 0, time.Hour} {
			g = made(tenant.Groups().Rotate(ctx, enduser.GroupByID(g.ID), overlap))(t)
			token(tenant, g)
		}
		for _, key := range []string{"canary-created-a7f3", "canary-rotated-99b0"} { // whose answers keep a token each
			hidden = append(hidden, key)
			keyed := enduser.Idempotent(ctx, key)
			if key == "canary-created-a7f3" {
				g = made(tenant.Groups().Create(keyed, enduser.GroupSpec{ExternalID: "keyed"}))(t)
			} else {
				g = made(tenant.Groups().Rotate(keyed, enduser.GroupByID(g.ID), 0))(t)
			}
			token(tenant, g)
		}
		must(tenant.Update(enduser.Idempotent(ctx, "k"), ref, func(u *enduser.Edit) error {
			u.SetSensitive("keyed", next())
			return nil
		}))(t)
		hooks := tenant.Webhooks()
		header := next()
		h, key := hooked(hooks.Create(ctx, enduser.WebhookSpec{
			URL: "https://example.com", Description: control, Headers: secrets{"Authorization": header, "X-Key": next()},
		}))(t)
		hidden = append(hidden, key, strings.TrimPrefix(key, "whsec_"))
		must(hooks.Update(ctx, h.ID, func(e *enduser.WebhookEdit) error {
			e.SetHeader("x-late", next())
			e.SetHeader("X-Key", enduser.Secret{})
			return nil
		}))(t)
		for _, overlap := range []time.Duration{time.Minute, 0, time.Hour} {
			_, key = hooked(hooks.Rotate(enduser.Idempotent(ctx, "h"+overlap.String()), h.ID, overlap))(t)
			hidden = append(hidden, key, strings.TrimPrefix(key, "whsec_"))
		}
		must(hooks.Ping(ctx, h.ID))(t)
		ok(t, hooks.SetAttempts(ctx, h.ID, changesAfter(t, tenant, 0), enduser.Attempt{At: epoch, Status: 500}))
		wantErr(t, "refused", third2(hooks.Create(ctx, enduser.WebhookSpec{URL: "x", Headers: secrets{"Host": next()}})), enduser.ErrInvalid)
		gone := must(tenant.Create(ctx, enduser.Spec{Sensitive: secrets{"ssn": next()}}))(t)
		ok(t, tenant.Delete(ctx, enduser.ByID(gone.ID)))
	}
	w.Advance(time.Minute)
	must(w.users.Sweep(ctx))(t)
	other := enduser.New(st, &enduser.Options{Now: w.Now, Keyring: enduser.NewKeyring(testKey("k2"), testKey("k1"))})
	if n := must(other.Reseal(ctx))(t); n != 16 { // two groups, a webhook and five answers in each environment
		t.Errorf("sealed %d anew", n)
	}
	values := must(w.acme.RevealSensitive(ctx, enduser.ByExternalID("a")))(t)
	if len(values) != 4 {
		t.Fatalf("%d values are there to be found", len(values))
	}
	for _, key := range []string{"k1", "k2"} { // the keys themselves
		hidden = append(hidden, string(keyBytes(key)))
	}
	return hidden
}

// spellings returns the forms in which a text may be stored or printed.
func spellings(text string) map[string]string {
	all := map[string]string{
		"itself": text, "hexadecimal": hex.EncodeToString([]byte(text)), "HEXADECIMAL": strings.ToUpper(hex.EncodeToString([]byte(text))),
		"reversed": reversed(text), "bytes": strings.Trim(fmt.Sprintf("%d", []byte(text)), "[]"),
		"Go syntax": strings.TrimSuffix(strings.TrimPrefix(fmt.Sprintf("%#v", []byte(text)), "[]byte{"), "}"),
	}
	for shift := range 3 { // where it begins in a group of three bytes
		long := base64.RawStdEncoding.EncodeToString([]byte("xx"[:shift] + text))
		if part := long[4 : len(long)-4]; len(part) > 4 {
			all[fmt.Sprint("base64 ", shift)] = part
		}
	}
	return all
}

func reversed(s string) string {
	b := []byte(s)
	for i, j := 0, len(b)-1; i < j; i, j = i+1, j-1 {
		b[i], b[j] = b[j], b[i]
	}
	return string(b)
}

// search checks that none of some secrets, but the control, is in what a store keeps.
func search(t *testing.T, where string, kept []byte, hidden []string) {
	t.Helper()
	if !bytes.Contains(kept, []byte(control)) {
		t.Errorf("%s, %d bytes: the control is not found: the search proves nothing", where, len(kept))
	}
	for i, text := range hidden {
		for how, spelling := range spellings(text) {
			if bytes.Contains(kept, []byte(spelling)) {
				t.Errorf("%s: secret %d is there, %s", where, i, how)
			}
		}
	}
}

// On no backend does a secret get into a store, or come out of it, in clear.
func TestNoSecretInTheStore(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		given := &recorder{Store: st}
		hidden := hoard(t, given)
		search(t, "what the store was given", given.kept.Bytes(), hidden)
		var kept bytes.Buffer
		kinds := make(map[string]int)
		for _, name := range tenantsOf(t, st) {
			for _, kind := range []string{"user", "group", "sensitive", "answer", "webhook", "webhook-turn", "webhook-log", "webhook-dead"} {
				for _, r := range recordsOf(t, st, name, kind) {
					kinds[kind]++
					fmt.Fprintf(&kept, "%s %s %q %q\n", r.ID, r.Data, r.Unique, r.Index)
				}
			}
			for q := (store.ChangeQuery{}); ; {
				page := must(st.Changes(t.Context(), name, q))(t)
				for _, c := range page.Changes {
					fmt.Fprintf(&kept, "%+v %s\n", c, c.Note)
				}
				if q.After = page.Next; q.After == 0 {
					break
				}
			}
		}
		search(t, "what the store hands out", kept.Bytes(), hidden)
		for kind, atLeast := range map[string]int{"user": 2, "group": 2, "sensitive": 2, "answer": 6, "webhook": 2, "webhook-turn": 2, "webhook-log": 2, "webhook-dead": 2} {
			if kinds[kind] < atLeast {
				t.Errorf("records: %v", kinds)
			}
		}
	})
}

// tenantsOf returns the names of all tenants of a store.
func tenantsOf(t testing.TB, st store.Store) (names []string) {
	t.Helper()
	for q := (store.TenantQuery{}); ; {
		page := must(st.Tenants(t.Context(), q))(t)
		names = append(names, page.Names...)
		if q.After = page.Next; q.After == "" {
			return names
		}
	}
}

// recordsOf returns all records of a kind that a store has of a tenant.
func recordsOf(t testing.TB, st store.Store, tenant, kind string) (records []store.Record) {
	t.Helper()
	for q := (store.Query{Kind: kind}); ; {
		page := must(st.List(t.Context(), tenant, q))(t)
		records = append(records, page.Records...)
		if q.After = page.Next; q.After == 0 {
			return records
		}
	}
}

// recorder keeps all arguments of a store's calls.
type recorder struct {
	store.Store

	mu   sync.Mutex
	kept bytes.Buffer
}

func (r *recorder) note(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	fmt.Fprintf(&r.kept, format, args...)
}

func (r *recorder) Unwrap() store.Store { return r.Store }

func (r *recorder) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	for _, op := range b.Ops {
		if op.New != nil {
			r.note("%s %s %q %q", op.New.ID, op.New.Data, op.New.Unique, op.New.Index)
		}
		r.note(" %s\n", op.Note)
	}
	return r.Store.Apply(ctx, tenant, b)
}

func (r *recorder) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	r.note("%q\n", key)
	return r.Store.Get(ctx, tenant, key)
}

// files returns the contents of all files below a directory.
func files(t *testing.T, dir string) []byte {
	t.Helper()
	var all []byte
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		all = append(append(all, b...), 0)
		t.Logf("%s has %d bytes", filepath.Base(path), len(b))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Nor is one in the files of a database, while it is open (with its log) or afterwards.
func TestNoSecretInFilesOfSQLite(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var hidden []string
	t.Run("open", func(t *testing.T) {
		hidden = hoard(t, backends.OpenSQLite(t, filepath.Join(dir, "users.db")))
		search(t, "open", files(t, dir), hidden)
	})
	search(t, "closed", files(t, dir), hidden)
}

// Nor is one in the files that Redis writes.
func TestNoSecretInFilesOfRedis(t *testing.T) {
	t.Parallel()
	p := redistest.Server(t, "--appendonly", "yes", "--appendfsync", "always", "--rdbcompression", "no")
	hidden := hoard(t, backends.OpenRedis(t, p.Addr, redisstore.DefaultPrefix))
	search(t, "append-only file", files(t, p.Dir), hidden)
	c := p.Client()
	defer func() { _ = c.Close() }()
	ok(t, c.Save(t.Context()).Err())
	search(t, "with a snapshot", files(t, p.Dir), hidden)
}
