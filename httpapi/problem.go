package httpapi

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// ProblemType is what the type members of problems begin with; the problem's code
// follows.
const ProblemType = "urn:rollbook:problem:"

// WriteError answers a request with an error in the form of the native routes, for
// middleware of the host: an error of package enduser, ErrUnauthorized,
// ErrForbidden, or any other, which becomes a 500 that says nothing. The request
// ID is the one that the response headers have already, if any.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	p := explain(err)
	if p == nil {
		p = rest.Internal()
	}
	said := *p
	said.RequestID = w.Header().Get("X-Request-Id")
	said.Instance = strings.ToValidUTF8(r.URL.Path, "\ufffd")
	for name, value := range said.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(said.Status)
	_, _ = w.Write(appendProblem(nil, &said)) // who went away gets nothing
}

// explain turns an error of the domain into a problem; nil if it is not known.
func explain(err error) *rest.Problem {
	if p := rest.AsProblem(err); p != nil {
		return p
	}
	switch {
	case errors.Is(err, ErrUnauthorized):
		return rest.Unauthorized(challenge)
	case errors.Is(err, ErrForbidden):
		return rest.Forbidden()
	case errors.Is(err, enduser.ErrUnknown): // first: it may wrap any of the others
		return rest.Unavailable("outcome-unknown", "The write may or may not have happened. Read before repeating it.")
	case errors.Is(err, enduser.ErrNoKey): // no trying again helps
		return (&rest.Problem{
			Status: http.StatusInternalServerError, Code: "no-key", Title: "A key is gone",
			Detail: "The server no longer has the key that the token was sealed under. Rotate the token.",
		}).Because(err)
	case errors.Is(err, enduser.ErrNotFound):
		return rest.NotFound()
	case errors.Is(err, enduser.ErrAmbiguous):
		return &rest.Problem{
			Status: http.StatusConflict, Code: "ambiguous", Title: "Ambiguous",
			Detail: "Several users have this e-mail address.",
		}
	case errors.Is(err, enduser.ErrContended):
		return rest.Unavailable("contended", "Others keep changing this. Try again.")
	case errors.Is(err, enduser.ErrTrimmed):
		return &rest.Problem{
			Status: http.StatusGone, Code: "trimmed", Title: "Changes are no longer kept",
			Detail: "The feed does not reach back to this cursor. Read everything anew.",
		}
	case errors.Is(err, enduser.ErrNoKeyring):
		return noKeyring()
	case errors.Is(err, enduser.ErrUnavailable), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return rest.Unavailable("unavailable", "The store cannot be used now. Nothing was written.").Because(err)
	}
	if conflict, ok := errors.AsType[*enduser.ConflictError](err); ok {
		holder := "user"
		if conflict.Field == "provided_id" {
			holder = "group"
		}
		return &rest.Problem{
			Status: http.StatusConflict, Code: "conflict", Title: "Belongs to another " + holder,
			Detail: "What must be unique belongs to another " + holder + ".",
			Field:  conflict.Field, HolderID: conflict.HolderID,
		}
	}
	if invalid, ok := errors.AsType[*enduser.InvalidError](err); ok {
		fields := make([]rest.Field, len(invalid.Violations))
		for i, v := range invalid.Violations {
			fields[i] = rest.Field{Pointer: v.Field, Code: v.Code, Message: v.Message}
		}
		return rest.Invalid(fields...)
	}
	return nil
}

// noKeyring is the problem of a server that was set up without the means to keep
// secrets: it will be the same until somebody sets it up with them.
func noKeyring() *rest.Problem {
	return &rest.Problem{
		Status: http.StatusNotImplemented, Code: "no-keyring", Title: "Not set up",
		Detail: "The server has no keyring, which this needs. Nothing was written.",
	}
}

// appendProblem writes a problem as RFC 9457 has it.
func appendProblem(b []byte, p *rest.Problem) []byte {
	b = append(b, `{"type":"`+ProblemType...)
	b = append(b, p.Code...)
	b = jsontext.AppendString(append(b, `","title":`...), p.Title)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(p.Status), 10)
	b = jsontext.AppendString(append(b, `,"detail":`...), p.Detail)
	b = jsontext.AppendString(append(b, `,"instance":`...), p.Instance)
	b = jsontext.AppendString(append(b, `,"code":`...), p.Code)
	b = jsontext.AppendString(append(b, `,"request_id":`...), p.RequestID)
	if p.Field != "" {
		b = jsontext.AppendString(append(b, `,"field":`...), p.Field)
		b = jsontext.AppendString(append(b, `,"holder_id":`...), p.HolderID)
	}
	if len(p.Errors) > 0 {
		b = append(b, `,"errors":[`...)
		for i, f := range p.Errors {
			if i > 0 {
				b = append(b, ',')
			}
			if f.Query {
				b = jsontext.AppendString(append(b, `{"parameter":`...), f.Pointer)
			} else {
				b = jsontext.AppendString(append(b, `{"pointer":`...), pointer(f.Pointer))
			}
			b = jsontext.AppendString(append(b, `,"code":`...), f.Code)
			b = jsontext.AppendString(append(b, `,"message":`...), f.Message)
			b = append(b, '}')
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// pointer turns the name that the domain gives a field into a JSON pointer (RFC
// 6901): linked_accounts[0].type is /linked_accounts/0/type, and "" the whole body.
func pointer(field string) string {
	if field == "" {
		return ""
	}
	escape := strings.NewReplacer("~", "~0", "/", "~1")
	if name, key, ok := strings.Cut(field, "."); ok && !strings.Contains(name, "[") {
		return "/" + name + "/" + escape.Replace(key) // a metadata key, whatever is in it
	}
	return "/" + strings.NewReplacer("[", "/", "]", "", ".", "/").Replace(field)
}
