package sqlite

import (
	"errors"
	"fmt"
	"slices"

	"github.com/rollbook-go/rollbook/store/internal/backend"
)

// write runs a group in the transaction that lock has begun, and answers it.
func (w *writer) write(group []*call) {
	g := w.store.observer.BeginGroup(len(group))
	tx := newTransaction(statements{session: w.session}, w.session.known)
	var failed error
	outcome := w.session.do(func() error {
		if failed = tx.begin(w.store.schema); failed != nil {
			return failed
		}
		for _, c := range group {
			if failed = c.run(tx); failed != nil {
				return failed
			}
		}
		group = w.answerSettled(group)
		if failed = tx.finish(); failed != nil {
			return failed
		}
		_, err := w.session.exec(sqlCommit)
		return err
	})
	switch {
	case outcome == nil && w.checkLost(group):
		w.session.known = newKnown()
		g.End(ErrReplaced)
	case outcome == nil:
		g.End(nil)
		w.store.committed(tx)
		for _, c := range group {
			c.done <- c.result
		}
	case failed != nil:
		w.rolledBack(g, group, failed)
	default:
		g.End(outcome)
		w.commitFailed(group, outcome)
	}
}

// run runs the task of a call, whose answer then waits for the end of the transaction.
func (c *call) run(tx *transaction) (failed error) {
	before := tx.writes
	rev, refused, failed := c.task.run(tx)
	if failed != nil {
		return failed
	}
	c.result = answer{rev, refused}
	c.wrote = refused == nil && tx.writes > before // else it was undone
	b, ok := c.task.(*batch)
	c.settled = ok && refused != nil && b.settled(tx, refused)
	return nil
}

// answerSettled answers the calls whose refusal does not depend on the transaction, and
// returns the others.
func (w *writer) answerSettled(group []*call) []*call {
	if !slices.ContainsFunc(group, (*call).isSettled) || w.store.checkFiles() != nil {
		return group
	}
	for _, c := range group {
		if c.settled {
			c.done <- c.result
		}
	}
	return slices.DeleteFunc(group, (*call).isSettled)
}

func (c *call) isSettled() bool { return c.settled }

// rolledBack ends a transaction of which a statement failed; nothing of the group was
// written. The error may have ended the transaction silently, and then the next statement
// would be a transaction of its own. So only ROLLBACK follows on this connection.
func (w *writer) rolledBack(g backend.Group, group []*call, failed error) {
	w.session.known = newKnown()
	intact := w.session.do(func() error {
		_, err := w.session.exec(sqlRollback)
		return err
	}) == nil
	if err := w.store.losing(failed); !errors.Is(err, ErrNewerSchema) { // which is logged once
		w.logger.Warn("sqlite: transaction rolled back", "error", failed, "calls", len(group))
	}

	// A violated constraint comes from one call and a damaged index, errFull from one call, and
	// both leave the transaction intact. Each call gets a transaction of its own, so that only
	// that call fails.
	ofOne := primaryCode(failed) == codeConstraint || errors.Is(failed, errIndex) || errors.Is(failed, errFull)
	if intact && ofOne && len(group) > 1 {
		w.store.observer.Retried("", failed)
		for i := range group {
			w.alone(group[i : i+1])
		}
		return
	}
	g.End(failed)
	w.drop()
	answerAll(group, unavailable(failed))
}

// alone writes a group in a new transaction.
func (w *writer) alone(group []*call) {
	if err := w.begin(); err != nil {
		w.drop()
		answerAll(group, unavailable(err))
		return
	}
	w.write(group)
}

// commitFailed answers a group whose COMMIT failed. If the transaction is still open and
// the error is that of a lock, SQLite has not begun to write it. Otherwise its end may
// already be in the log, where a later recovery finds it.
func (w *writer) commitFailed(group []*call, failed error) {
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
	answerUnknown(group, failed)
}

func answerAll(group []*call, err error) {
	for _, c := range group {
		c.answer(err)
	}
}

// checkLost reports whether a group was written to a file that is no longer at the path,
// or may have been, and answers it then.
func (w *writer) checkLost(group []*call) (lost bool) {
	err := w.store.checkFiles()
	if err == nil {
		return false
	}
	if !errors.Is(err, ErrReplaced) { // which is logged once
		w.logger.Error("sqlite: the file at the path cannot be checked", "error", err, "calls", len(group))
	}
	answerUnknown(group, err)
	return true
}

// answerUnknown answers a group whose commit may be lost. Calls that wrote nothing have
// failed.
func answerUnknown(group []*call, err error) {
	for _, c := range group {
		if c.wrote {
			c.answer(unknown(fmt.Errorf("sqlite: %w", err)))
		} else {
			c.answer(unavailable(err))
		}
	}
}
