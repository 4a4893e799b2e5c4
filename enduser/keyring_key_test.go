package enduser_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestNewKey(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		id string
		ok bool
	}{
		"one byte": {"a", true}, "64 bytes": {strings.Repeat("x", 64), true}, "text": {"Schlüssel 2026/05 <a>", true},
		"none": {"", false}, "65 bytes": {strings.Repeat("x", 65), false}, "33 letters of two bytes": {strings.Repeat("é", 33), false},
		"control": {"a\n", false}, "NUL": {"\x00", false}, "not UTF-8": {"\xff", false}, "line separator": {"a\u2028", false},
	} {
		key, err := enduser.NewKey(c.id, [32]byte{1})
		if !c.ok {
			wantInvalid(t, name, err, "key_id invalid_value")
			if key.ID() != "" {
				t.Errorf("%s: a key beside the error", name)
			}
			continue
		}
		if err != nil || key.ID() != c.id || key.String() != "key "+c.id {
			t.Errorf("%s: %v, %q, %s", name, err, key.ID(), key)
		}
		// And it seals.
		acme := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(key)}).Tenant("acme")
		g := made(acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: "team"}))(t)
		must(acme.Groups().Reveal(t.Context(), g))(t)
	}
}

// The bytes that a key was made of can be wiped.
func TestNewKeyCopiesItsBytes(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	bytes := [32]byte{1, 2, 3}
	key := must(enduser.NewKey("k", bytes))(t)
	st := memory.New(nil)
	acme := enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(key)}).Tenant("acme")
	g := made(acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
	again := must(enduser.NewKey("k", bytes))(t)
	bytes[0] = 9
	must(enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(again)}).Tenant("acme").Groups().Reveal(ctx, g))(t)
	false1 := must(enduser.NewKey("k", bytes))(t)
	wantErr(t, "other bytes", second(enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(false1)}).Tenant("acme").Groups().Reveal(ctx, g)), enduser.ErrCorrupt)
}

func TestStaticKeyring(t *testing.T) {
	t.Parallel()
	ring := enduser.NewKeyring(testKey("k2"), testKey("k1"), testKey("k3"))
	if key := must(ring.SealingKey(t.Context(), epoch))(t); key.ID() != "k2" {
		t.Errorf("seals under %s", key)
	}
	for _, id := range []string{"k1", "k2", "k3"} {
		if key := must(ring.OpeningKey(t.Context(), id))(t); key.ID() != id {
			t.Errorf("opens %s with %s", id, key)
		}
	}
	for _, id := range []string{"", "k", "K1", "k4"} {
		wantErr(t, id, second(ring.OpeningKey(t.Context(), id)), enduser.ErrNoKey)
	}
}

// Secrets, keys and whatever holds them show none in prints, logs and JSON. That
// redact.Secret does not, under any verb, is tested in its own package.
func TestSecretsAndKeysAreRedacted(t *testing.T) {
	t.Parallel()
	const text, raw = "canary-5ecret", "canary-key-bytes-canary-key-byte"
	s := enduser.NewSecret(enduser.String(text))
	key := must(enduser.NewKey("k1", [32]byte([]byte(raw))))(t)
	spec := enduser.Spec{Sensitive: secrets{"k": s}}
	user := enduser.Edit{User: enduser.User{ID: "u1"}}
	user.SetSensitive("k", s)
	for name, v := range map[string]any{
		"secret": s, "null": enduser.Secret{}, "key": key, "keyring": enduser.NewKeyring(key), "spec": spec, "user": user,
		"pointer": &s, "pointer to a key": &key, "pointer to a user": &user,
		"unexported": struct {
			s enduser.Secret
			k enduser.Key
			r enduser.Keyring
			u enduser.Edit
		}{s, key, enduser.NewKeyring(key), user},
	} {
		showsNothing(t, name, v, text, raw)
	}
	if b, err := json.Marshal(spec.Sensitive); err != nil || string(b) != `{"k":"[redacted]"}` || fmt.Sprintf("%x", s) != "[redacted]" {
		t.Errorf("%s, %v, %x", b, err, s)
	}
	if s.IsNull() || !(enduser.Secret{}).IsNull() || !enduser.NewSecret(enduser.Null).IsNull() || s.String() != "[redacted]" {
		t.Error("IsNull or String")
	}
}

// A group shows its tokens nowhere, nor do references to it and errors about it.
func TestTokensAreRedacted(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	g, old, err := w.acme.Groups().Create(ctx, wholeSpec())
	if err != nil {
		t.Fatal(err)
	}
	g, token, err := w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), enduser.MaxOverlap)
	if err != nil {
		t.Fatal(err)
	}
	ref := enduser.GroupByToken(token)
	for name, v := range map[string]any{
		"group": g, "pointer": &g, "page": must(w.acme.Groups().List(ctx, enduser.GroupQuery{}))(t), "reference": ref, "pointer to a reference": &ref,
		"exported": struct{ Ref enduser.GroupRef }{ref}, "unexported": struct {
			g   enduser.Group
			ref enduser.GroupRef
		}{g, ref},
	} {
		showsNothing(t, name, v, token, old)
	}
	other := w.users.Tenant("umbrella").Groups()
	for name, err := range map[string]error{
		"another tenant":       second(other.Reveal(ctx, g)),
		"another's token":      second(other.Authenticate(ctx, token)),
		"no keyring":           second(enduser.New(memory.New(nil), nil).Tenant("acme").Groups().Reveal(ctx, g)),
		"the old token":        third(w.acme.Groups().Rotate(ctx, enduser.GroupByToken(old), 0)),
		"a broken token":       second(w.acme.Groups().Get(ctx, enduser.GroupByToken(token+"\n"))),
		"a token that is long": second(w.acme.Groups().Authenticate(ctx, strings.Repeat(token, 99))),
	} {
		checkError(t, name, err, token, old)
	}
	if text := logged(g); !strings.Contains(text, g.ID) || strings.Contains(text, "Team") || strings.Contains(text, "emea") {
		t.Errorf("the log of a group:\n%s", text)
	}
	if g.String() != "group "+g.ID || fmt.Sprintf("%#v", ref) != "enduser.GroupRef(token)" {
		t.Errorf("%s, %#v", g, ref)
	}
}
