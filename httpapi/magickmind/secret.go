package magickmind

import (
	"encoding/json"
	"fmt"
	"log/slog"
)

// Secret is a password or token on its way between a client and the host. It shows
// itself nowhere, neither in prints under any verb, nor in logs, nor as JSON; Reveal
// alone returns it.
type Secret struct {
	// Behind two pointers: package fmt follows one where it cannot call Format, in
	// what holds a Secret in an unexported field.
	text **string
}

// NewSecret returns the secret of a text.
func NewSecret(text string) Secret {
	p := &text
	return Secret{&p}
}

// Reveal returns the text, "" for the zero Secret.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return **s.text
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
