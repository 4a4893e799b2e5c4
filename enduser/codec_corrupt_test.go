package enduser

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

// checkCorrupt decodes a body and reports whether it was refused. It must be, as
// ErrCorrupt, if must is set; it must be refused whole, and without quoting.
func checkCorrupt(t interface{ Errorf(string, ...any) }, what, body string, must bool) bool {
	u, err := decodeUser("acme", Customer, &store.Record{ID: "0123", Revision: 3, Created: 2, Data: []byte(body)})
	if err == nil {
		if must {
			t.Errorf("%s: accepted: %.200q", what, body)
		}
		return false
	}
	unreadable, ok := errors.AsType[*UnreadableError](err)
	if !ok || unreadable.Kind != "user" || unreadable.ID != "0123" || errors.Is(err, ErrCorrupt) == errors.Is(err, ErrNewer) {
		t.Errorf("%s: %v, want an UnreadableError that is an ErrCorrupt or ErrNewer", what, err)
	}
	if must && !errors.Is(err, ErrCorrupt) {
		t.Errorf("%s: %v, want ErrCorrupt", what, err)
	}
	if diff := cmp.Diff(User{}, u, compareUsers); diff != "" {
		t.Errorf("%s: a part of a user beside the error:\n%s", what, diff)
	}
	if strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), "Lovelace") {
		t.Errorf("%s: the error quotes the body: %v", what, err)
	}
	return true
}

// accepted checks that a body that was not refused is one that could have been
// written: nothing is lost when it is written back.
func accepted(t interface{ Errorf(string, ...any) }, what, body string) {
	r := store.Record{ID: "0123", Data: []byte(body)}
	u, err := decodeUser("acme", Customer, &r)
	if err != nil {
		return
	}
	w := writer{stamp: u.Version.stamp}
	if r, err = w.rewrite(r, &u); err != nil {
		if !errors.Is(err, ErrNewer) {
			t.Errorf("%s: what was read cannot be written: %v: %q", what, err, body)
		}
		return
	}
	again, err := decodeUser("acme", Customer, &r)
	if err != nil {
		t.Errorf("%s: what was read cannot be written and read: %v: %q", what, err, r.Data)
		return
	}
	u.normalizeEmpty()
	again.normalizeEmpty()
	if fields := changedFields(&u, &again); fields != nil {
		t.Errorf("%s: lost when written back: %v", what, fields)
	}
}

// normalizeEmpty makes empty and missing the same.
func (u *User) normalizeEmpty() {
	if len(u.Metadata) == 0 {
		u.Metadata = nil
	}
	if len(u.SystemProperties) == 0 {
		u.SystemProperties = nil
	}
}

func fullBody() string {
	u := fullUser()
	return string(bodyOf(&u))
}

func TestTruncatedBodies(t *testing.T) {
	t.Parallel()
	body := fullBody()
	for i := range len(body) {
		checkCorrupt(t, fmt.Sprintf("the first %d bytes", i), body[:i], true)
		if i > 0 {
			checkCorrupt(t, fmt.Sprintf("all but the first %d bytes", i), body[i:], true)
		}
	}
}

// Every bit of a body flipped, one at a time: refused, or a user that is whole. A
// letter that became another cannot be noticed without a checksum.
func TestFlippedBits(t *testing.T) {
	t.Parallel()
	body := fullBody()
	refused, total := 0, 0
	for i := range len(body) {
		for bit := range 8 {
			b := []byte(body)
			b[i] ^= 1 << bit
			total++
			what := fmt.Sprintf("bit %d of byte %d", bit, i)
			if checkCorrupt(t, what, string(b), false) {
				refused++
			} else {
				accepted(t, what, string(b))
			}
		}
	}
	if refused*3 < total {
		t.Errorf("%d of %d refused", refused, total)
	}
	t.Logf("%d of %d refused", refused, total)
}

func TestCorruptBodies(t *testing.T) {
	t.Parallel()
	body := fullBody()
	replace := func(old, with string) string {
		if !strings.Contains(body, old) {
			t.Fatalf("no %s in %s", old, body)
		}
		return strings.Replace(body, old, with, 1)
	}
	for name, text := range map[string]string{
		"empty":                   "",
		"space":                   "  ",
		"null":                    "null",
		"number":                  "1",
		"string":                  `"x"`,
		"array":                   "[" + body + "]",
		"trailing text":           body + "x",
		"trailing NUL":            body + "\x00",
		"two bodies":              body + body,
		"byte order mark":         "\ufeff" + body,
		"zeros":                   strings.Repeat("\x00", len(body)),
		"no version":              replace(`"r":1,"w":1,`, ""),
		"no reading version":      replace(`"r":1,`, ""),
		"no writing version":      replace(`"w":1,`, ""),
		"version 0":               replace(`"r":1`, `"r":0`),
		"version -1":              replace(`"r":1`, `"r":-1`),
		"writing version 0":       replace(`"w":1`, `"w":0`),
		"version 1.0":             replace(`"r":1`, `"r":1.0`),
		"version as text":         replace(`"r":1`, `"r":"1"`),
		"version null":            replace(`"w":1`, `"w":null`),
		"version twice":           replace(`"r":1`, `"r":1,"r":1`),
		"huge version":            replace(`"r":1`, `"r":99999999999999999999`),
		"unknown member, broken":  replace(`"w":1`, `"w":1,"canary":[1`),
		"unknown member twice":    replace(`"w":1`, `"w":1,"canary":1,"canary":1`),
		"stamp of 49 bits":        replace(`"stamp":1250999896491`, `"stamp":281474976710656`),
		"negative stamp":          replace(`"stamp":1250999896491`, `"stamp":-1`),
		"stamp as text":           replace(`"stamp":1250999896491`, `"stamp":"1250999896491"`),
		"member given twice":      replace(`"name":`, `"name":"x","name":`),
		"hidden duplicate":        replace(`"name":`, `"n\u0061me":"x","name":`),
		"metadata key twice":      replace(`"plan":`, `"plan":"canary","plan":`),
		"nested key twice":        replace(`"b":[1`, `"b":1,"b":[1`),
		"account twice typed":     replace(`{"type":"discord"`, `{"type":"x","type":"discord"`),
		"account of another type": replace(`{"type":"discord","id":"8035"}`, `"discord"`),
		"account null":            replace(`{"type":"discord","id":"8035"}`, `null`),
		"group of another type":   replace(`"staff"`, `1`),
		"lone surrogate":          replace("Ada Lovelace", `\ud800`),
		"invalid UTF-8":           replace("Ada Lovelace", "\xff"),
		"invalid UTF-8, metadata": replace(`"pro"`, "\"\xff\""),
		"control":                 replace("Ada Lovelace", "a\nb"),
		"number out of range":     replace("9007199254740993", "1e999"),
		"time as fraction":        replace("1700000000001", "1700000000001.5"),
		"time as text":            replace("1700000000001", `"2024"`),
		"time beyond 64 bits":     replace("1700000000001", "9999999999999999999"),
		"too deep":                replace(`"pro"`, strings.Repeat("[", 40)+strings.Repeat("]", 40)),
	} {
		checkCorrupt(t, name, text, true)
	}

	// Every member as every other type.
	var members map[string]json.RawMessage
	if err := json.Unmarshal([]byte(body), &members); err != nil {
		t.Fatal(err)
	}
	number := func(value string) bool { return value[0] >= '0' && value[0] <= '9' }
	for member, value := range members {
		for _, other := range []string{`"x"`, "7", "1.5", "true", "null", "[]", "[7]", "{}", `[{"type":1}]`} {
			same := other[0] == value[0] || (number(other) && number(string(value)) && other != "1.5")
			if same {
				continue
			}
			text := strings.Replace(body, fmt.Sprintf("%q:%s", member, value), fmt.Sprintf("%q:%s", member, other), 1)
			if text == body {
				t.Fatalf("no %s in the body", member)
			}
			checkCorrupt(t, member+" as "+other, text, true)
		}
	}
}

// An account has both its parts: half of one names no account.
func TestAccountsAreWhole(t *testing.T) {
	t.Parallel()
	for _, account := range []string{`{}`, `{"type":"t"}`, `{"id":"1"}`, `{"id":"1","x":1}`} {
		checkCorrupt(t, account, `{"r":1,"w":1,"linked_accounts":[`+account+`]}`, true)
	}
}

// Random damage: pieces cut out, doubled, exchanged and overwritten.
func TestMutatedBodies(t *testing.T) {
	t.Parallel()
	bodies := []string{fullBody()}
	for _, u := range goldenBodies() {
		bodies = append(bodies, string(bodyOf(&u)))
	}
	rapid.Check(t, func(t *rapid.T) {
		for i := range 10 { // times 100 checks
			b := []byte(rapid.SampledFrom(bodies).Draw(t, "body"))
			from := rapid.IntRange(0, len(b)-1).Draw(t, "from")
			to := min(len(b), from+rapid.IntRange(1, 40).Draw(t, "length"))
			piece := string(b[from:to])
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				b = append(b[:from:from], b[to:]...)
			case 1:
				b = append(b[:to:to], append([]byte(piece), b[to:]...)...)
			case 2:
				copy(b[from:to], rapid.SliceOfN(rapid.Byte(), to-from, to-from).Draw(t, "bytes"))
			default:
				at := rapid.IntRange(0, len(b)-1).Draw(t, "at")
				copy(b[at:], piece)
			}
			what := fmt.Sprint("mutation ", i)
			if !checkCorrupt(t, what, string(b), false) {
				accepted(t, what, string(b))
			}
		}
	})
}

func FuzzDecodeUser(f *testing.F) {
	for _, u := range goldenBodies() {
		f.Add(string(bodyOf(&u)))
	}
	for _, s := range []string{
		"", "{}", `{"r":1,"w":1}`, `{"r":2,"w":2}`, `{"r":1,"w":1,"more":[{}],"metadata":{"a":{"b":[1]}},"groups":["x"],"linked_accounts":[{"type":"t","id":"i"}]}`,
		`{"r":1,"w":1,"created_at":9223372036854775807}`, `{"r":1,"w":1,"name":"\ud800"}`, `{"r":1,"w":1,"metadata":{ "a" : 1 }}`, `{"r":1,"w":1,"metadata":{"a":null}}`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		if !checkCorrupt(t, "body", body, false) {
			accepted(t, "body", body)
		}
	})
}
