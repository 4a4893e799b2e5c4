package archive

import (
	"errors"
	"fmt"

	"github.com/rollbook-go/rollbook/enduser"
)

// Version is the version of the format that this program writes, and the highest that it reads.
const Version = 1

// MaxRow is how long a line may be, in bytes. It has room for all that a row may contain.
const MaxRow = 4 << 20

// The errors of this package, for errors.Is. Their texts carry no personal data.
var (
	// ErrFormat: the file is not an archive: its first line is no header. Nothing was written.
	ErrFormat = errors.New("archive: not an archive")

	// ErrNewer: the archive is of a version that this program does not know. Nothing was
	// written.
	ErrNewer = errors.New("archive: of a newer version")

	// ErrIncomplete: the archive was cut off, or lines were added or taken away: the trailer is
	// missing, counts other rows, or is not the last line. The rows that are there were
	// imported or rejected. Import the whole archive.
	ErrIncomplete = errors.New("archive: incomplete")

	// ErrRow: a row is invalid: it is not JSON, has a member that the format does not have, or
	// one of another type.
	ErrRow = errors.New("archive: invalid row")

	// ErrExactIDs: external IDs were compared in another way than the schema of the tenant says
	// here; see ImportOptions.IgnoreExactIDs.
	ErrExactIDs = errors.New("archive: external IDs are compared in another way")
)

// RowError is the error of a row that was rejected.
type RowError struct {
	Line int // from 1
	Err  error
}

// Error implements error.
func (e *RowError) Error() string { return fmt.Sprintf("archive: line %d: %v", e.Line, e.Err) }

// Unwrap returns why the row was rejected.
func (e *RowError) Unwrap() error { return e.Err }

// Counts are numbers of rows of each type.
type Counts struct {
	Groups, Users, Sensitive, Webhooks int
}

// Rows returns the number of all rows.
func (c Counts) Rows() int { return c.Groups + c.Users + c.Sensitive + c.Webhooks }

// of returns the count of a type of row, nil if there is no such type.
func (c *Counts) of(kind string) *int {
	switch kind {
	case typeGroup:
		return &c.Groups
	case typeUser:
		return &c.Users
	case typeSensitive:
		return &c.Sensitive
	case typeWebhook:
		return &c.Webhooks
	}
	return nil
}

// The types of lines.
const (
	typeHeader    = "archive"
	typeGroup     = "group"
	typeUser      = "user"
	typeSensitive = "sensitive"
	typeWebhook   = "webhook"
	typeRejected  = "rejected" // only in a part; see ImportOptions.Rejected
	typeTrailer   = "end"
)

// place is the environment of a tenant that a row belongs to.
type place struct {
	tenant string
	env    enduser.Environment
	exact  bool
}

// handle returns the handle on a place.
func (p place) handle(m *enduser.Manager) enduser.Tenant {
	return m.Tenant(p.tenant).In(p.env).WithExactIDs(p.exact)
}
