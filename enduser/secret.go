package enduser

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Secret is a sensitive value on its way into the store. It can be written and not
// read: it shows itself nowhere, neither in prints under any verb, nor in logs, nor
// as JSON. What was written comes back from [Tenant.RevealSensitive] alone.
type Secret struct {
	// Behind two pointers, so that prints of what holds it show an address: for verbs
	// that a pointer does not have fmt follows the first.
	value **Value
}

// NewSecret returns the secret of a value: a string that is not empty, an integer or
// a boolean. Null removes what is there.
func NewSecret(v Value) Secret {
	if v.IsNull() {
		return Secret{}
	}
	p := &v
	return Secret{&p}
}

const redacted = "[redacted]"

// String returns "[redacted]".
func (Secret) String() string { return redacted }

// Format implements fmt.Formatter; see String.
func (Secret) Format(s fmt.State, _ rune) { _, _ = s.Write([]byte(redacted)) }

// LogValue implements slog.LogValuer; see String.
func (Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON implements json.Marshaler; see String.
func (Secret) MarshalJSON() ([]byte, error) { return json.Marshal(redacted) }

// IsNull reports whether the secret removes a value.
func (s Secret) IsNull() bool { return s.value == nil }
