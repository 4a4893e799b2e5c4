package sqlite_test

import (
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/rpc"
	"os"
	"os/exec"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/sqlite"
)

// The test binary starts itself again with this variable set to what it shall
// be: a server of stores, or a writer that will be killed.
const roleVariable = "ROLLBOOK_SQLITE_TEST_ROLE"

func TestMain(m *testing.M) {
	registerTypes()
	switch os.Getenv(roleVariable) {
	case "serve":
		serve(pipes{os.Stdin, os.Stdout})
	case "write":
		writeUntilKilled()
	case "restore":
		if err := restoreUntilKilled(); err != nil {
			fmt.Fprintln(os.Stderr, "restore:", err)
			os.Exit(1)
		}
	case "host":
		if err := workAsHost(); err != nil {
			fmt.Fprintln(os.Stderr, "host:", err)
			os.Exit(1)
		}
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

// pipes are the input and output of a process, as a connection.
type pipes struct {
	io.Reader
	io.WriteCloser
}

// Request is a call of a method of a store in the other process.
type Request struct {
	ID     uint64
	Handle int
	Method string
	Args   []any
	Noted  []bool // of a batch: gob does not tell an empty Note from none
}

// Response has what the method returned.
type Response struct {
	Results []any
	Err     *wireError
}

// registerTypes lets gob carry arguments, results and errors.
func registerTypes() {
	args := []any{store.Key{}, store.Batch{}, store.Query{}, store.CountQuery{}, store.ChangeQuery{}, store.DueQuery{}, store.Part{}, store.VerifyOptions{}}
	results := []any{store.Record{}, store.Revision(0), store.Page{}, store.Counted{}, store.ChangePage{}, store.DuePage{}}
	for _, v := range slices.Concat(args, results, []any{store.TenantQuery{}, store.TenantPage{}, []string{}, []store.Finding{}}) {
		gob.Register(v)
	}
	for _, target := range typedErrors() {
		gob.Register(reflect.ValueOf(target).Elem().Interface())
	}
}

// wireError carries an error of a store over the wire: what errors.Is and
// errors.As find in it.
type wireError struct {
	Text  string
	Kinds []int // of sentinels
	Typed any   // an error, or nil
}

func sentinels() []error {
	return []error{
		store.ErrNotFound, store.ErrUnavailable, store.ErrUnknown, sqlite.ErrReplaced, sqlite.ErrStaleLog,
		context.Canceled, context.DeadlineExceeded,
	}
}

// typedErrors returns targets of errors.As.
func typedErrors() []any {
	return []any{
		new(*store.StaleError), new(*store.TakenError), new(*store.InvalidError), new(*store.TrimmedError),
		new(*store.DamagedError),
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
	for _, target := range typedErrors() {
		if errors.As(err, target) {
			w.Typed = reflect.ValueOf(target).Elem().Interface()
		}
	}
	return w
}

func (w *wireError) error() error {
	if w == nil {
		return nil
	}
	if err, ok := w.Typed.(error); ok {
		return err
	}
	errs := make([]error, 0, len(w.Kinds))
	for _, kind := range w.Kinds {
		errs = append(errs, sentinels()[kind])
	}
	return fmt.Errorf("%w: %s", errors.Join(errs...), w.Text)
}

// Server is the other process.
type Server struct {
	mu      sync.Mutex
	handles []*sqlite.Store
	cancels map[uint64]context.CancelFunc
}

// serve ends with its input.
func serve(conn io.ReadWriteCloser) {
	s := rpc.NewServer()
	if err := s.Register(&Server{cancels: make(map[uint64]context.CancelFunc)}); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
	}
	s.ServeConn(conn)
}

// Open opens a store and returns its handle.
func (s *Server) Open(q Request, handle *int) error {
	opened, err := sqlite.Open(context.Background(), q.Args[0].(string), &sqlite.Options{Readers: 1, Sync: sqlite.Normal})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	*handle = len(s.handles)
	s.handles = append(s.handles, opened)
	return nil
}

// Cancel ends the context of a call, which may begin only later.
func (s *Server) Cancel(id uint64, _ *struct{}) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if cancel := s.cancels[id]; cancel != nil {
		cancel()
	} else {
		s.cancels[id] = func() {}
	}
	return nil
}

// Call calls a method, with a context in front of the arguments.
func (s *Server) Call(q Request, r *Response) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	s.mu.Lock()
	if s.cancels[q.ID] != nil {
		cancel()
	}
	s.cancels[q.ID] = cancel
	method := reflect.ValueOf(s.handles[q.Handle]).MethodByName(q.Method)
	s.mu.Unlock()
	var args []reflect.Value
	if q.Method != "Close" {
		args = append(args, reflect.ValueOf(ctx))
	}
	for _, arg := range q.Args {
		if b, ok := arg.(store.Batch); ok {
			for i, noted := range q.Noted {
				if noted && b.Ops[i].Note == nil {
					b.Ops[i].Note = []byte{}
				}
			}
		}
		args = append(args, reflect.ValueOf(arg))
	}
	results := method.Call(args)
	if q.Method == "Verify" {
		results = collect(results[0].Interface().(iter.Seq2[store.Finding, error]))
	}
	last := len(results) - 1
	for _, result := range results[:last] {
		r.Results = append(r.Results, result.Interface())
	}
	err, _ := results[last].Interface().(error)
	r.Err = toWire(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.cancels, q.ID)
	return nil
}

// collect returns all findings and the error.
func collect(found iter.Seq2[store.Finding, error]) []reflect.Value {
	all, last := []store.Finding{}, error(nil)
	for f, err := range found {
		if last = err; err == nil {
			all = append(all, f)
		}
	}
	return []reflect.Value{reflect.ValueOf(all), reflect.ValueOf(&last).Elem()}
}

// process is the other process, seen from the test.
type process struct {
	cmd    *exec.Cmd
	in     io.Closer
	client *rpc.Client
	next   atomic.Uint64
}

func newProcess(t *testing.T) *process {
	t.Helper()
	cmd := self("serve")
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	return &process{cmd: cmd, in: in, client: rpc.NewClient(pipes{out, in})}
}

// startProcess starts a process that ends with the test.
func startProcess(t *testing.T) *process {
	t.Helper()
	p := newProcess(t)
	t.Cleanup(func() {
		_ = p.in.Close()
		if err := p.cmd.Wait(); err != nil {
			t.Errorf("the other process: %v", err)
		}
	})
	return p
}

// kill ends the process at once.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
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
	r := &remote{process: p}
	return r, p.client.Call("Server.Open", Request{Args: []any{path}}, &r.handle)
}

func (r *remote) close() error {
	_, err := r.call(context.Background(), "Close")
	return err
}

// call waits for the answer even if ctx ends: the other process then ends the context of
// the call, and answers by the rules.
func (r *remote) call(ctx context.Context, method string, args ...any) (results []any, err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	q := Request{ID: r.process.next.Add(1), Handle: r.handle, Method: method, Args: args}
	for _, arg := range args {
		if b, ok := arg.(store.Batch); ok {
			for _, op := range b.Ops {
				q.Noted = append(q.Noted, op.Note != nil)
			}
		}
	}
	var a Response
	call := r.process.client.Go("Server.Call", q, &a, make(chan *rpc.Call, 1))
	select {
	case <-call.Done:
	case <-ctx.Done():
		r.process.client.Go("Server.Cancel", q.ID, nil, nil)
		<-call.Done
	}
	if call.Error != nil {
		return nil, fmt.Errorf("%w: %w", store.ErrUnknown, call.Error)
	}
	err = a.Err.error()
	if errors.Is(err, context.Canceled) { // there; here it may be a deadline
		err = fmt.Errorf("%w: %w", err, ctx.Err())
	}
	return a.Results, err
}

// remotely makes a call that has one result beside the error.
func remotely[T any](ctx context.Context, r *remote, method string, args ...any) (result T, err error) {
	results, err := r.call(ctx, method, args...)
	if len(results) > 0 {
		result = results[0].(T)
	}
	return result, err
}

func (r *remote) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	return remotely[store.Record](ctx, r, "Get", tenant, key)
}

func (r *remote) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	return remotely[store.Revision](ctx, r, "Apply", tenant, b)
}

func (r *remote) List(ctx context.Context, tenant string, q store.Query) (store.Page, error) {
	return remotely[store.Page](ctx, r, "List", tenant, q)
}

func (r *remote) Count(ctx context.Context, tenant string, q store.CountQuery) (store.Counted, error) {
	return remotely[store.Counted](ctx, r, "Count", tenant, q)
}

func (r *remote) Changes(ctx context.Context, tenant string, q store.ChangeQuery) (store.ChangePage, error) {
	return remotely[store.ChangePage](ctx, r, "Changes", tenant, q)
}

func (r *remote) Trim(ctx context.Context, tenant string, through store.Revision) error {
	_, err := r.call(ctx, "Trim", tenant, through)
	return err
}

func (r *remote) Due(ctx context.Context, q store.DueQuery) (store.DuePage, error) {
	return remotely[store.DuePage](ctx, r, "Due", q)
}

func (r *remote) Tenants(ctx context.Context, q store.TenantQuery) (store.TenantPage, error) {
	return remotely[store.TenantPage](ctx, r, "Tenants", q)
}

func (r *remote) Wait(ctx context.Context, tenant string, after store.Revision) error {
	_, err := r.call(ctx, "Wait", tenant, after)
	return err
}

func (r *remote) Scrub(ctx context.Context) error {
	_, err := r.call(ctx, "Scrub")
	return err
}

func (r *remote) Import(ctx context.Context, tenant string, p store.Part) error {
	_, err := r.call(ctx, "Import", tenant, p)
	return err
}

func (r *remote) Drop(ctx context.Context, tenant string) error {
	_, err := r.call(ctx, "Drop", tenant)
	return err
}

func (r *remote) Kinds(ctx context.Context, tenant, after string) ([]string, error) {
	return remotely[[]string](ctx, r, "Kinds", tenant, after)
}

func (r *remote) Verify(ctx context.Context, opts store.VerifyOptions) iter.Seq2[store.Finding, error] {
	return func(yield func(store.Finding, error) bool) {
		found, err := remotely[[]store.Finding](ctx, r, "Verify", opts)
		for _, f := range found {
			if !yield(f, nil) {
				return
			}
		}
		if err != nil {
			yield(store.Finding{}, err)
		}
	}
}
