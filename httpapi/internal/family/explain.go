package family

import (
	"context"
	"errors"
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Explain turns an error of the domain into a problem. It returns nil for an unknown error.
// The paths of the problem's fields are the domain's.
func Explain(err error) *rest.Problem {
	if p := rest.AsProblem(err); p != nil {
		return p
	}
	if p := explainServer(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, enduser.ErrNotFound):
		return rest.NotFound()
	case errors.Is(err, enduser.ErrVersion):
		return rest.PreconditionFailed()
	case errors.Is(err, enduser.ErrAmbiguous):
		return &rest.Problem{
			Status: http.StatusConflict, Code: "ambiguous", Title: "Ambiguous",
			Detail: "Several users have this e-mail address.",
		}
	case errors.Is(err, enduser.ErrNotWritten):
		return &rest.Problem{
			Status: http.StatusFailedDependency, Code: "not-written", Title: "Not written",
			Detail: "All rows are written together, and another row failed.",
		}
	case errors.Is(err, enduser.ErrDisabled):
		return &rest.Problem{
			Status: http.StatusConflict, Code: "webhook-disabled", Title: "Disabled",
			Detail: "The webhook is disabled: nothing is sent to it. Enable it first.",
		}
	case errors.Is(err, enduser.ErrIdempotencyMismatch):
		return &rest.Problem{
			Status: http.StatusUnprocessableEntity, Code: "idempotency-mismatch", Title: "The idempotency key belongs to another request",
			Detail: "Another request was made with this Idempotency-Key. Take a new key for each request.",
		}
	case errors.Is(err, enduser.ErrInProgress):
		return &rest.Problem{
			Status: http.StatusConflict, Code: "idempotency-in-progress", Title: "In progress",
			Detail: "A request with this Idempotency-Key is running. Try again.",
			Header: map[string]string{"Retry-After": "1"},
		}
	case errors.Is(err, enduser.ErrTrimmed):
		return &rest.Problem{
			Status: http.StatusGone, Code: "trimmed", Title: "Changes are no longer kept",
			Detail: "The feed does not reach back to there, or the cursor is of a history that was lost. " +
				"To miss nothing, take the cursor of now, walk through the whole list, then read on from that cursor.",
		}
	}
	if conflict, ok := errors.AsType[*enduser.ConflictError](err); ok {
		return &rest.Problem{
			Status: http.StatusConflict, Code: "conflict", Title: "Belongs to another " + conflict.Kind,
			Detail: "What must be unique belongs to another " + conflict.Kind + ".",
			Kind:   conflict.Kind, Field: conflict.Field, HolderID: conflict.HolderID,
		}
	}
	if invalid, ok := errors.AsType[*enduser.InvalidError](err); ok {
		return explainInvalid(invalid)
	}
	return nil
}

// explainServer explains the errors that are not the client's fault.
func explainServer(err error) *rest.Problem {
	switch {
	case errors.Is(err, enduser.ErrUnknown): // first: it may wrap any of the others
		return rest.Unavailable("outcome-unknown", "The write may or may not have happened. Repeat it with its Idempotency-Key, or read before repeating it.")
	case errors.Is(err, enduser.ErrNoKey): // a retry does not help
		return (&rest.Problem{
			Status: http.StatusInternalServerError, Code: "no-key", Title: "A key is missing",
			Detail: "The server no longer has the key that the token was sealed under. Rotate the token.",
		}).Because(err)
	case errors.Is(err, enduser.ErrNewer): // a newer server can read it
		return rest.Unavailable("newer", "This was written by a newer version of the server than this one. Nothing was written.").
			Because(err)
	case errors.Is(err, enduser.ErrCorrupt):
		return (&rest.Problem{
			Status: http.StatusInternalServerError, Code: "corrupt", Title: "Damaged",
			Detail: "The record is damaged and cannot be read. It can be deleted.",
		}).Because(err)
	case errors.Is(err, enduser.ErrContended):
		return rest.Unavailable("contended", "Other writers keep changing this. Try again.")
	case errors.Is(err, enduser.ErrNoKeyring):
		return noKeyring()
	case errors.Is(err, enduser.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return rest.Unavailable("unavailable", "The store cannot be used now. Nothing was written.").Because(err)
	}
	return nil
}

// noKeyring is the problem of a server that was set up without a keyring. A retry does not
// help.
func noKeyring() *rest.Problem {
	return &rest.Problem{
		Status: http.StatusNotImplemented, Code: "no-keyring", Title: "Not set up",
		Detail: "The server has no keyring, which this needs. Nothing was written.",
	}
}

func explainInvalid(invalid *enduser.InvalidError) *rest.Problem {
	fields := make([]rest.Field, len(invalid.Violations))
	for i, v := range invalid.Violations {
		if v.Code == enduser.CodeCursor {
			return InvalidCursor()
		}
		fields[i] = rest.Field{Path: rest.Path(v.Field), Code: v.Code, Message: v.Message}
	}
	return rest.Invalid(fields...)
}

// InvalidCursor is the problem of a cursor that is malformed or of another list.
func InvalidCursor() *rest.Problem {
	return rest.BadRequest("invalid-cursor", "The cursor is not one of this list.")
}

// Placed returns err with each of its fields changed by place: for fields that came in the
// path or the query, or have other names in the body. It returns an error without fields as
// it is.
func Placed(err error, place func(*rest.Field)) error {
	p := Explain(err)
	if p == nil || len(p.Errors) == 0 {
		return err
	}
	for i := range p.Errors {
		place(&p.Errors[i])
	}
	return p
}

// Parameter is a place for Placed: the field is a parameter of the path or query.
func Parameter(f *rest.Field) { f.Query = true }
