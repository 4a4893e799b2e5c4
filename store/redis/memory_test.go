package redis_test

import (
	"errors"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// A server whose memory is full does what takes data away, and nothing else.
func TestFullServer(t *testing.T) {
	server := redistest.Server(t)
	st := on(server).open(t, nil)
	apply := func(ops ...store.Op) error {
		_, err := st.Apply(t.Context(), "tenant", store.Ops(ops...))
		return err
	}
	get := func(id string) store.Record {
		t.Helper()
		r, err := st.Get(t.Context(), "tenant", store.ID(id))
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for _, id := range []string{"deleted", "removed", "shrunk"} {
		r := user(id)
		r.Unique, r.Data, r.Due = []store.Key{{Kind: "name", Value: id}}, []byte("data"), time.UnixMilli(1)
		put(t, st, "tenant", store.Create(r, []byte("note")))
	}
	server.Set(t, "maxmemory", "1")
	old := get("shrunk")
	longer, shorter, found := old, old, old
	longer.Data, shorter.Data, shorter.Due = []byte("longer"), []byte("dat"), time.Time{}
	found.Index = []store.Key{{Kind: "term"}}
	for what, op := range map[string]store.Op{
		"a create":              store.Create(user("new"), nil),
		"a longer record":       store.Replace(old, longer, nil),
		"a shorter with a note": store.Replace(old, shorter, []byte("note")),
		"a new index term":      store.Replace(old, found, nil),
	} {
		if err := apply(op); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("%s: %v, want unavailable", what, err)
		}
	}
	for what, op := range map[string]store.Op{
		"a deletion":       store.Delete(get("deleted"), []byte("note")),
		"a removal":        store.Remove("removed", "user", []byte("note")),
		"a shorter record": store.Replace(old, shorter, nil),
	} {
		if err := apply(op); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := st.Trim(t.Context(), "tenant", 5); err != nil {
		t.Errorf("Trim: %v", err)
	}
	on(server).check(t, redisstore.DefaultPrefix)
}
