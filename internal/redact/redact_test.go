package redact_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/redact"
)

// embedding is a type as its users make it.
type embedding struct{ hidden }

type hidden = redact.Secret[string]

// Nothing that holds a secret shows it, exported or not, under any verb.
func TestNothingShows(t *testing.T) {
	t.Parallel()
	s := redact.New("canary")
	for name, v := range map[string]any{
		"secret": s, "pointer": &s, "embedded": embedding{s}, "exported field": struct{ S embedding }{embedding{s}},
		"unexported field": struct{ s redact.Secret[string] }{s}, "deep": []any{map[string]any{"k": &embedding{s}}},
	} {
		var b bytes.Buffer
		for verb := range 0x7f - ' ' {
			for _, flags := range []string{"", "+", "#", "# ", "08.3"} {
				fmt.Fprintf(&b, "%"+flags+string(' '+verb), v)
			}
		}
		slog.New(slog.NewTextHandler(&b, nil)).Info("m", "v", v)
		slog.New(slog.NewJSONHandler(&b, nil)).Info("m", "v", v)
		text, err := json.Marshal(v)
		b.Write(text)
		if hex := fmt.Sprintf("%x", "canary"); err != nil || strings.Contains(b.String(), "canary") || strings.Contains(strings.ToLower(b.String()), hex) {
			t.Errorf("%s: %v, shown in %s", name, err, b.String())
		}
	}
	if got := fmt.Sprintf("%s %v", s, embedding{s}); got != "[redacted] [redacted]" {
		t.Error(got)
	}
	if got := redact.Reveal(s); got == nil || *got != "canary" {
		t.Error("a secret cannot be revealed")
	}
	if redact.Reveal(redact.Secret[string]{}) != nil {
		t.Error("the zero Secret holds something")
	}
}
