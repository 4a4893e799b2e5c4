package enduser

import "github.com/rollbook-go/rollbook/internal/redact"

// Secret is a sensitive value on its way into the store. It can be written and not read:
// it shows "[redacted]" in prints under any verb, in logs and as JSON. What was written
// comes back from [Tenant.RevealSensitive] alone.
type Secret struct{ hidden }

type hidden = redact.Secret[Value]

// NewSecret returns the secret of a value: a string that is not empty, an integer or
// a boolean. Null removes the value that is stored.
func NewSecret(v Value) Secret {
	if v.IsNull() {
		return Secret{}
	}
	return Secret{redact.New(v)}
}

// IsNull reports whether the secret removes a value.
func (s Secret) IsNull() bool { return s == Secret{} }

// reveal returns the value; null if the secret removes one.
func (s Secret) reveal() Value {
	if v := redact.Reveal(s.hidden); v != nil {
		return *v
	}
	return Null
}
