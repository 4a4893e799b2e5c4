package magickmind

import "github.com/rollbook-go/rollbook/internal/redact"

// Secret is a password or token on its way between a client and the host. It shows
// "[redacted]" in prints under any verb, in logs and as JSON.
type Secret struct{ hidden }

type hidden = redact.Secret[string]

// NewSecret returns the secret of a text.
func NewSecret(text string) Secret { return Secret{redact.New(text)} }

// Reveal returns the text, "" for the zero Secret.
func (s Secret) Reveal() string {
	if text := redact.Reveal(s.hidden); text != nil {
		return *text
	}
	return ""
}
