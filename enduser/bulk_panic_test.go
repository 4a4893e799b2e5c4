package enduser_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A store or a hook of the host that panics does so in the goroutine of the call, where a server
// recovers: elsewhere it would end the program. The call leaves nothing behind that keeps the
// next one from working.
func TestBulkPanics(t *testing.T) {
	t.Parallel()
	panics := false
	hook := func(string) (enduser.Policy, bool) {
		if panics {
			panic("hook") //nolint:forbidigo // what the test is about
		}
		return enduser.Policy{}, false
	}
	fs := &faultstore.Store{Store: memory.New(nil)}
	acme := enduser.New(fs, &enduser.Options{Policy: hook}).Tenant("acme")
	specs := func(n int) func(func(enduser.Spec) bool) {
		return func(yield func(enduser.Spec) bool) {
			for i := range n {
				if !yield(enduser.Spec{ExternalID: fmt.Sprint("u", i)}) {
					return
				}
			}
		}
	}
	raised := func(call func()) (p any) {
		defer func() { p = recover() }()
		call()
		return nil
	}
	upsert := func(opts *enduser.BulkOptions) func() {
		return func() {
			for _, err := range acme.UpsertAll(t.Context(), specs(2000), opts) {
				if err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	getAll := func() {
		if _, err := acme.GetAll(t.Context(), []enduser.Ref{enduser.ByID("a"), enduser.ByID("b")}); err != nil {
			t.Fatal(err)
		}
	}
	for name, call := range map[string]func(){
		"upsert": upsert(nil), "dry run": upsert(&enduser.BulkOptions{DryRun: true}), "get": getAll,
	} {
		fs.Panics.Store(true)
		if p := raised(call); p != "a store that panics" {
			t.Errorf("%s: a store that panics raised %v", name, p)
		}
		fs.Panics.Store(false)
		panics = true
		if p := raised(call); p != "hook" && name != "get" {
			t.Errorf("%s: a hook that panics raised %v", name, p)
		}
		panics = false
	}
	fs.OnApply = func(n int64, _ []store.Op) error {
		if n == 5 {
			panic("in the middle") //nolint:forbidigo // likewise
		}
		return nil
	}
	if p := raised(upsert(nil)); p != "in the middle" {
		t.Errorf("raised %v", p)
	}
	for _, call := range []func(){upsert(nil), getAll} {
		if p := raised(call); p != nil {
			t.Errorf("afterwards: %v", p)
		}
	}
}

// A panic of the rows, or of the loop, ends the call like a break: what was sent is over, and
// nothing more is sent.
func TestBulkEndsByPanic(t *testing.T) {
	for name, panics := range map[string]struct{ row, answer int }{
		"the rows": {row: 20*chunkRows + 5, answer: -1}, "the first row": {row: 0, answer: -1}, "the loop": {row: -1, answer: 5},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				st := &faultstore.Store{Store: memory.New(nil)}
				st.OnApply = func(int64, []store.Op) error { <-time.After(time.Millisecond); return nil }
				acme := newWorld(st).acme
				rows := func(yield func(enduser.Spec) bool) {
					for i, s := range crowdOf(40 * chunkRows) {
						if i == panics.row {
							panic("here") //nolint:forbidigo // what the test is about
						}
						if !yield(s) {
							return
						}
					}
				}
				func() {
					defer func() {
						if p := recover(); p != "here" {
							t.Errorf("raised %v", p)
						}
					}()
					for r, err := range acme.UpsertAll(t.Context(), rows, nil) {
						if err != nil {
							t.Error(err)
						}
						if r.Row == panics.answer {
							panic("here") //nolint:forbidigo // likewise
						}
					}
				}()
				written := st.Applies()
				synctest.Wait()
				<-time.After(time.Second)
				if n := st.Applies(); n != written {
					t.Errorf("%d writes when the call ended, %d a second later", written, n)
				}
			})
		})
	}
}
