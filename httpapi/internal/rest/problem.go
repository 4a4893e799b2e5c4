package rest

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Problem is an error answer, before a family gives it its form.
type Problem struct {
	Status int
	Code   string // stable, e.g. "not-found": the last part of the native type URI
	Title  string // constant for a code
	Detail string // for people; no personal data

	Kind     string  // of a conflict: what the holder is, "user" or "group"
	Field    string  // of a conflict: what is taken
	HolderID string  // of a conflict: by whom
	Errors   []Field // the first faults of an invalid input, which has Total
	Total    int
	Cursor   string // of a list or feed that took too long: how far it came; "" for nowhere

	RequestID string // set when it is sent
	Instance  string // likewise
	Route     string // likewise: the method and pattern that matched, "" for none

	Header map[string]string // response headers

	cause error // for the log
}

// Field is one fault of an input.
type Field struct {
	Path    Path
	Code    string
	Message string
	Query   bool // of a parameter of the query or path, not a member of the body
}

// Path names a part of the input. It has the fields of enduser.Field, which converts to
// it.
type Path struct {
	Name   string // "email", "linked_accounts"; of an unknown member, the name in the request
	Key    string // in an object, the key; "" for the whole
	Item   int    // in a list, the item's number, from 1; 0 for the whole
	Member string // in an item, its member; "" for the whole
}

// Error implements error.
func (p *Problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("httpapi: %d %s: %v", p.Status, p.Code, p.cause)
	}
	return fmt.Sprintf("httpapi: %d %s", p.Status, p.Code)
}

// Because records the cause of the problem for the log. It is never sent.
func (p *Problem) Because(err error) *Problem {
	p.cause = err
	return p
}

// AsProblem returns the problem that an error is, or nil.
func AsProblem(err error) *Problem {
	p, _ := errors.AsType[*Problem](err)
	return p
}

// BadRequest is the problem of a request that cannot be understood.
func BadRequest(code, detail string) *Problem {
	return &Problem{Status: http.StatusBadRequest, Code: code, Title: "The request is not valid", Detail: detail}
}

// Invalid is the problem of an input with faults.
func Invalid(fields ...Field) *Problem { return invalid(fields, len(fields)) }

// invalid names the first of count faults.
func invalid(fields []Field, count int) *Problem {
	p := &Problem{
		Status: http.StatusBadRequest, Code: "invalid", Title: "The input is not valid",
		Detail: "See errors for what is wrong.", Errors: fields[:min(len(fields), maxFaults)], Total: count,
	}
	if count > len(p.Errors) {
		p.Detail = "See errors for the first " + strconv.Itoa(len(p.Errors)) + " of " + strconv.Itoa(count) + " faults."
	}
	return p
}

// Unauthorized is the problem of a credential that is missing or not valid, whatever the
// reason. The challenge is for WWW-Authenticate.
func Unauthorized(challenge string) *Problem {
	p := &Problem{
		Status: http.StatusUnauthorized, Code: "unauthorized", Title: "A valid credential is needed",
		Detail: "The credential is missing or not valid.",
	}
	if challenge != "" {
		p.Header = map[string]string{"WWW-Authenticate": challenge}
	}
	return p
}

// Forbidden is the problem of a credential that lacks a right.
func Forbidden() *Problem {
	return &Problem{
		Status: http.StatusForbidden, Code: "forbidden", Title: "The credential does not allow this",
		Detail: "The credential is valid but does not allow this.",
	}
}

// NotFound is the problem of a path, user or group that does not exist.
func NotFound() *Problem {
	return &Problem{
		Status: http.StatusNotFound, Code: "not-found", Title: "Not found", Detail: "There is nothing here.",
	}
}

// MethodNotAllowed is the problem of a path that has other methods. The answer has an
// Allow header.
func MethodNotAllowed() *Problem {
	return &Problem{
		Status: http.StatusMethodNotAllowed, Code: "method-not-allowed", Title: "Method not allowed",
		Detail: "See the Allow header for the methods that are allowed.",
	}
}

// TooLarge is the problem of a body over its limit.
func TooLarge(limit int64) *Problem {
	return &Problem{
		Status: http.StatusRequestEntityTooLarge, Code: "too-large", Title: "The body is too large",
		Detail: "A body may have at most " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

// TooManyRows is the problem of a body with more rows than one request may have.
func TooManyRows(limit int) *Problem {
	return &Problem{
		Status: http.StatusRequestEntityTooLarge, Code: "too-many-rows", Title: "Too many rows",
		Detail: "A request may have at most " + strconv.Itoa(limit) + " rows. Send them in several.",
	}
}

// UnsupportedMedia is the problem of a body that is not JSON in UTF-8.
func UnsupportedMedia() *Problem {
	return &Problem{
		Status: http.StatusUnsupportedMediaType, Code: "unsupported-media-type", Title: "Unsupported media type",
		Detail: "A body must be application/json in UTF-8.",
	}
}

// UnsupportedRows is the problem of a body that has no rows of JSON in UTF-8.
func UnsupportedRows() *Problem {
	p := UnsupportedMedia()
	p.Detail = "A body of rows must be application/x-ndjson, application/jsonl or application/json, in UTF-8, with or without gzip."
	return p
}

// UnsupportedForm is the problem of a body that has no fields of an HTML form.
func UnsupportedForm() *Problem {
	p := UnsupportedMedia()
	p.Detail = "A body must be " + formType + ", without Content-Encoding."
	return p
}

// PreconditionFailed is the problem of an If-Match or If-None-Match that fails.
func PreconditionFailed() *Problem {
	return &Problem{
		Status: http.StatusPreconditionFailed, Code: "precondition-failed", Title: "Precondition failed",
		Detail: "The version is not the one that the request expects.",
	}
}

// TooMany is the problem of a client over its rate.
func TooMany(wait time.Duration) *Problem {
	return &Problem{
		Status: http.StatusTooManyRequests, Code: "rate-limited", Title: "Too many requests",
		Detail: "Wait as long as Retry-After says.",
		Header: map[string]string{"Retry-After": retryAfter(wait)},
	}
}

// Unavailable is the problem of a server that cannot do its work now.
func Unavailable(code, detail string) *Problem {
	return &Problem{
		Status: http.StatusServiceUnavailable, Code: code, Title: "Temporarily unavailable", Detail: detail,
		Header: map[string]string{"Retry-After": "1"},
	}
}

// Internal is the problem of every unknown error.
func Internal() *Problem {
	return &Problem{
		Status: http.StatusInternalServerError, Code: "internal", Title: "Internal error",
		Detail: "Something went wrong in the server. Its log has the request ID.",
	}
}

// retryAfter returns whole seconds, rounded up and at least one (RFC 9110 section
// 10.2.3).
func retryAfter(wait time.Duration) string {
	seconds := int64((wait + time.Second - 1) / time.Second)
	return strconv.FormatInt(max(seconds, 1), 10)
}
