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

	Kind     string  // conflicts: what the holder is, "user" or "group"
	Field    string  // conflicts: what is taken
	HolderID string  // conflicts: by whom
	Errors   []Field // what is wrong with the input: the first faults of Total
	Total    int
	Cursor   string // of a list or feed that took too long: the place reached; "" for none

	RequestID string // set when it is sent
	Instance  string // likewise
	Route     string // likewise: the method and pattern that matched, "" for none

	Header map[string]string // response headers

	cause error // for the log
}

// Field is one thing that is wrong with the input.
type Field struct {
	Path    Path
	Code    string
	Message string
	Query   bool // it is a parameter of the query or path, not a member of the body
}

// Path says which part of the input something is about. It has the form of the domain's
// field, whose value converts to it.
type Path struct {
	Name   string // "email", "linked_accounts"; whatever a request calls it, of what is unknown
	Key    string // of an object, the key; "" for the whole
	Item   int    // of a list, the item's number, from 1; 0 for the whole
	Member string // of an item, its member; "" for the whole
}

// Error implements error.
func (p *Problem) Error() string {
	if p.cause != nil {
		return fmt.Sprintf("httpapi: %d %s: %v", p.Status, p.Code, p.cause)
	}
	return fmt.Sprintf("httpapi: %d %s", p.Status, p.Code)
}

// Because records what led to the problem, for the log; it is never sent.
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

// Invalid is the problem of input that is understood and not allowed.
func Invalid(fields ...Field) *Problem { return invalid(fields, len(fields)) }

// invalid names the first of so many faults.
func invalid(fields []Field, count int) *Problem {
	p := &Problem{
		Status: http.StatusBadRequest, Code: "invalid", Title: "The input is not valid",
		Detail: "See errors for what is wrong.", Errors: fields[:min(len(fields), maxFaults)], Total: count,
	}
	if count > len(p.Errors) {
		p.Detail = "See errors for the first " + strconv.Itoa(len(p.Errors)) + " of " + strconv.Itoa(count) + " things that are wrong."
	}
	return p
}

// Unauthorized is the problem of a credential that is missing or unknown: one
// answer for every defect. The challenge is for WWW-Authenticate.
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

// NotFound is the problem of a path or thing that is not there.
func NotFound() *Problem {
	return &Problem{
		Status: http.StatusNotFound, Code: "not-found", Title: "Not found", Detail: "There is nothing here.",
	}
}

// MethodNotAllowed is the problem of a path that has other methods; the answer has
// Allow.
func MethodNotAllowed() *Problem {
	return &Problem{
		Status: http.StatusMethodNotAllowed, Code: "method-not-allowed", Title: "Method not allowed",
		Detail: "See the Allow header for the methods that are.",
	}
}

// TooLarge is the problem of a body over its limit.
func TooLarge(limit int64) *Problem {
	return &Problem{
		Status: http.StatusRequestEntityTooLarge, Code: "too-large", Title: "The body is too large",
		Detail: "A body may have " + strconv.FormatInt(limit, 10) + " bytes.",
	}
}

// UnsupportedMedia is the problem of a body that is not JSON in UTF-8.
func UnsupportedMedia() *Problem {
	return &Problem{
		Status: http.StatusUnsupportedMediaType, Code: "unsupported-media-type", Title: "Unsupported media type",
		Detail: "A body must be application/json in UTF-8.",
	}
}

// PreconditionFailed is the problem of an If-Match that does not hold.
func PreconditionFailed() *Problem {
	return &Problem{
		Status: http.StatusPreconditionFailed, Code: "precondition-failed", Title: "Precondition failed",
		Detail: "The version is not the one that the request expects.",
	}
}

// TooMany is the problem of a caller over its rate.
func TooMany(wait time.Duration) *Problem {
	return &Problem{
		Status: http.StatusTooManyRequests, Code: "rate-limited", Title: "Too many requests",
		Detail: "Wait as long as Retry-After says.",
		Header: map[string]string{"Retry-After": retryAfter(wait)},
	}
}

// Unavailable is the problem of a store that cannot be used now.
func Unavailable(code, detail string) *Problem {
	return &Problem{
		Status: http.StatusServiceUnavailable, Code: code, Title: "Temporarily unavailable", Detail: detail,
		Header: map[string]string{"Retry-After": "1"},
	}
}

// Internal is what is said of everything that is not known.
func Internal() *Problem {
	return &Problem{
		Status: http.StatusInternalServerError, Code: "internal", Title: "Internal error",
		Detail: "Something went wrong on our side; the request ID finds it in our log.",
	}
}

// retryAfter returns whole seconds, rounded up and at least one (RFC 9110 section
// 10.2.3).
func retryAfter(wait time.Duration) string {
	seconds := int64((wait + time.Second - 1) / time.Second)
	return strconv.FormatInt(max(seconds, 1), 10)
}
