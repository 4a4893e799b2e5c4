package redis_test

// What several tests outside the package share.

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// patience bounds every wait for something that has to happen.
const patience = 2 * time.Minute

func user(id string) store.Record { return store.Record{ID: id, Kind: "user"} }

// imported returns a record of another store, as it was created there.
func imported(id string, rev int) store.Record {
	r := user(id)
	r.Created, r.Revision = store.Revision(rev), store.Revision(rev)
	return r
}

func wantError(t *testing.T, err error, want ...error) {
	t.Helper()
	for _, w := range want {
		if !errors.Is(err, w) {
			t.Errorf("error is %v, want %v", err, w)
		}
	}
	if errors.Is(err, store.ErrUnknown) && errors.Is(err, store.ErrUnavailable) {
		t.Errorf("error is both unknown and unavailable: %v", err)
	}
}

func wantTaken(t *testing.T, err error) store.Record {
	t.Helper()
	var taken *store.TakenError
	if !errors.As(err, &taken) {
		t.Fatalf("error is %v, want taken", err)
	}
	return taken.Holder
}

// wantUnavailable checks that a call fails and that nothing was written.
func wantUnavailable(t *testing.T, st *redisstore.Store, method string) {
	t.Helper()
	if err := everyCall(st)[method](t.Context(), 0); !errors.Is(err, store.ErrUnavailable) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("%s: %v, want unavailable", method, err)
	}
}

// rounds runs a test, or many times in a soak.
func rounds(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	n := size.Pick(t, 1, 1, 10)
	if n == 1 {
		test(t)
		return
	}
	for i := range n {
		t.Run(fmt.Sprint("round ", i+1), test)
	}
}

// put applies ops.
func put(t *testing.T, st store.Store, tenant string, ops ...store.Op) store.Revision {
	t.Helper()
	rev, err := st.Apply(t.Context(), tenant, store.Ops(ops...))
	if err != nil {
		t.Fatal(err)
	}
	return rev
}

// everyCall returns a call of each method, about record "known" of tenant "tenant". Calls
// with different numbers write different records.
func everyCall(st *redisstore.Store) map[string]func(ctx context.Context, n int) error {
	return map[string]func(ctx context.Context, n int) error{
		"Get": func(ctx context.Context, _ int) error {
			_, err := st.Get(ctx, "tenant", store.ID("known"))
			return err
		},
		"Apply": func(ctx context.Context, n int) error {
			_, err := st.Apply(ctx, "tenant", store.Ops(store.Create(user(fmt.Sprint(n)), nil)))
			return err
		},
		"List": func(ctx context.Context, _ int) error {
			_, err := st.List(ctx, "tenant", store.Query{Kind: "user"})
			return err
		},
		"Due": func(ctx context.Context, _ int) error {
			_, err := st.Due(ctx, store.DueQuery{Before: time.UnixMilli(2)})
			return err
		},
		"Changes": func(ctx context.Context, _ int) error {
			_, err := st.Changes(ctx, "tenant", store.ChangeQuery{})
			return err
		},
		"Trim": func(ctx context.Context, _ int) error { return st.Trim(ctx, "tenant", 1) },
		"Import": func(ctx context.Context, n int) error {
			return st.Import(ctx, "tenant", store.Part{Records: []store.Record{imported(fmt.Sprint("imported", n), n+1000)}})
		},
		"Drop":  func(ctx context.Context, _ int) error { return st.Drop(ctx, "tenant") },
		"Kinds": func(ctx context.Context, _ int) error { _, err := st.Kinds(ctx, "tenant", ""); return err },
		"Verify": func(ctx context.Context, _ int) error {
			for _, err := range st.Verify(ctx, store.VerifyOptions{}) {
				return err
			}
			return nil
		},
		"Tenants": func(ctx context.Context, _ int) error {
			_, err := st.Tenants(ctx, store.TenantQuery{})
			return err
		},
	}
}
