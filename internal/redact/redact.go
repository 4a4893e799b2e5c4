// Package redact keeps a secret from showing itself.
package redact

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds a T and shows "[redacted]": in prints under any verb, in logs and as JSON.
// [Reveal] alone returns the T. The zero Secret holds none.
type Secret[T any] struct {
	// Package fmt calls no methods of unexported fields, and follows one pointer where a
	// verb does not fit it. It shows the address of the second.
	value **T
}

// New returns a secret.
func New[T any](value T) Secret[T] {
	p := &value
	return Secret[T]{&p}
}

// Reveal returns what a secret holds, nil for none. It is no method, so that types which
// embed a Secret do not have it.
func Reveal[T any](s Secret[T]) *T {
	if s.value == nil {
		return nil
	}
	return *s.value
}

// String returns "[redacted]".
func (Secret[T]) String() string { return redacted }

// Format implements fmt.Formatter; see String.
func (Secret[T]) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer; see String.
func (Secret[T]) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements json.Marshaler; see String.
func (Secret[T]) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }
