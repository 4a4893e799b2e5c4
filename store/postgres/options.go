package postgres

import (
	"errors"
	"log/slog"
	"strings"
	"unicode/utf8"

	"github.com/rollbook-go/rollbook/store"
)

// Options are the settings of a Store. Zero values are the defaults.
type Options struct {
	// Schema is the name of the schema that has the tables; default "rollbook". Open and
	// New make it if it is missing. Stores with different schemas share nothing. A name
	// has at most 63 bytes and no "$".
	Schema string

	// Writers is the number of transactions that the store writes at once, each on a
	// connection of the pool. All calls that wait for a writer share its next transaction.
	// Default 4, and at most half of the pool's connections.
	Writers int

	// Notify makes every transaction that changes a feed send one NOTIFY, so that
	// [Store.Wait] in other processes returns within milliseconds, not at its next poll.
	// PostgreSQL lets transactions with a NOTIFY commit one at a time. Every role of the
	// database can listen: it gets hashes of the tenants' names, not the names.
	Notify bool

	// ListenDSN is where Wait listens if Notify is set: a server that it reaches directly,
	// if the pool goes through PgBouncer. Default: where the pool connects.
	ListenDSN string

	// AllowUnsafe opens a server whose settings may lose acknowledged writes. Without it
	// Open and New return a [*SettingError] for such a server.
	AllowUnsafe bool

	// Logger gets failed transactions and, once, the reason why the store must be closed and
	// opened again. Default: nothing is logged.
	Logger *slog.Logger

	// Observer gets calls, transactions and retries. Default: none.
	Observer *store.Observer
}

const (
	defaultSchema  = "rollbook"
	defaultWriters = 4

	// maxSchema is how long a name is in PostgreSQL; it cuts off what is longer.
	maxSchema = 63
)

func (o *Options) withDefaults() (Options, error) {
	var v Options
	if o != nil {
		v = *o
	}
	if v.Schema == "" {
		v.Schema = defaultSchema
	}
	if len(v.Schema) > maxSchema || !utf8.ValidString(v.Schema) || strings.ContainsAny(v.Schema, "\x00$") {
		return v, errors.New("postgres: Options.Schema: not a name of at most 63 bytes without $")
	}
	if v.Writers < 0 {
		return v, errors.New("postgres: Options.Writers must not be negative")
	}
	if v.Writers == 0 {
		v.Writers = defaultWriters
	}
	if v.Logger == nil {
		v.Logger = slog.New(slog.DiscardHandler)
	}
	return v, nil
}
