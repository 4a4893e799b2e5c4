package hosttx

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// Job says which histories a process runs. It is passed on as text.
type Job struct {
	Seed        uint64
	First, Last int // histories
}

// String returns the text of a job, for an argument or a variable of the process.
func (j Job) String() string { return fmt.Sprintf("%d %d %d", j.Seed, j.First, j.Last) }

// ParseJob is the reverse of String.
func ParseJob(text string) (j Job, err error) {
	_, err = fmt.Sscanf(text, "%d %d %d", &j.Seed, &j.First, &j.Last)
	return j, err
}

// Work is the process that runs histories and may be killed by one of them. It writes to
// out what Run has to know.
func Work(ctx context.Context, db Database, job Job, out io.Writer) error {
	w := &worker{db: db, job: job, out: out, users: enduser.New(db.Store(), nil)}
	w.next.Store(int64(job.First))
	var wg sync.WaitGroup
	var errs [2]error
	for i := range errs {
		wg.Go(func() { errs[i] = w.run(ctx) })
	}
	wg.Wait()
	return errors.Join(errs[:]...)
}

type worker struct {
	db    Database
	job   Job
	out   io.Writer
	users *enduser.Manager
	next  atomic.Int64
}

func (w *worker) run(ctx context.Context) error {
	for {
		history := int(w.next.Add(1) - 1)
		if history > w.job.Last {
			return nil
		}
		if err := w.history(ctx, history); err != nil {
			return fmt.Errorf("history %d: %w", history, err)
		}
	}
}

// say reports an event of a history. It is one write, so that no line is cut by a kill.
func (w *worker) say(event string, history int) error {
	_, err := fmt.Fprintf(w.out, "%s %d\n", event, history)
	return err
}

// errFailed is the end of a history in which a statement failed.
var errFailed = errors.New("a statement failed, as planned")

func (w *worker) history(ctx context.Context, history int) (err error) {
	if err := w.say("begin", history); err != nil {
		return err
	}
	p := newPlan(w.job.Seed, history)
	tx, err := w.db.Begin(ctx)
	if err != nil {
		return err
	}
	err = w.steps(ctx, tx, p, history)
	switch {
	case errors.Is(err, errFailed), errors.Is(err, ErrVictim), errors.Is(err, enduser.ErrAborted), errors.Is(err, enduser.ErrContended):
		_ = tx.Rollback(ctx) // it may say that there is nothing to roll back
		return w.say("undone", history)
	case err != nil:
		return errors.Join(err, tx.Rollback(ctx))
	case p.end == rollsBack:
		if err := tx.Rollback(ctx); err != nil {
			return err
		}
		return w.say("undone", history)
	case p.end == killedAtCommit:
		go func() {
			<-time.After(time.Duration(p.rng.IntN(2000)) * time.Microsecond)
			die()
		}()
	}
	if err := tx.Commit(ctx); err != nil {
		return err
	}
	return w.say("done", history)
}

func die() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {} // until the signal arrives
}

// steps writes the users of a history and their rows, and the history's own.
func (w *worker) steps(ctx context.Context, tx Tx, p plan, history int) error {
	users := w.users.On(tx.Store())
	if err := w.put(ctx, tx, users, p, "0", historyName(history), history); err != nil {
		return err
	}
	for step := range p.steps + 1 {
		if step == p.at && p.end == killed {
			die()
		}
		if step == p.at && p.end == fails {
			if tx.Fail(ctx) == nil {
				return errors.New("a statement that must fail does not")
			}
			return errFailed
		}
		if step == p.steps {
			break
		}
		tenant := fmt.Sprint(p.rng.IntN(tenants))
		if err := w.put(ctx, tx, users, p, tenant, fmt.Sprint("n", p.rng.IntN(names)), history); err != nil {
			return err
		}
	}
	return nil
}

// put creates, changes or deletes a user and its row.
func (w *worker) put(ctx context.Context, tx Tx, users *enduser.Manager, p plan, tenant, name string, history int) error {
	acme := users.Tenant(tenant)
	ref := enduser.ByExternalID(name)
	value := fmt.Sprint("value ", history)
	row := tenant + "/" + name
	_, err := acme.Get(ctx, ref)
	known := err == nil
	if err != nil && !errors.Is(err, enduser.ErrNotFound) {
		return err
	}
	var user, host func() error
	switch {
	case known && p.rng.IntN(3) == 0:
		user = func() error { return acme.Delete(ctx, ref) }
		host = func() error { return tx.Delete(ctx, row) }
	case known:
		user = func() error {
			_, err := acme.Update(ctx, ref, func(e *enduser.Edit) error { e.Name = value; return nil })
			return err
		}
		host = func() error { return tx.Put(ctx, row, value) }
	default:
		user = func() error {
			_, err := acme.Create(ctx, enduser.Spec{ExternalID: name, Name: value})
			return err
		}
		host = func() error { return tx.Put(ctx, row, value) }
	}
	if p.rng.IntN(2) == 0 {
		user, host = host, user
	}
	if err := user(); err != nil {
		return err
	}
	return host()
}

// historyName is the name of a user that only this history writes.
func historyName(history int) string { return fmt.Sprint("history ", history) }
