package enduser_test

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// spore is a word that a tenant has everywhere.
type spore string

func newSpore() spore { return spore("canary-" + rand.Text()[:12]) }

// in returns how often the word is in something.
func (c spore) in(b []byte) int { return bytes.Count(b, []byte(c)) }

// live gives a tenant of that name users and all else that a tenant has, with the word in every
// text that is written.
func (c spore) live(t *testing.T, st store.Store, users int) *enduser.Manager {
	t.Helper()
	w, ctx := newWorld(st), t.Context()
	word := string(c)
	for _, env := range []enduser.Environment{enduser.Customer, enduser.Testing} {
		tenant := w.users.Tenant("tenant " + word).In(env).As("actor " + word)
		spec := func(i int) enduser.Spec {
			return enduser.Spec{
				ExternalID: fmt.Sprint("id ", word, i), Email: fmt.Sprintf("%s%d@example.com", word, i), Name: "Name " + word,
				Metadata: enduser.Metadata{"key " + word: enduser.String(word)}, Groups: []string{word},
				Accounts: []enduser.Account{{Type: word, ID: fmt.Sprint(word, i)}}, ExpiresIn: time.Duration(i%2) * time.Hour,
			}
		}
		for i := range users {
			u := must(tenant.Create(ctx, spec(i)))(t)
			if i%10 == 0 {
				must(tenant.Update(ctx, enduser.ByID(u.ID), func(e *enduser.Edit) error { e.Name = "Another " + word; return nil }))(t)
			}
		}
		must(tenant.Create(enduser.Idempotent(ctx, "key "+word), spec(users)))(t)
		made(tenant.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team " + word, Metadata: enduser.Metadata{word: enduser.String(word)}}))(t)
		h, _ := hooked(tenant.Webhooks().Create(ctx, enduser.WebhookSpec{URL: "https://example.com/" + word, Description: word}))(t)
		ok(t, tenant.Webhooks().SetAttempts(ctx, h.ID, changesAfter(t, tenant, 0), enduser.Attempt{At: epoch, Status: 500}))
	}
	must(w.users.Tenant("other").Create(ctx, enduser.Spec{ExternalID: control}))(t)
	return w.users
}

// leave deletes the tenant.
func (c spore) leave(t *testing.T, users *enduser.Manager) {
	t.Helper()
	must(users.DeleteTenant(t.Context(), "tenant "+string(c), nil))(t)
}

func scrubbed(t *testing.T, st store.Store) {
	t.Helper()
	s, scrubs := store.As[store.Scrubber](st)
	if !scrubs {
		t.Fatal("the store is no Scrubber")
	}
	ok(t, s.Scrub(t.Context()))
}

func erasedUsers(t *testing.T) int { t.Helper(); return size.Pick(t, 100, 5000, 50_000) }

// erased checks that a tenant was everywhere, and then nowhere.
func (c spore) erased(t *testing.T, where string, before int, after []byte) {
	t.Helper()
	switch {
	case before < 100:
		t.Errorf("%s: the word is there %d times before: the search proves nothing", where, before)
	case !bytes.Contains(after, []byte(control)):
		t.Errorf("%s: the control is not found afterwards: the search proves nothing", where)
	case c.in(after) > 0:
		at := bytes.Index(after, []byte(c))
		t.Errorf("%s: the word is left %d times, first in %q", where, c.in(after), after[max(0, at-100):min(len(after), at+100)])
	}
}

func TestDeletedTenantInFilesOfSQLite(t *testing.T) {
	t.Parallel()
	c, dir := newSpore(), t.TempDir()
	before := 0
	t.Run("open", func(t *testing.T) {
		st := backends.OpenSQLite(t, filepath.Join(dir, "users.db"))
		users := c.live(t, st, erasedUsers(t))
		before = c.in(files(t, dir))
		c.leave(t, users)
		scrubbed(t, st)
		c.erased(t, "open", before, files(t, dir))
	})
	c.erased(t, "closed", before, files(t, dir))
}

func TestDeletedTenantInFilesOfRedis(t *testing.T) {
	t.Parallel()
	c := newSpore()
	p := redistest.Server(t, "--appendonly", "yes", "--save", "3600 1", "--rdbcompression", "no", "--aof-use-rdb-preamble", "no")
	st := backends.OpenRedis(t, p.Addr, redisstore.DefaultPrefix)
	users := c.live(t, st, erasedUsers(t))
	scrubbed(t, st) // puts it into the snapshot
	before := c.in(files(t, p.Dir))
	c.leave(t, users)
	scrubbed(t, st)
	redistest.Until(t, "the server has unlinked its old files", func() bool { return c.in(files(t, p.Dir)) == 0 })
	c.erased(t, "files", before, files(t, p.Dir))
}

// TestDeletedTenantInMemory looks for the tenant in all that a store, or a Manager, holds.
func TestDeletedTenantInMemory(t *testing.T) {
	t.Parallel()
	c, st := newSpore(), memory.New(nil)
	users := c.live(t, st, erasedUsers(t))
	before := c.in(held(st, users))
	c.leave(t, users)
	c.erased(t, "memory", before, held(st, users))
}

// held returns all texts and bytes that can be reached from some values.
func held(from ...any) []byte {
	all, seen := new(bytes.Buffer), make(map[reflect.Value]bool)
	for _, v := range from {
		reach(reflect.ValueOf(v), seen, all)
	}
	return all.Bytes()
}

func reach(v reflect.Value, seen map[reflect.Value]bool, all *bytes.Buffer) {
	switch v.Kind() {
	case reflect.String:
		all.WriteString(v.String() + "\x00")
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() && !seen[v] {
			seen[v] = v.Kind() == reflect.Pointer
			reach(v.Elem(), seen, all)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			reach(v.Field(i), seen, all)
		}
	case reflect.Slice:
		v = v.Slice(0, v.Cap()) // with what is behind its end
		if v.Type().Elem().Kind() == reflect.Uint8 {
			all.Write(append(v.Bytes(), 0))
			return
		}
		for i := range v.Len() {
			reach(v.Index(i), seen, all)
		}
	case reflect.Array:
		for i := range v.Len() {
			reach(v.Index(i), seen, all)
		}
	case reflect.Map:
		for of := v.MapRange(); of.Next(); {
			reach(of.Key(), seen, all)
			reach(of.Value(), seen, all)
		}
	default: // numbers; channels and functions, which keep nothing here
	}
}
