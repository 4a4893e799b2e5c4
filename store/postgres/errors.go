package postgres

import (
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rollbook-go/rollbook/store"
)

// ErrNewerSchema is returned by Open and New for a schema that a later version of this
// package has migrated. Nothing was changed. If that happens while a store is open, it is
// in the errors of all later calls, beside ErrUnavailable: of writes at once, of reads
// within a second.
var ErrNewerSchema = errors.New("the database has a newer schema than this version knows")

// SettingError is returned by Open and New for a server that may lose acknowledged writes
// because of a setting, unless Options.AllowUnsafe is set.
type SettingError struct {
	Setting string // e.g. "fsync"
	Value   string
}

// Error implements error.
func (e *SettingError) Error() string {
	return fmt.Sprintf("postgres: the server may lose acknowledged writes: %s is %s", e.Setting, e.Value)
}

// Codes of PostgreSQL's errors.
const (
	codeReadOnly        = "25006"
	codeNoStatement     = "26000"
	codeStatementExists = "42P05"
)

var errLost = errors.New("the connection is lost")

var errClosed = unavailable(errors.New("the store is closed"))

// unavailable returns the error of a call that failed and wrote nothing. It names the
// package, so that causes do not.
func unavailable(cause error) error {
	if errors.Is(cause, store.ErrUnavailable) {
		return cause
	}
	return fmt.Errorf("%w: postgres: %w", store.ErrUnavailable, cause)
}

// unknown returns the error of a call that may have written. It is not ErrUnavailable, too, though
// that is why nothing more is known.
func unknown(cause error) error {
	if errors.Is(cause, store.ErrUnavailable) {
		if e := pgError(cause); e != nil {
			cause = e
		} else {
			cause = errors.New(cause.Error())
		}
	}
	return fmt.Errorf("%w: postgres: %w", store.ErrUnknown, cause)
}

// pgError returns the error of the server in err, or nil.
func pgError(err error) *pgconn.PgError {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// fatal reports whether the server, or a pooler, has ended the connection with the error.
func fatal(e *pgconn.PgError) bool { return e.SeverityUnlocalized != "ERROR" }

// conflicting reports whether a transaction that failed with the error may succeed if it
// runs again: a serialization failure, a deadlock, or a lock that was not to be had.
func conflicting(e *pgconn.PgError) bool {
	return e.Code == "40001" || e.Code == "40P01" || e.Code == "55P03"
}

// missing reports whether the error may be due to a schema that has changed.
func missing(e *pgconn.PgError) bool {
	switch e.Code {
	case "42883", "42P01", "42703", "3F000", "0A000":
		return true
	}
	return false
}

// shutdown reports whether the server itself has ended the connection before or during a
// statement. A pooler has other codes, and does not know what the server has done.
func shutdown(e *pgconn.PgError) bool {
	return e.Code == "57P01" || e.Code == "57P02" || e.Code == "57P03"
}

// unsent is an error before anything of a transaction was sent. pgconn.SafeToRetry does not
// tell: it is true for a connection that was lost while the answer was awaited, too.
type unsent struct{ error }

func (u unsent) Unwrap() error { return u.error }

// outcome says what is known about a transaction that was sent.
type outcome uint8

const (
	committed    outcome = iota // or refused by the contract
	notCommitted                // and never will be
	uncertain
)

// outcomeOf returns the outcome of a transaction that ended with an error. finished says
// that all of its statements had ended: what was left was its COMMIT.
//
// The server sends its answers in their order, so that an error before the end of the last
// statement came before the COMMIT. One of severity ERROR, even from the COMMIT, means
// that the transaction was rolled back. A connection may break, or be ended, after a COMMIT.
func outcomeOf(err error, finished bool) outcome {
	if err == nil {
		return committed
	}
	if errors.As(err, new(unsent)) {
		return notCommitted
	}
	if e := pgError(err); e != nil && (!fatal(e) || !finished && shutdown(e)) {
		return notCommitted
	}
	return uncertain
}
