package enduser_test

import (
	"encoding/hex"
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
	_, err := enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(false1)}).Tenant("acme").Groups().Reveal(ctx, g)
	wantErr(t, "other bytes", err, enduser.ErrCorrupt)
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
		_, err := ring.OpeningKey(t.Context(), id)
		wantErr(t, id, err, enduser.ErrNoKey)
	}
}

// holder holds secrets as a host's types may, also where fmt cannot call methods.
type holder struct {
	Secret  enduser.Secret
	secret  enduser.Secret
	Map     map[string]enduser.Secret
	list    []enduser.Secret
	Pointer *enduser.Secret
	any     any
	Spec    enduser.Spec
}

// keyHolder holds keys likewise.
type keyHolder struct {
	Key  enduser.Key
	key  enduser.Key
	list []enduser.Key
	ring enduser.Keyring
}

// verbs are all that fmt has for values, with flags.
func verbs() []string { return flagged("vTtbcdoOqxXUeEfFgGsp") }

func flagged(verbs string) []string {
	var out []string
	for _, verb := range verbs {
		for _, flag := range []string{"", "+", "#", "-", " ", "0", "80", ".80", "+#"} {
			out = append(out, "%"+flag+string(verb))
		}
	}
	return out
}

// A secret and a key show themselves under no verb, in no log and in no JSON,
// wherever they stand.
func TestSecretsAndKeysAreRedacted(t *testing.T) {
	t.Parallel()
	const text = "canary-5ecret"
	s := enduser.NewSecret(enduser.String(text))
	bytes := [32]byte([]byte("canary-key-bytes-canary-key-byte"))
	key := must(enduser.NewKey("k1", bytes))(t)
	ring := enduser.NewKeyring(key)
	whole := holder{
		s, s, map[string]enduser.Secret{"k": s}, []enduser.Secret{s}, &s, s, enduser.Spec{Sensitive: secrets{"k": s}},
	}
	keys := keyHolder{key, key, []enduser.Key{key}, ring}
	user := enduser.Edit{User: enduser.User{ID: "u1"}}
	user.SetSensitive("k", s)
	hidden := []string{
		text, hex.EncodeToString([]byte(text)), strings.ToUpper(hex.EncodeToString([]byte(text))), reversed(text), "5ecret",
		string(bytes[:]), hex.EncodeToString(bytes[:]), strings.ToUpper(hex.EncodeToString(bytes[:])), "99 97 110 97 114 121", "63 61 6e 61 72 79",
		"0x63, 0x61, 0x6e", "143 141 156", "1100011 1100001 1101110",
	}
	check := func(what, shown string) {
		t.Helper()
		for _, h := range hidden {
			if strings.Contains(shown, h) {
				t.Errorf("%s shows a secret: %s", what, shown)
			}
		}
	}
	if shown := fmt.Sprintf("%d %s", bytes, text); !strings.Contains(shown, hidden[8]) || !strings.Contains(shown, hidden[0]) {
		t.Fatalf("%s: this test finds nothing", shown)
	}
	for name, v := range map[string]any{
		"secret": s, "pointer": &s, "key": key, "pointer to a key": &key, "keyring": ring, "list of keys": []enduser.Key{key},
		"struct with keys": keys, "pointer to a struct with keys": &keys,
		"struct": whole, "pointer to a struct": &whole, "spec": whole.Spec, "map": whole.Map, "null": enduser.Secret{}, "user": user, "pointer to a user": &user,
		"anonymous": struct {
			enduser.Secret
			s enduser.Secret
		}{s, s},
	} {
		for _, verb := range verbs() {
			check(name+" "+verb, fmt.Sprintf(verb, v))
		}
		check(name+" printed", fmt.Sprint(v))
		check(name+" in a log", logged(v))
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		check(name+" as JSON", string(b))
		check(name+" in an error", fmt.Errorf("failed: %v", v).Error())
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		if shown := fmt.Sprintf(verb, s); shown != "[redacted]" {
			t.Errorf("%s: %s", verb, shown)
		}
	}
	if b, err := json.Marshal(whole.Map); err != nil || string(b) != `{"k":"[redacted]"}` {
		t.Errorf("%s, %v", b, err)
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
	g := made(w.acme.Groups().Create(ctx, wholeSpec()))(t)
	old := must(w.acme.Groups().Reveal(ctx, g))(t)
	g = made(w.acme.Groups().Rotate(ctx, enduser.GroupByID(g.ID), enduser.MaxOverlap))(t)
	token := must(w.acme.Groups().Reveal(ctx, g))(t)
	check := func(what, shown string) {
		t.Helper()
		for _, h := range []string{token, old} {
			for how, spelling := range spellings(h) {
				if strings.Contains(shown, spelling) {
					t.Errorf("%s shows a token, %s: %s", what, how, shown)
				}
			}
		}
	}
	ref := enduser.GroupByToken(token)
	shown := map[string]any{
		"group": g, "pointer": &g, "list": []enduser.Group{g}, "page": must(w.acme.Groups().List(ctx, enduser.GroupQuery{}))(t),
		"unexported": struct{ g enduser.Group }{g}, "reference": ref, "pointer to a reference": &ref, "list of references": []enduser.GroupRef{ref},
		"exported reference": struct{ Ref enduser.GroupRef }{ref}, "unexported reference": struct{ ref enduser.GroupRef }{ref}, "spec": wholeSpec(),
	}
	for name, v := range shown {
		for _, verb := range verbs() {
			check(name+" "+verb, fmt.Sprintf(verb, v))
		}
		check(name+" in a log", logged(v))
		b, err := json.Marshal(v)
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
		check(name+" as JSON", string(b))
	}
	bare := enduser.New(memory.New(nil), nil).Tenant("acme")
	for name, err := range map[string]error{
		"another tenant":       second(w.users.Tenant("umbrella").Groups().Reveal(ctx, g)),
		"another's token":      second(w.users.Tenant("umbrella").Groups().Authenticate(ctx, token)),
		"no keyring":           second(bare.Groups().Reveal(ctx, g)),
		"the old token":        third(w.acme.Groups().Rotate(ctx, enduser.GroupByToken(old), 0)),
		"a broken token":       second(w.acme.Groups().Get(ctx, enduser.GroupByToken(token+"\n"))),
		"a token that is long": second(w.acme.Groups().Authenticate(ctx, strings.Repeat(token, 99))),
	} {
		if err == nil {
			t.Errorf("%s: no error", name)
		}
		check(name, fmt.Sprintf("%v %+v %#v %s", err, err, err, logged(err)))
	}
	if text := logged(g); !strings.Contains(text, g.ID) || strings.Contains(text, "Team") || strings.Contains(text, "emea") {
		t.Errorf("the log of a group:\n%s", text)
	}
	if g.String() != "group "+g.ID || fmt.Sprintf("%#v", ref) != "enduser.GroupRef(token)" {
		t.Errorf("%s, %#v", g, ref)
	}
}
