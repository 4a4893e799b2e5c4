package sqlite

import (
	"context"
	"database/sql"
	"log/slog"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// writer owns the connection that writes and the goroutine that uses it. Calls
// that wait while a transaction is written share the next one, and with it the cost
// of making it durable. There is no timer: a lone call is written at once.
type writer struct {
	db     *sql.DB
	sync   Sync
	wait   time.Duration
	logger *slog.Logger
	store  *Store

	queue       *queue
	checkpoints chan *checkpoint

	starting sync.Mutex
	started  bool
	ctx      context.Context // ended by close
	cancel   context.CancelFunc
	stopped  chan struct{} // closed by the goroutine

	session *session // used by the goroutine only; nil: to be opened
}

func newWriter(db *sql.DB, o Options, s *Store) *writer {
	w := &writer{
		db: db, sync: o.Sync, wait: o.LockTimeout, logger: o.Logger, store: s,
		queue:       newQueue(),
		checkpoints: make(chan *checkpoint),
		stopped:     make(chan struct{}),
	}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	return w
}

// submit queues a task and waits for its answer. It also returns how many calls waited
// before it.
func (w *writer) submit(ctx context.Context, tenant string, t task, size int) (rev store.Revision, queued int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	if err := w.store.usable(); err != nil {
		return 0, 0, err
	}
	if !w.start() {
		return 0, 0, errClosed
	}
	c := &call{task: t, size: size, done: make(chan answer, 1)}
	queued, ok := w.queue.add(tenant, c)
	if !ok {
		return 0, 0, errClosed
	}
	rev, err = c.await(ctx)
	return rev, queued, err
}

// start starts the goroutine if it does not run, and reports whether it does.
func (w *writer) start() bool {
	w.starting.Lock()
	defer w.starting.Unlock()
	if w.ctx.Err() != nil {
		return false
	}
	if !w.started {
		w.started = true
		go w.run()
	}
	return true
}

func (w *writer) close() {
	w.starting.Lock()
	w.cancel()
	started := w.started
	w.starting.Unlock()
	w.queue.close(errClosed)
	if started {
		<-w.stopped
	}
}

func (w *writer) run() {
	defer close(w.stopped)
	defer func() {
		if w.session != nil {
			w.session.close()
		}
	}()
	for {
		select {
		case <-w.ctx.Done():
			return
		case c := <-w.checkpoints:
			c.done <- w.checkpoint()
		case <-w.queue.wake:
			w.round()
		}
	}
}

// round writes one group of calls.
func (w *writer) round() {
	if !w.lock() {
		return
	}
	if err := w.store.checkFiles(); err != nil {
		w.abandon()
		w.queue.fail(unavailable(err))
		return
	}
	// The calls are taken only now: while the writer waited for the lock, more may have
	// come, and some may have left.
	group := w.queue.take()
	if len(group) == 0 {
		w.abandon()
		return
	}
	w.write(group)
}

// lock begins a transaction. It reports false if no call waits any more.
//
// While another process holds the lock, the calls stay in the queue, so that each can
// leave when its context ends.
func (w *writer) lock() bool {
	err := w.begin()
	if err == nil {
		return true
	}
	over := time.NewTimer(w.wait)
	defer over.Stop()
	began, logged := now(), false
	for pause := 500 * time.Microsecond; isBusy(err); pause = min(2*pause, 4*time.Millisecond) {
		select {
		case <-w.ctx.Done():
			return false
		case <-over.C:
			w.queue.fail(unavailable(err))
			return false
		case <-time.After(pause):
		}
		if w.queue.waiting() == 0 {
			return false
		}
		if waited := time.Since(began); waited > longTx && !logged {
			logged = true
			w.logger.Warn("sqlite: the writer waits for the lock of the file, which a transaction of the host or of another process has",
				"for", waited)
		}
		w.store.observer.Retried("", err)
		if err = w.begin(); err == nil {
			return true
		}
	}
	w.drop()
	w.logger.Warn("sqlite: cannot begin a transaction", "error", err)
	w.queue.fail(unavailable(err))
	return false
}

func (w *writer) begin() error {
	if err := w.open(); err != nil {
		return err
	}
	return w.session.do(func() error {
		_, err := w.session.exec(sqlBegin)
		return err
	})
}

func (w *writer) open() error {
	if w.session != nil {
		return nil
	}
	// All connections of a host's pool may be in use.
	ctx, cancel := context.WithTimeout(w.ctx, w.wait)
	defer cancel()
	session, err := newSession(ctx, w.db, w.sync)
	if err != nil {
		return err
	}
	w.session = session
	if !w.store.owned {
		err = w.store.losing(w.store.files.keep())
	}
	return err
}

// drop closes the connection. The next transaction opens another.
func (w *writer) drop() {
	if w.session == nil {
		return
	}
	if !w.store.owned {
		w.store.files.release()
	}
	w.session.drop()
	w.session = nil
}

// abandon ends a transaction that has written nothing.
func (w *writer) abandon() {
	err := w.session.do(func() error {
		_, err := w.session.exec(sqlRollback)
		return err
	})
	if err != nil {
		w.drop()
	}
}
