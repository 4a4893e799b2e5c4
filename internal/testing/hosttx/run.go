package hosttx

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// Run runs histories in processes that start returns, which call Work with the job, and
// fails the test if one of them left a half. The process writes to its standard output;
// start must not set it. The database is empty at first.
func Run(t *testing.T, db Database, seed uint64, histories int, start func(Job) *exec.Cmd) {
	t.Helper()
	r := &run{db: db, users: enduser.New(db.Store(), nil), ended: make(map[int]string)}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var wg sync.WaitGroup
	followers := make([]*follower, tenants)
	for i := range followers {
		followers[i] = &follower{tenant: r.users.Tenant(fmt.Sprint(i)), exists: make(map[string]bool)}
		wg.Go(func() { followers[i].follow(ctx) })
	}
	processes := 0
	for first := 0; first < histories && !t.Failed(); processes++ {
		first = 1 + r.process(t, start(Job{Seed: seed, First: first, Last: histories - 1}))
		r.check(t)
	}
	cancel()
	wg.Wait()
	for i, f := range followers {
		f.check(t, r, fmt.Sprint(i))
	}
	counts := make(map[string]int)
	for _, how := range r.ended {
		counts[how]++
	}
	t.Logf("%d histories in %d processes, seed %d: %v", histories, processes, seed, counts)
}

type run struct {
	db    Database
	users *enduser.Manager
	ended map[int]string // history: "done", "undone", or "begin" if its process was killed
}

// process runs one process until its end, and returns the last history that it began.
func (r *run) process(t *testing.T, cmd *exec.Cmd) (last int) {
	t.Helper()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	last = -1
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var how string
		var history int
		if _, err := fmt.Sscanf(lines.Text(), "%s %d", &how, &history); err != nil {
			t.Errorf("%q: %v", lines.Text(), err)
			continue
		}
		r.ended[history] = how
		last = max(last, history)
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); err != nil && (!errors.As(err, &exit) || exit.ExitCode() != -1) {
		t.Fatalf("the process was not killed but ended: %v", err)
	}
	if last < 0 {
		t.Fatal("the process began no history")
	}
	return last
}

// check compares the host's rows with the users, and both with what was reported.
func (r *run) check(t *testing.T) {
	t.Helper()
	rows, err := r.db.Rows(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	users := make(map[string]string)
	for i := range tenants {
		for user, err := range r.users.Tenant(fmt.Sprint(i)).All(t.Context(), enduser.Filter{}) {
			if err != nil {
				t.Fatal(err)
			}
			users[fmt.Sprint(i, "/", user.ExternalID)] = user.Name
		}
	}
	if diff := cmp.Diff(users, rows); diff != "" {
		t.Errorf("users (-) and the host's rows (+) differ:\n%s", diff)
	}
	for history, how := range r.ended {
		_, there := rows["0/"+historyName(history)]
		if how == "done" && !there || how == "undone" && there {
			t.Errorf("history %d is %s, there: %t", history, how, there)
		}
	}
}

// follower follows the feed of a tenant while the histories run.
type follower struct {
	tenant enduser.Tenant
	at     enduser.Position

	revisions []int64
	exists    map[string]bool // by the user's ID
	err       error
}

// follow follows until ctx ends.
func (f *follower) follow(ctx context.Context) {
	for f.err == nil && ctx.Err() == nil {
		f.err = f.read(ctx)
		if f.err == nil {
			f.err = f.tenant.WaitChanges(ctx, f.at)
		}
	}
	if ctx.Err() != nil {
		f.err = nil
	}
}

func (f *follower) read(ctx context.Context) error {
	for {
		page, err := f.tenant.Changes(ctx, enduser.ChangeQuery{After: f.at, Limit: 7})
		if err != nil {
			return err
		}
		f.at = page.Position
		for _, c := range page.Changes {
			f.revisions = append(f.revisions, c.Revision)
			if existed := f.exists[c.ID]; existed != (c.Type != enduser.ChangeCreated) {
				return fmt.Errorf("change %d: %v, but the user existed: %t", c.Revision, c.Type, existed)
			}
			if f.exists[c.ID] = true; c.Type == enduser.ChangeDeleted {
				delete(f.exists, c.ID)
			}
		}
		if !page.More {
			return nil
		}
	}
}

// check reads the rest, and compares what was followed with the whole feed and with the
// users that are left.
func (f *follower) check(t *testing.T, r *run, tenant string) {
	t.Helper()
	if f.err == nil {
		f.err = f.read(t.Context())
	}
	if f.err != nil {
		t.Errorf("the follower of tenant %s: %v", tenant, f.err)
		return
	}
	for i, rev := range f.revisions { // every write is one change
		if rev != int64(i+1) {
			t.Fatalf("change %d of tenant %s has revision %d", i+1, tenant, rev)
		}
	}
	q := store.ChangeQuery{After: store.Revision(len(f.revisions))}
	if page, err := r.db.Store().Changes(t.Context(), tenant, q); err != nil || len(page.Changes) > 0 {
		t.Errorf("the feed of tenant %s goes on: %v, %v", tenant, page.Changes, err)
	}
	left := make(map[string]bool)
	for user, err := range f.tenant.All(t.Context(), enduser.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		left[user.ID] = true
	}
	if !maps.Equal(left, f.exists) {
		t.Errorf("tenant %s has the users %s; by its feed it has %s", tenant, list(left), list(f.exists))
	}
}

func list(ids map[string]bool) string {
	var b strings.Builder
	for id := range ids {
		fmt.Fprintf(&b, " %s", id)
	}
	return b.String()
}
