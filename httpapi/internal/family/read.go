package family

import (
	"context"
	"errors"
	"log/slog"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Reading is a read that may have to step over much, such as that of a page of a list.
// Its context ends after Host.ReadFor.
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

// Explain returns an error of the read. If it is that the time is over, it is the
// problem read-timeout, which says from where to go on: the text of a cursor or
// position, "" if there is none.
func (r Reading) Explain(err error, reached string) error {
	if !errors.Is(err, context.DeadlineExceeded) || r.Context.Err() == nil || r.call.Request.Context().Err() != nil {
		return err
	}
	p := rest.Unavailable("read-timeout", "Reading took too long. Try again, from the cursor if there is one.")
	p.Cursor = reached
	return p.Because(err)
}

// Conditions returns what the request's If-Match asks for: the conditions for the
// domain's calls.
func Conditions(c *Call) []enduser.Condition {
	texts, conditional := c.Matching()
	if !conditional {
		return nil
	}
	versions := make([]enduser.Version, 0, len(texts))
	for _, text := range texts {
		if v, err := enduser.ParseVersion(text); err == nil {
			versions = append(versions, v)
		}
	}
	return []enduser.Condition{enduser.IfVersion(versions...)}
}

// LogUnreadable logs which users or groups a page left out since they cannot be read.
func LogUnreadable(c *Call, ids []string) {
	if len(ids) > 0 {
		c.Log(slog.LevelWarn, "a page leaves out what cannot be read", slog.Any("ids", ids))
	}
}
