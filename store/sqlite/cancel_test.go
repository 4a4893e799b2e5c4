package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// TestReadCanceled ends the contexts of reads at random moments: each returns
// the context's error or the whole page. That of writes is in TestHistories.
func TestReadCanceled(t *testing.T) {
	s := open(t, file(t), nil)
	var ops []store.Op
	for i := range 100 {
		u := user(fmt.Sprint(i))
		u.Data, u.Due = make([]byte, 2000), store.FromMillis(1)
		ops = append(ops, store.Create(u, []byte("note")))
	}
	apply(t, s, "t", ops...)
	whole := func(call string, n int, err error) {
		t.Helper()
		if (!errors.Is(err, context.DeadlineExceeded) || n > 0) && (err != nil || n != 100) {
			t.Errorf("%s: %d items of 100, %v", call, n, err)
		}
	}
	for range size.Pick(t, 100, 1000, 1000) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(1000))*time.Microsecond)
		page, err := s.List(ctx, "t", store.Query{Kind: "user"})
		whole("List", len(page.Records), err)
		due, err := s.Due(ctx, store.DueQuery{Before: store.FromMillis(2)})
		found := 0
		for _, tenant := range due.Tenants {
			found += len(tenant.Records)
		}
		whole("Due", found, err)
		changes, err := s.Changes(ctx, "t", store.ChangeQuery{})
		whole("Changes", len(changes.Changes), err)
		cancel()
		if _, err := s.Get(t.Context(), "t", store.ID("7")); err != nil {
			t.Fatalf("the call after a canceled one: %v", err)
		}
	}
}

// TestLocked holds the lock of the file elsewhere. A caller whose context ends
// leaves at once and has written nothing; one that waits is served when the lock
// is free; and LockTimeout ends the waiting of those without a deadline.
func TestLocked(t *testing.T) {
	path := file(t)
	patient := open(t, path, nil)
	hasty := open(t, path, &sqlite.Options{LockTimeout: 50 * time.Millisecond})
	locker, _ := raw(t, path)
	execute(t, locker, `BEGIN IMMEDIATE`)

	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := patient.Apply(ctx, "t", store.Ops(store.Create(user("left"), nil)))
	if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, store.ErrUnknown) {
		t.Errorf("with a deadline: %v", err)
	}
	_, err = hasty.Apply(t.Context(), "t", store.Ops(store.Create(user("hasty"), nil)))
	if !isUnavailable(err, store.ErrUnavailable) {
		t.Errorf("after LockTimeout: %v", err)
	}
	if _, err := patient.Get(t.Context(), "t", store.ID("left")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a read does not wait: %v", err)
	}
	waited := make(chan error, 1)
	go func() {
		_, err := patient.Apply(t.Context(), "t", store.Ops(store.Create(user("waited"), nil)))
		waited <- err
	}()
	eventually(t, "the write waits", func() bool { return patient.Queued() == 1 })
	execute(t, locker, `ROLLBACK`)
	if err := <-waited; err != nil {
		t.Errorf("when the lock is free: %v", err)
	}
	if ids := users(t, patient); len(ids) != 1 || ids[0] != "waited" {
		t.Errorf("what was written: %q", ids)
	}
}
