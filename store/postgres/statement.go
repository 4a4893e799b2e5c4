package postgres

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A limit or an array in a statement is a sub-select. PostgreSQL would otherwise make a plan
// for each call, which costs more than most calls: it takes one that knows how few rows
// there will be for better than one that does not.

// statement is a statement with the name under which connections prepare it. The name is
// a digest of the text, so that no other program gives it to another statement behind a
// pooler.
type statement struct{ name, sql string }

// statements are the statements of a store, in its schema.
type statements struct {
	schema string   // quoted
	binary []int16  // the format of all parameters and results
	made   sync.Map // by their text, which names the schema "rollbook"
}

// placeholder is how statements and migrations name the schema.
const placeholder = "rollbook."

func newStatements(schema string) *statements {
	return &statements{schema: pgx.Identifier{schema}.Sanitize() + ".", binary: []int16{1}}
}

// in returns a text with the schema's own name.
func (s *statements) in(text string) string { return strings.ReplaceAll(text, placeholder, s.schema) }

func (s *statements) get(text string) *statement {
	if st, ok := s.made.Load(text); ok {
		return st.(*statement) //nolint:forcetypeassert // nothing else is stored
	}
	sql := s.in(text)
	digest := sha256.Sum256([]byte(sql))
	st, _ := s.made.LoadOrStore(text, &statement{name: "rollbook_" + hex.EncodeToString(digest[:12]), sql: sql})
	return st.(*statement) //nolint:forcetypeassert // as above
}

// session runs statements on a connection, with parameters and results in the binary
// format, whatever the connection's own settings are.
type session struct {
	conn  *pgx.Conn
	texts *statements
	named bool // statements are prepared under their names and stay so
}

// row calls f for the first row of a result, and reports whether there is one.
func (c session) row(ctx context.Context, text string, a *args, f func(*reply)) (found bool, err error) {
	err = c.rows(ctx, text, a, func(r *reply) {
		if !found {
			found = true
			f(r)
		}
	})
	return found, err
}

// rows calls f for every row of a result.
func (c session) rows(ctx context.Context, text string, a *args, f func(*reply)) error {
	result, err := c.query(ctx, text, a)
	if err != nil {
		return err
	}
	fault := error(nil)
	for result.NextRow() {
		r := reply{row: result.Values()}
		f(&r)
		if r.fail {
			fault = errReply
		}
	}
	if _, err := result.Close(); err != nil {
		return err
	}
	return fault
}

func (c session) query(ctx context.Context, text string, a *args) (*pgconn.ResultReader, error) {
	st := c.texts.get(text)
	if !c.named {
		return c.conn.PgConn().ExecParams(ctx, st.sql, a.values(), nil, c.texts.binary, c.texts.binary), nil
	}
	prepared, err := c.conn.Prepare(ctx, st.name, st.sql)
	if err != nil {
		return nil, unsent{err}
	}
	return c.conn.PgConn().ExecStatement(ctx, prepared, a.values(), c.texts.binary, c.texts.binary), nil
}

// add adds a statement to a batch.
func (c session) add(ctx context.Context, b *pgconn.Batch, text string, a *args) error {
	st := c.texts.get(text)
	if !c.named {
		b.ExecParams(st.sql, a.values(), nil, c.texts.binary, c.texts.binary)
		return nil
	}
	prepared, err := c.conn.Prepare(ctx, st.name, st.sql)
	if err != nil {
		return unsent{err}
	}
	b.ExecStatement(prepared, a.values(), c.texts.binary, c.texts.binary)
	return nil
}
