package sqlite_test

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// The test binary starts itself again with this variable set to what it shall
// be: a server of stores, or a writer that will be killed.
const roleVariable = "ROLLBOOK_SQLITE_TEST_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVariable) {
	case "serve":
		serve(os.Stdin, os.Stdout)
	case "write":
		writeUntilKilled()
	default:
		os.Exit(m.Run())
	}
}

func self(role string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+role)
	cmd.Stderr = os.Stderr
	return cmd
}

// request is a call of a store in the other process, or the cancellation of one.
type request struct {
	ID     uint64
	Cancel bool
	Handle int
	Method string
	Path   string

	Tenant   string
	Key      store.Key
	Batch    store.Batch
	Noted    []bool // gob does not tell an empty Note from none
	Query    store.Query
	Count    store.CountQuery
	Changes  store.ChangeQuery
	Revision store.Revision
	Due      store.DueQuery
	Tenants  store.TenantQuery
}

type response struct {
	ID       uint64
	Handle   int
	Record   store.Record
	Revision store.Revision
	Page     store.Page
	Counted  store.Counted
	Changes  store.ChangePage
	Due      store.DuePage
	Tenants  store.TenantPage
	Err      *wireError
}

// wireError carries an error of a store over the wire: what errors.Is and
// errors.As find in it.
type wireError struct {
	Text    string
	Kinds   []int
	Stale   *store.StaleError
	Taken   *store.TakenError
	Invalid *store.InvalidError
	Trimmed *store.TrimmedError
	Damaged *store.DamagedError
}

func sentinels() []error {
	return []error{
		store.ErrNotFound, store.ErrUnavailable, store.ErrUnknown, sqlite.ErrReplaced, sqlite.ErrStaleLog,
		context.Canceled, context.DeadlineExceeded,
	}
}

func toWire(err error) *wireError {
	if err == nil {
		return nil
	}
	w := &wireError{Text: err.Error()}
	for i, sentinel := range sentinels() {
		if errors.Is(err, sentinel) {
			w.Kinds = append(w.Kinds, i)
		}
	}
	errors.As(err, &w.Stale)
	errors.As(err, &w.Taken)
	errors.As(err, &w.Invalid)
	errors.As(err, &w.Trimmed)
	errors.As(err, &w.Damaged)
	return w
}

func (w *wireError) error() error {
	switch {
	case w == nil:
		return nil
	case w.Stale != nil:
		return w.Stale
	case w.Taken != nil:
		return w.Taken
	case w.Invalid != nil:
		return w.Invalid
	case w.Trimmed != nil:
		return w.Trimmed
	case w.Damaged != nil:
		return w.Damaged
	}
	errs := make([]error, 0, len(w.Kinds)+1)
	for _, kind := range w.Kinds {
		errs = append(errs, sentinels()[kind])
	}
	return fmt.Errorf("%w: %s", errors.Join(errs...), w.Text)
}

// serve is the other process. It ends with its input.
func serve(in io.Reader, out io.Writer) {
	var (
		mu      sync.Mutex // of all below
		enc     = gob.NewEncoder(out)
		handles []*sqlite.Store
		cancels = make(map[uint64]context.CancelFunc)
	)
	handle := func(i int) *sqlite.Store {
		mu.Lock()
		defer mu.Unlock()
		return handles[i]
	}
	dec := gob.NewDecoder(bufio.NewReader(in))
	for {
		var q request
		if err := dec.Decode(&q); err != nil {
			return
		}
		mu.Lock()
		if q.Cancel {
			if cancel := cancels[q.ID]; cancel != nil {
				cancel()
			}
			mu.Unlock()
			continue
		}
		ctx, cancel := context.WithCancel(context.Background())
		cancels[q.ID] = cancel
		mu.Unlock()
		go func() {
			r := response{ID: q.ID}
			var err error
			switch q.Method {
			case "open":
				var s *sqlite.Store
				if s, err = sqlite.Open(ctx, q.Path, nil); err == nil {
					mu.Lock()
					r.Handle = len(handles)
					handles = append(handles, s)
					mu.Unlock()
				}
			case "close":
				err = handle(q.Handle).Close()
			default:
				err = dispatch(ctx, handle(q.Handle), &q, &r)
			}
			r.Err = toWire(err)
			mu.Lock()
			defer mu.Unlock()
			delete(cancels, q.ID)
			cancel()
			if err := enc.Encode(r); err != nil {
				fmt.Fprintln(os.Stderr, "child:", err)
			}
		}()
	}
}

func dispatch(ctx context.Context, s *sqlite.Store, q *request, r *response) (err error) {
	switch q.Method {
	case "get":
		r.Record, err = s.Get(ctx, q.Tenant, q.Key)
	case "apply":
		for i, noted := range q.Noted {
			if noted && q.Batch.Ops[i].Note == nil {
				q.Batch.Ops[i].Note = []byte{}
			}
		}
		r.Revision, err = s.Apply(ctx, q.Tenant, q.Batch)
	case "list":
		r.Page, err = s.List(ctx, q.Tenant, q.Query)
	case "count":
		r.Counted, err = s.Count(ctx, q.Tenant, q.Count)
	case "changes":
		r.Changes, err = s.Changes(ctx, q.Tenant, q.Changes)
	case "trim":
		err = s.Trim(ctx, q.Tenant, q.Revision)
	case "due":
		r.Due, err = s.Due(ctx, q.Due)
	case "tenants":
		r.Tenants, err = s.Tenants(ctx, q.Tenants)
	case "wait":
		err = s.Wait(ctx, q.Tenant, q.Revision)
	case "scrub":
		err = s.Scrub(ctx)
	default:
		err = fmt.Errorf("no method %q", q.Method)
	}
	return err
}

// process is the other process, seen from the test.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{}

	mu      sync.Mutex
	enc     *gob.Encoder
	next    uint64
	waiting map[uint64]chan response // nil: nobody answers any more
}

// startProcess starts a process that ends with the test.
func startProcess(t *testing.T) *process {
	t.Helper()
	p, in := newProcess(t)
	t.Cleanup(func() {
		_ = in.Close()
		<-p.ended
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("the other process: %v", err)
		}
	})
	return p
}

// kill ends the process at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
	_ = p.cmd.Wait() // it was killed
}

func newProcess(t *testing.T) (*process, io.Closer) {
	t.Helper()
	cmd := self("serve")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	p := &process{
		cmd: cmd, ended: make(chan struct{}), enc: gob.NewEncoder(in), waiting: make(map[uint64]chan response),
	}
	go func() {
		defer close(p.ended)
		defer p.fail()
		dec := gob.NewDecoder(bufio.NewReader(out))
		for {
			var r response
			if err := dec.Decode(&r); err != nil {
				return
			}
			p.mu.Lock()
			p.waiting[r.ID] <- r
			delete(p.waiting, r.ID)
			p.mu.Unlock()
		}
	}()
	return p, in
}

// fail answers the calls that a dead process has left.
func (p *process) fail() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for id, answer := range p.waiting {
		answer <- response{ID: id, Err: toWire(store.ErrUnknown)}
	}
	p.waiting = nil
}

// call waits for the answer even if ctx ends: the other process is told, and
// gives the answer that the rules ask for.
func (p *process) call(ctx context.Context, q request) (response, error) {
	answer := make(chan response, 1)
	p.mu.Lock()
	if p.waiting == nil {
		p.mu.Unlock()
		return response{}, store.ErrUnknown
	}
	p.next++
	q.ID = p.next
	p.waiting[q.ID] = answer
	err := p.enc.Encode(q)
	p.mu.Unlock()
	if err != nil {
		return response{}, fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	select {
	case r := <-answer:
		return r, r.Err.error()
	case <-ctx.Done():
	}
	p.mu.Lock()
	err = p.enc.Encode(request{ID: q.ID, Cancel: true})
	p.mu.Unlock()
	if err != nil {
		return response{}, fmt.Errorf("%w: %w", store.ErrUnknown, err)
	}
	r := <-answer
	err = r.Err.error()
	if errors.Is(err, context.Canceled) { // there; here it may be a deadline
		err = fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return r, err
}

// remote is a store in the other process.
type remote struct {
	process *process
	handle  int
}

var (
	_ store.Store    = (*remote)(nil)
	_ store.Waiter   = (*remote)(nil)
	_ store.Scrubber = (*remote)(nil)
	_ store.Counter  = (*remote)(nil)
)

func (p *process) open(path string) (*remote, error) {
	r, err := p.call(context.Background(), request{Method: "open", Path: path})
	return &remote{process: p, handle: r.Handle}, err
}

func (r *remote) close() error {
	_, err := r.call(context.Background(), request{Method: "close"})
	return err
}

func (r *remote) call(ctx context.Context, q request) (response, error) {
	if err := ctx.Err(); err != nil {
		return response{}, err
	}
	q.Handle = r.handle
	return r.process.call(ctx, q)
}

func (r *remote) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	a, err := r.call(ctx, request{Method: "get", Tenant: tenant, Key: key})
	return a.Record, err
}

func (r *remote) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	noted := make([]bool, len(b.Ops))
	for i, op := range b.Ops {
		noted[i] = op.Note != nil
	}
	a, err := r.call(ctx, request{Method: "apply", Tenant: tenant, Batch: b, Noted: noted})
	return a.Revision, err
}

func (r *remote) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	a, err := r.call(ctx, request{Method: "list", Tenant: tenant, Query: q})
	return a.Page, err
}

func (r *remote) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	a, err := r.call(ctx, request{Method: "count", Tenant: tenant, Count: q})
	return a.Counted, err
}

func (r *remote) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	a, err := r.call(ctx, request{Method: "changes", Tenant: tenant, Changes: q})
	return a.Changes, err
}

func (r *remote) Trim(ctx context.Context, tenant string, through store.Revision) error {
	_, err := r.call(ctx, request{Method: "trim", Tenant: tenant, Revision: through})
	return err
}

func (r *remote) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	a, err := r.call(ctx, request{Method: "due", Due: q})
	return a.Due, err
}

func (r *remote) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	a, err := r.call(ctx, request{Method: "tenants", Tenants: q})
	return a.Tenants, err
}

func (r *remote) Wait(ctx context.Context, tenant string, after store.Revision) error {
	_, err := r.call(ctx, request{Method: "wait", Tenant: tenant, Revision: after})
	return err
}

func (r *remote) Scrub(ctx context.Context) error {
	_, err := r.call(ctx, request{Method: "scrub"})
	return err
}
