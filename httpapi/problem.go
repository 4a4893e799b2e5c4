package httpapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// ProblemType is the beginning of a problem's type. The problem's code follows it.
const ProblemType = "urn:rollbook:problem:"

// WriteError answers a request with an error in the form of the native routes. It is for
// middleware of the host. It knows the errors of package enduser, ErrUnauthorized and
// ErrForbidden; any other becomes a 500 that does not show it. The request ID is the one
// that the response headers have already, if any.
func WriteError(w http.ResponseWriter, r *http.Request, err error) {
	p := explain(err)
	if p == nil {
		p = rest.Internal()
	}
	said := *p
	said.RequestID = w.Header().Get("X-Request-Id")
	said.Instance = rest.Instance(r)
	for name, value := range said.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(said.Status)
	_, _ = w.Write(appendProblem(nil, &said)) // a client that left gets nothing
}

// explain is family.Explain for the errors of middleware, too.
func explain(err error) *rest.Problem {
	switch {
	case errors.Is(err, ErrUnauthorized):
		return rest.Unauthorized(challenge)
	case errors.Is(err, ErrForbidden):
		return rest.Forbidden()
	default:
		return family.Explain(err)
	}
}

// appendProblem writes a problem in the form of RFC 9457.
func appendProblem(b []byte, p *rest.Problem) []byte { return appendProblemOf(b, p, true) }

// appendRowProblem writes the problem of a row or reference, without what is the request's.
func appendRowProblem(b []byte, p *rest.Problem) []byte { return appendProblemOf(b, p, false) }

func appendProblemOf(b []byte, p *rest.Problem, request bool) []byte {
	b = append(b, `{"type":"`+ProblemType...)
	b = append(b, p.Code...)
	b = jsontext.AppendString(append(b, `","title":`...), p.Title)
	b = strconv.AppendInt(append(b, `,"status":`...), int64(p.Status), 10)
	b = jsontext.AppendString(append(b, `,"detail":`...), p.Detail)
	if request {
		b = jsontext.AppendString(append(b, `,"instance":`...), p.Instance)
	}
	b = jsontext.AppendString(append(b, `,"code":`...), p.Code)
	if request {
		b = jsontext.AppendString(append(b, `,"request_id":`...), p.RequestID)
	}
	if p.Field != "" {
		b = jsontext.AppendString(append(b, `,"field":`...), p.Field)
	}
	if p.HolderID != "" {
		b = jsontext.AppendString(append(b, `,"holder_id":`...), p.HolderID)
	}
	if p.Cursor != "" {
		b = jsontext.AppendString(append(b, `,"cursor":`...), p.Cursor)
	}
	if len(p.Errors) > 0 {
		b = jsontext.AppendList(append(b, `,"errors":`...), p.Errors, appendField)
	}
	return append(b, '}')
}

func appendField(b []byte, f rest.Field) []byte {
	if f.Query {
		b = jsontext.AppendString(append(b, `{"parameter":`...), enduser.Field(f.Path).String())
	} else {
		b = jsontext.AppendString(append(b, `{"pointer":`...), pointer(f.Path))
	}
	b = jsontext.AppendString(append(b, `,"code":`...), f.Code)
	b = jsontext.AppendString(append(b, `,"message":`...), f.Message)
	return append(b, '}')
}

// pointer returns a path as a JSON pointer (RFC 6901); "" is the whole body.
func pointer(path rest.Path) string {
	var b []byte
	token := func(text string) {
		if text != "" {
			b = append(append(b, '/'), strings.NewReplacer("~", "~0", "/", "~1").Replace(text)...)
		}
	}
	token(path.Name)
	if path.Item > 0 {
		b = strconv.AppendInt(append(b, '/'), int64(path.Item-1), 10)
	}
	token(path.Key)
	token(path.Member)
	return string(b)
}
