package postgres

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

const sqlNotify = `SELECT pg_notify($1::text, $2::text)`

// wave is batches that one statement writes. It checks all of them before it writes any, so
// that no two may touch the same.
type wave struct {
	jobs    []job
	calls   []*call
	parts   []*part // of the calls
	answers []answer
}

func (w *wave) add(p *part, c *call) {
	w.jobs = append(w.jobs, job{p.line.tenant, c.batch})
	w.calls = append(w.calls, c)
	w.parts = append(w.parts, p)
}

// fewSimple is how many simple batches cost less one by one than with one call of the
// function that takes any.
const fewSimple = 4

// waves splits a group. A call comes after those before it that write what it touches, and
// not before those that read what it writes.
func waves(group []*part) (all []*wave) {
	if onlySimple(group) {
		for _, p := range group {
			for _, c := range p.calls {
				all = append(all, new(wave))
				all[len(all)-1].add(p, c)
			}
		}
		return all
	}
	all = append(all, new(wave))
	for _, p := range group {
		if len(p.calls) == 1 {
			all[0].add(p, p.calls[0])
			continue
		}
		read, wrote := map[string]int{}, map[string]int{} // the last wave that did, from 1
		for _, c := range p.calls {
			at := 1
			for _, t := range c.batch.touched {
				at = max(at, wrote[t.name]+1)
				if t.write {
					at = max(at, read[t.name])
				}
			}
			for at > len(all) {
				all = append(all, new(wave))
			}
			all[at-1].add(p, c)
			for _, t := range c.batch.touched {
				if t.write {
					wrote[t.name] = at
				} else {
					read[t.name] = max(read[t.name], at)
				}
			}
		}
	}
	return all
}

func onlySimple(group []*part) bool {
	n := 0
	for _, p := range group {
		for _, c := range p.calls {
			if n++; n > fewSimple || !c.batch.simple() {
				return false
			}
		}
	}
	return true
}

func notifyArgs(channel, payload string) *args {
	var a args
	a.bytea(channel)
	a.bytea(payload)
	return &a
}

// transaction is a group on its way to the server.
type transaction struct {
	batch  pgconn.Batch
	waves  []*wave
	notify bool
}

// build makes the statements of a group.
func (w *writer) build(conn *pgxpool.Conn, group []*part) (t *transaction, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	s := w.store
	c := s.session(conn.Conn())
	t = &transaction{waves: waves(group)}
	for _, wave := range t.waves {
		text, a := applyArgs(false, s.opts.Schema, wave.jobs)
		if err := c.add(ctx, &t.batch, text, a); err != nil {
			return nil, err
		}
	}
	begun := conn.Conn().PgConn().TxStatus() != 'I'
	defer func() {
		if begun && err == nil {
			t.batch.ExecParams("COMMIT", nil, nil, nil, nil)
		}
	}()
	var noted []string
	for _, p := range group {
		if slices.ContainsFunc(p.calls, func(c *call) bool { return c.batch.noted }) {
			noted = append(noted, p.line.tenant)
		}
	}
	if payload := s.notifyPayload(noted); payload != "" {
		t.notify = true
		return t, c.add(ctx, &t.batch, sqlNotify, notifyArgs(s.channel(), payload))
	}
	return t, nil
}

// send sends a group and reads what became of its calls. It reports whether all statements
// had ended before an error.
func (w *writer) send(conn *pgxpool.Conn, t *transaction) (finished bool, err error) {
	// A deadline costs less than a context, for which pgx starts a goroutine.
	pg := conn.Conn().PgConn()
	if err := pg.Conn().SetDeadline(now().Add(patience)); err != nil || pg.IsClosed() {
		return false, unsent{errors.Join(errLost, err)}
	}
	results := pg.ExecBatch(context.Background(), &t.batch)
	done := 0
	fault := false
	for results.NextResult() {
		r := results.ResultReader()
		for r.NextRow() {
			if done < len(t.waves) {
				row := reply{row: r.Values()}
				t.waves[done].read(&row)
				fault = fault || row.fail
			}
		}
		if _, err := r.Close(); err == nil {
			done++
		}
	}
	statements := len(t.waves)
	if t.notify {
		statements++
	}
	err = results.Close()
	// The connection goes back to the pool, whatever the server has said.
	if !pg.IsClosed() && pg.Conn().SetDeadline(time.Time{}) != nil {
		_ = pg.Close(context.Background()) // it is lost
	}
	if err != nil {
		return done >= statements, err
	}
	if fault || done < statements {
		return true, errReply
	}
	return true, nil
}

// read reads the result of a statement.
func (w *wave) read(r *reply) { w.answers = r.answers(len(w.calls)) }

// held returns how many calls were not written since their tenants were held.
func (t *transaction) held() (n int) {
	for _, w := range t.waves {
		for _, a := range w.answers {
			if a.held {
				n++
			}
		}
	}
	return n
}

// answer answers the calls of a group that was committed, and keeps in its parts those whose
// tenants were held.
func (w *writer) answer(group []*part, t *transaction) {
	for _, p := range group {
		p.calls, p.held, p.noted = nil, false, false
	}
	for _, wave := range t.waves {
		for i, c := range wave.calls {
			a, p := wave.answers[i], wave.parts[i]
			switch {
			case a.held:
				p.held = true
				p.calls = append(p.calls, c)
				continue
			case a.refusal == nil && c.batch.noted:
				p.noted = true
			}
			c.done <- a
		}
	}
	for _, p := range group {
		if p.noted {
			w.store.committed(p.line.tenant)
		}
	}
}
