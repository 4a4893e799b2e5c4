package postgres

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sqlApply calls the function that writes.
const sqlApply = `SELECT held, revisions, refusals, numbers, texts FROM rollbook.apply_1($1::bool, $2::int8, $3::bytea,
	$4::int4[], $5::int4[], $6::int4[], $7::int8[], $8::bytea[],
	$9::int2[], $10::int8[], $11::bytea[], $12::int8[], $13::bytea[], $14::bytea[], $15::bytea[], $16::bytea[], $17::bytea[],
	$18::int4[], $19::bytea[], $20::bool[], $21::int4[], $22::bytea[], $23::int4[], $24::bytea[], $25::int4[], $26::bytea[])`

const sqlNotify = `SELECT pg_notify($1::text, $2::text)`

// wave is batches of a tenant that one call of the function writes. The function checks all
// of them before it writes any, so that no two may touch the same.
type wave struct {
	part    *part
	calls   []*call
	answers []answer
	held    bool
}

// waves splits the calls of a tenant. A call comes after those before it that write what it
// touches, and not before those that read what it writes.
func waves(p *part) []*wave {
	first := &wave{part: p}
	if len(p.calls) == 1 {
		first.calls = p.calls
		return []*wave{first}
	}
	all := []*wave{first}
	read, wrote := map[string]int{}, map[string]int{} // the last wave that did, from 1
	for _, c := range p.calls {
		at := 1
		for _, t := range c.batch.touched {
			at = max(at, wrote[t.name]+1)
			if t.write {
				at = max(at, read[t.name])
			}
		}
		if at > len(all) {
			all = append(all, &wave{part: p})
		}
		all[at-1].calls = append(all[at-1].calls, c)
		for _, t := range c.batch.touched {
			if t.write {
				wrote[t.name] = at
			} else {
				read[t.name] = max(read[t.name], at)
			}
		}
	}
	return all
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

// build makes the statements of a group. Tenants come in the order of their names, so that
// transactions that insert several new ones do not wait for each other in a circle.
func (w *writer) build(ctx context.Context, conn *pgxpool.Conn, group []*part) (*transaction, error) {
	s := w.store
	c := s.session(conn.Conn())
	slices.SortFunc(group, func(a, b *part) int { return cmp.Compare(a.line.tenant, b.line.tenant) })
	t := new(transaction)
	var noted []string
	for _, p := range group {
		p.held = false
		for _, wave := range waves(p) {
			t.waves = append(t.waves, wave)
			batches := make([]*batch, len(wave.calls))
			for i, c := range wave.calls {
				batches[i] = c.batch
			}
			if err := c.add(ctx, &t.batch, sqlApply, applyArgs(false, s.opts.Schema, p.line.tenant, batches)); err != nil {
				return nil, err
			}
		}
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
	if err := pg.Conn().SetDeadline(now().Add(patience)); err != nil {
		return false, err
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
	if err := results.Close(); err != nil {
		return done == statements, err
	}
	if err := pg.Conn().SetDeadline(time.Time{}); err != nil {
		pg.Close(context.Background())
	}
	if fault || done < statements {
		return true, errReply
	}
	return true, nil
}

// read reads the result of one call of the function.
func (w *wave) read(r *reply) {
	if w.held = r.bool(); !w.held {
		w.answers = r.answers(len(w.calls))
	}
}

// answer answers the calls of a group that was committed, and keeps in its parts those whose
// tenants were held.
func (w *writer) answer(group []*part, t *transaction) {
	for _, p := range group {
		p.calls, p.held = nil, false
	}
	for _, wave := range t.waves {
		if wave.held {
			wave.part.held = true
			wave.part.calls = append(wave.part.calls, wave.calls...)
			continue
		}
		noted := false
		for i, c := range wave.calls {
			noted = noted || c.batch.noted && wave.answers[i].refusal == nil
			c.done <- wave.answers[i]
		}
		if noted {
			w.store.committed(wave.part.line.tenant)
		}
	}
}
