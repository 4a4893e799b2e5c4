package enduser

import (
	"encoding"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// opaqueText is what versions, cursors and positions have in common as texts.
type opaqueText interface {
	comparable
	fmt.Stringer
	encoding.TextMarshaler
}

// checkText checks a value's text: it is parsed as the value, by whichever way, and no
// other text is.
func checkText[T opaqueText](t *rapid.T, v T, parse func(string) (T, error)) {
	text := v.String()
	if got, err := parse(text); err != nil || got != v {
		t.Fatalf("%q of %+v is parsed as %+v, %v", text, v, got, err)
	}
	encoded, err := json.Marshal(map[string]T{"v": v})
	if want := fmt.Sprintf(`{"v":%q}`, text); err != nil || string(encoded) != want {
		t.Fatalf("as JSON %s, want %s, %v", encoded, want, err)
	}
	var back map[string]T
	if err := json.Unmarshal(encoded, &back); err != nil || back["v"] != v {
		t.Fatalf("%s is %+v, %v", encoded, back, err)
	}
	other := mutated(t, text)
	got, err := parse(other)
	switch {
	case err == nil && got.String() != other:
		t.Fatalf("%q is accepted, and %q is the text of what it is", other, got)
	case err == nil && got == v && other != text:
		t.Fatalf("%q and %q are the same value", other, text)
	case err != nil && (!errors.Is(err, ErrInvalid) || got != *new(T)):
		t.Fatalf("%q: %+v, %v", other, got, err)
	}
}

// mutated returns a text that is like another.
func mutated(t *rapid.T, text string) string {
	at := rapid.IntRange(0, len(text)).Draw(t, "at")
	piece := rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune("ABCabcxyz019-_")), 0, 3, -1),
		rapid.SampledFrom([]string{"=", "==", "+", "/", " ", "\n", "\r", "\x00", "é", "\xff"}),
	).Draw(t, "piece")
	end := min(len(text), at+rapid.IntRange(0, 3).Draw(t, "replaced"))
	return text[:at] + piece + text[end:]
}

func TestTextsOfVersions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := Version{
			revision: rapid.Int64Range(1, 1<<62).Draw(t, "revision"),
			stamp:    stamp(rapid.Uint64Max(1<<48-1).Draw(t, "stamp")),
		}
		if n := len(v.String()); n != 20 {
			t.Fatalf("%d characters", n)
		}
		appended, err := v.AppendText([]byte("x"))
		if err != nil || string(appended) != "x"+v.String() {
			t.Fatalf("appended: %s, %v", appended, err)
		}
		checkText(t, v, ParseVersion)
	})
}

func TestTextsOfCursors(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := Cursor{scope: scope(rapid.Uint64().Draw(t, "scope")) | 1}
		if rapid.Bool().Draw(t, "by deadline") {
			c.place = rapid.StringN(1, -1, 1024).Draw(t, "place")
		} else {
			c.at = rapid.Int64Range(0, 1<<62).Draw(t, "at")
		}
		checkText(t, c, ParseCursor)
	})
}

func TestTextsOfPositions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Position{
			scope:    scope(rapid.Uint64().Draw(t, "scope")) | 1,
			revision: rapid.Int64Range(0, 1<<62).Draw(t, "revision"),
		}
		if p.revision > 0 {
			p.stamp = stamp(rapid.Uint64Max(1<<48-1).Draw(t, "stamp"))
		}
		if n := len(p.String()); n != 31 {
			t.Fatalf("%d characters", n)
		}
		checkText(t, p, ParsePosition)
	})
}

// What no value has as its text is refused, and the empty text is that of zero.
func TestTextsOfNothing(t *testing.T) {
	t.Parallel()
	var bytes [64]byte
	bytes[0] = textVersion
	for n := range len(bytes) {
		checkNothing(t, n, bytes[:n], ParseVersion)
		checkNothing(t, n, bytes[:n], ParseCursor)
		checkNothing(t, n, bytes[:n], ParsePosition)
	}
	long := Cursor{scope: 1, place: strings.Repeat("x", 1600)}.String()
	if _, err := ParseCursor(long); !errors.Is(err, ErrInvalid) {
		t.Errorf("a cursor of %d characters: %v", len(long), err)
	}
}

func checkNothing[T opaqueText](t *testing.T, n int, raw []byte, parse func(string) (T, error)) {
	t.Helper()
	text := base64.RawURLEncoding.EncodeToString(raw)
	switch got, err := parse(text); {
	case n == 0 && (err != nil || got != *new(T) || got.String() != ""):
		t.Errorf("the empty text is %+v, %v", got, err)
	case n > 0 && err == nil && got.String() != text:
		t.Errorf("%d bytes: %q is accepted as %+v", n, text, got)
	}
}
