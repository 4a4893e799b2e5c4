package manage

import (
	"errors"
	"fmt"
	"iter"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
)

// Actor is the flag that names who writes.
type Actor struct {
	Actor string `default:"rollbook" placeholder:"NAME" help:"Who the registry says has written."`
}

// listed writes the items of an iterator by row and ends the table. It goes on behind unreadable
// ones, and its error then says how many there were.
func listed[T any](table *cli.Table, all iter.Seq2[T, error], limit int, row func(*T) error) error {
	written, unreadable := 0, 0
	var first error
	for item, err := range all {
		if limit > 0 && written == limit {
			break
		}
		if _, one := errors.AsType[*enduser.UnreadableError](err); one {
			if unreadable++; first == nil {
				first = err
			}
			continue
		}
		if err != nil {
			return errors.Join(err, table.End())
		}
		written++
		if err := row(&item); err != nil {
			return err
		}
	}
	err := table.End()
	if err == nil && unreadable > 0 {
		err = cli.Exit(cli.Rejected, fmt.Errorf("%d cannot be read: %w", unreadable, first))
	}
	return err
}
