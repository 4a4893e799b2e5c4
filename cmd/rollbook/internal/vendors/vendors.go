// Package vendors reads the users of other products, from files and from their APIs, in the form
// in which the registry imports them.
//
// A [Source] yields a [Row] for each user or group. [File] reads what people have saved: one
// object on each line, an array of objects, or the answers of the vendor's list route as they
// came. [API] asks the vendor itself. Import the rows under [Format.Policy], so that the users
// afterwards are what that vendor's family of routes (httpapi/ada and the others) would have made.
//
// Each user keeps the ID by which the vendor's API knows it, so clients that have stored it go on
// working on that family's routes.
package vendors

import (
	"context"
	"iter"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/ada"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/httpapi/magickmind"
	"github.com/rollbook-go/rollbook/httpapi/sensay"
)

// Format is the product whose JSON is read.
type Format string

// The formats.
const (
	Ada        Format = "ada"        // end users
	Explo      Format = "explo"      // user groups, and the customers that came after them: groups
	MagickMind Format = "magickmind" // end users
	Sensay     Format = "sensay"     // users; their id becomes the external ID, as on Sensay's routes
)

// Policy returns the policy of the vendor's family of routes, under which rows are to be written.
func (f Format) Policy() enduser.Policy {
	switch f {
	case Ada:
		return ada.Policy()
	case Explo:
		return explo.Policy()
	case MagickMind:
		return magickmind.Policy()
	case Sensay:
		return sensay.Policy()
	}
	return enduser.Policy{}
}

// Row is a user or a group. Exactly one of User, Group and Err is set.
type Row struct {
	At string // where it was read: "line 7", or "page 3, row 7"
	ID string // that the vendor gave it; "" if it could not be read

	User  *enduser.Import
	Group *enduser.GroupImport

	// Environment is the one that the row names; "" if it names none. Only Explo's do.
	Environment enduser.Environment

	// Err is why this row alone cannot be read. It has no personal data.
	Err error

	// Text is the row as it came, in JSON on one line; "" if it is no text.
	Text string

	// Position is what After takes to go on behind this row. It may go on with some rows before
	// it, which are imported again and change nothing.
	Position string
}

// Source reads rows.
type Source interface {
	// Rows returns all rows, in their order. It can be walked once. It waits for a vendor that is
	// slow, or refuses for a while. A row with an Err is no end.
	Rows(ctx context.Context) iter.Seq[Row]

	// Err returns why no further row can be read, once Rows has ended; nil if there is none. It
	// is the error of the context if that ended.
	Err() error

	// Total returns how many rows there are in all, if the vendor has said so by now; else 0.
	Total() int64
}
