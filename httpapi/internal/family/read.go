package family

import (
	"context"
	"errors"
	"log/slog"
	"net/http"

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

// Conditions returns what the request's If-Match and If-None-Match ask for, as conditions
// for the domain's calls. Every call that writes a user or a group gets them. The
// If-None-Match of a GET, which may write in a family whose vendor has it so, is left to
// ShowIfNew, whose answer is 304.
func Conditions(c *Call) []enduser.Condition {
	var conds []enduser.Condition
	p := c.Preconditions()
	switch {
	case p.IfMatch.Any:
		conds = append(conds, enduser.IfExists())
	case p.IfMatch.Given:
		conds = append(conds, enduser.IfVersion(versions(p.IfMatch)...))
	}
	switch {
	case c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead:
	case p.IfNoneMatch.Any:
		conds = append(conds, enduser.IfAbsent())
	case p.IfNoneMatch.Given:
		conds = append(conds, enduser.IfNotVersion(versions(p.IfNoneMatch)...))
	}
	return conds
}

// versions returns the versions that entity tags are made of. Nothing is at another.
func versions(tags rest.Tags) []enduser.Version {
	all := make([]enduser.Version, 0, len(tags.Versions))
	for _, text := range tags.Versions {
		if v, err := enduser.ParseVersion(text); err == nil {
			all = append(all, v)
		}
	}
	return all
}

// LogUnreadable logs which users or groups a page left out since they cannot be read.
func LogUnreadable(c *Call, ids []string) {
	if len(ids) > 0 {
		c.Log(slog.LevelWarn, "a page leaves out what cannot be read", slog.Any("ids", ids))
	}
}
