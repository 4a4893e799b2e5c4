package family

import (
	"context"
	"errors"
	"log/slog"

	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Reading is a read that may have to skip many records, such as that of a page of a list. Its
// context ends after Host.ReadFor.
type Reading struct {
	Context context.Context //nolint:containedctx // of this read alone
	call    *Call
	end     context.CancelFunc
}

// Read begins a read. End ends it.
func (h *Host) Read(c *Call) Reading {
	ctx, end := context.WithTimeout(c.Request.Context(), h.ReadFor)
	return Reading{ctx, c, end}
}

// End frees what the read holds.
func (r Reading) End() { r.end() }

// Explain returns the error of a read. If the read ran out of time, that is the problem
// read-timeout with the cursor or position from which to continue; "" means none.
func (r Reading) Explain(err error, reached string) error {
	if !errors.Is(err, context.DeadlineExceeded) || r.Context.Err() == nil || r.call.Request.Context().Err() != nil {
		return err
	}
	p := rest.Unavailable("read-timeout", "Reading took too long. Try again, from the cursor if there is one.")
	p.Cursor = reached
	return p.Because(err)
}

// LogUnreadable logs the users or groups that a page left out because they cannot be read.
func LogUnreadable(c *Call, ids []string) {
	if len(ids) > 0 {
		c.Log(slog.LevelWarn, "a page leaves out what cannot be read", slog.Any("ids", ids))
	}
}
