package sqlite

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// writer owns the connection that writes and the goroutine that uses it. Calls
// which wait while a transaction is written share the next one, so that they
// share the price of making it durable; there is no timer, and a lone call is
// written at once.
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
	ctx      context.Context // the writer's own; ended by close
	cancel   context.CancelFunc
	stopped  chan struct{} // closed by the goroutine

	session *session // of the goroutine; nil: to be opened
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

// submit has a task done and waits for its answer. It also returns how many calls
// waited before it.
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
	// Only now are the calls taken: whoever came while the lock was waited for
	// is in, and whoever left in that time is out.
	group := w.queue.take()
	if len(group) == 0 {
		w.abandon()
		return
	}
	w.write(group)
}

// lock begins a transaction. If it reports false, nobody waits any more.
//
// While another process holds the lock the callers stay in the queue, so that
// each may leave when its context ends.
func (w *writer) lock() bool {
	err := w.begin()
	if err == nil {
		return true
	}
	over := time.NewTimer(w.wait)
	defer over.Stop()
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
		w.store.observeRetry("", err)
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
	// The pool may be the host's and all its connections in use.
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

// drop gives up the connection. The next transaction opens another.
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

// abandon ends a transaction in which nothing was done.
func (w *writer) abandon() {
	err := w.session.do(func() error {
		_, err := w.session.exec(sqlRollback)
		return err
	})
	if err != nil {
		w.drop()
	}
}

// write runs a group in the transaction that lock has begun, and answers it.
func (w *writer) write(group []*call) {
	g := w.store.observeGroup(len(group))
	tx := newTransaction(w.session)
	answers := make([]answer, len(group))
	wrote := make([]bool, len(group))
	var failed error
	outcome := w.session.do(func() error {
		if failed = tx.begin(w.store.schema); failed != nil {
			return failed
		}
		for i, c := range group {
			before := tx.writes
			var refused error
			answers[i].rev, refused, failed = c.task.run(tx)
			if failed != nil {
				return failed
			}
			answers[i].err = refused
			wrote[i] = tx.writes > before
		}
		if failed = tx.finish(); failed != nil {
			return failed
		}
		_, err := w.session.exec(sqlCommit)
		return err
	})
	switch {
	case outcome == nil && w.checkLost(group, wrote):
		g.end(ErrReplaced)
	case outcome == nil:
		g.end(nil)
		w.store.committed(tx)
		for i, c := range group {
			c.answer(answers[i].rev, answers[i].err)
		}
	case failed != nil:
		w.rolledBack(g, group, failed)
	default:
		g.end(outcome)
		w.commitFailed(group, wrote, outcome)
	}
}

// rolledBack deals with a statement that failed. Such an error may have ended the
// transaction without saying so, and a statement that followed it would be a
// transaction of its own: so nothing follows but ROLLBACK and the end of the
// connection. Nothing of the group was written.
func (w *writer) rolledBack(g groupObserver, group []*call, failed error) {
	intact := w.session.do(func() error {
		_, err := w.session.exec(sqlRollback)
		return err
	}) == nil
	if err := w.store.losing(failed); !errors.Is(err, ErrNewerSchema) { // which was told
		w.logger.Warn("sqlite: transaction rolled back", "error", failed, "calls", len(group))
	}

	// A constraint is the fault of one call and of a damaged index, and leaves the
	// transaction intact. Each call gets its own, so that the others do not suffer.
	if intact && primaryCode(failed) == codeConstraint && len(group) > 1 {
		w.store.observeRetry("", failed)
		for i := range group {
			w.alone(group[i : i+1])
		}
		return
	}
	g.end(failed)
	w.drop()
	answerAll(group, unavailable(failed))
}

func (w *writer) alone(group []*call) {
	if err := w.begin(); err != nil {
		w.drop()
		answerAll(group, unavailable(err))
		return
	}
	w.write(group)
}

// commitFailed deals with a COMMIT that failed. If the transaction was still open
// after it, and the error was that of a lock, SQLite had not begun to write it.
// Otherwise its end may already be in the log, where a later recovery finds it.
func (w *writer) commitFailed(group []*call, wrote []bool, failed error) {
	open := w.session.do(func() error {
		_, err := w.session.exec(sqlRollback)
		return err
	}) == nil
	w.drop()
	w.logger.Error("sqlite: commit failed", "error", failed, "calls", len(group))
	if open && isBusy(failed) {
		answerAll(group, unavailable(failed))
		return
	}
	answerUnknown(group, wrote, failed)
}

func answerAll(group []*call, err error) {
	for _, c := range group {
		c.answer(0, err)
	}
}

// checkpoint is a request to empty the log.
type checkpoint struct{ done chan error }

var errReading = errors.New("sqlite: the log is in use")

// checkpoint moves the log into the database and truncates it. It runs between
// transactions and fails with errReading if a reader needs the log.
//
// It leaves a mark in the log, and nothing else: as long as the database is open the log
// tells that it is its own.
func (w *writer) checkpoint() error {
	if err := w.open(); err != nil {
		return err
	}
	if err := w.store.checkFiles(); err != nil {
		return err
	}
	return w.session.do(func() error {
		row := make([]driver.Value, 3) // busy, frames in the log, frames moved
		if _, err := w.session.row(`PRAGMA wal_checkpoint(TRUNCATE)`, row); err != nil {
			return err
		}
		if busy, ok := row[0].(int64); !ok || busy != 0 {
			return errReading
		}
		_, _ = w.session.exec(sqlMark) // without it less can be told later
		return nil
	})
}
