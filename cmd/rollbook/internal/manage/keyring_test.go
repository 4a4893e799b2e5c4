package manage_test

import (
	"encoding/json"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

// key is a key as keyring show prints it.
type key struct {
	ID, Kind, Made, Until string
	Secrets               *int
}

// keys runs keyring show.
func (p *place) keys(t *testing.T, args ...string) []key {
	t.Helper()
	var keys []key
	dec := json.NewDecoder(strings.NewReader(p.ok(t, append([]string{"keyring", "show", "-json"}, args...)...)))
	for dec.More() {
		var k key
		if err := dec.Decode(&k); err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// kinds returns the kinds of the keys by their IDs.
func (p *place) kinds(t *testing.T, args ...string) map[string]string {
	t.Helper()
	kinds := make(map[string]string)
	for _, k := range p.keys(t, args...) {
		kinds[k.ID] = k.Kind
	}
	return kinds
}

// id runs a command whose result names a key.
func (p *place) id(t *testing.T, args ...string) string {
	t.Helper()
	var k key
	if err := json.Unmarshal([]byte(p.ok(t, append(args, "-json")...)), &k); err != nil || k.ID == "" {
		t.Fatalf("%q names the key %q, %v", args, k.ID, err)
	}
	return k.ID
}

// TestRotate follows the steps of a rotation beside a server.
func TestRotate(t *testing.T) {
	p := newPlace(t)
	acme := p.users.Tenant("acme")
	create := func(name string) {
		t.Helper()
		if _, _, err := acme.Groups().Create(t.Context(), enduser.GroupSpec{ExternalID: name}); err != nil {
			t.Fatal(err)
		}
	}
	create("one")
	old := p.keys(t)[0].ID
	next := p.id(t, "keyring", "add")
	if kinds := p.kinds(t); len(kinds) != 2 || kinds[old] != "primary" || kinds[next] != "durable" {
		t.Errorf("after add: %v", kinds)
	}
	wantText(t, p.ok(t, "keyring", "backup", "-o", "@copy"), "file  "+p.path("copy"))
	if info, err := os.Stat(p.path("copy")); err != nil || info.Mode() != 0o600 {
		t.Errorf("the copy has mode %v, %v", info.Mode(), err)
	}
	p.fails(t, cli.Refused, "is the primary", "keyring", "retire", old)
	wantText(t, p.ok(t, "keyring", "promote", next), "promoted  "+next)
	create("two")
	p.fails(t, cli.Refused, "secrets sealed under the key: 1;", "keyring", "retire", old)
	if kinds := p.kinds(t); kinds[old] != "durable" || kinds[next] != "primary" {
		t.Errorf("after promote: %v", kinds)
	}
	if a := p.run(t, "keyring", "reseal"); a != (answer{0, "records sealed anew  1\n", "secrets looked at: 2\n"}) {
		t.Errorf("reseal: %v", a)
	}
	wantText(t, p.run(t, "keyring", "reseal", "-json").stdout, `{"resealed":0}`)
	keys := p.keys(t, "-count")
	if len(keys) != 2 || *keys[0].Secrets != 0 || *keys[1].Secrets != 2 {
		t.Errorf("after reseal: %v", keys)
	}
	wantText(t, p.ok(t, "keyring", "retire", old), "retired  "+old)
	if kinds := p.kinds(t); len(kinds) != 1 || kinds[next] != "primary" {
		t.Errorf("after retire: %v", kinds)
	}
	for g, err := range acme.Groups().All(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := acme.Groups().Reveal(t.Context(), g); err != nil {
			t.Errorf("the token of %s: %v", g.ExternalID, err)
		}
	}
	// The copy from before opens what was sealed then.
	if kinds := p.kinds(t, "-keyring", "shared:"+p.path("copy")); len(kinds) != 2 || kinds[old] != "primary" {
		t.Errorf("the copy has %v", kinds)
	}
}

func TestKeyringShow(t *testing.T) {
	p := newPlace(t)
	if _, err := p.users.Tenant("acme").Create(t.Context(), enduser.Spec{
		Name: "Ann", Sensitive: map[string]enduser.Secret{"pin": enduser.NewSecret(enduser.String("1234"))},
	}); err != nil {
		t.Fatal(err)
	}
	text := p.ok(t, "keyring", "show", "-count")
	want := regexp.MustCompile(`^KEY +KIND +MADE +UNTIL +SECRETS
k-[0-9a-f]{16} +primary +2026-09-21T14:30:00Z +- +0
e2026092114-[0-9a-f]{16} +of an hour +2026-09-21T14:30:00Z +2026-09-22T15:00:00Z +1
$`)
	if !want.MatchString(text) {
		t.Errorf("printed\n%s", text)
	}
	hour := p.keys(t)[1].ID
	p.fails(t, cli.Refused, "epoch key", "keyring", "promote", hour)
	p.fails(t, cli.Refused, "epoch key", "keyring", "retire", hour)
	// Another keyring does not have the keys of the store.
	p.ok(t, "keyring", "new", "-keyring", p.path("other"))
	keys := p.keys(t, "-count", "-keyring", p.path("other"))
	if len(keys) != 2 || keys[0].Kind != "primary" || *keys[0].Secrets != 0 || keys[1].Kind != "missing" || *keys[1].Secrets != 1 {
		t.Errorf("of another keyring: %v", keys)
	}
}

func TestKeyringNew(t *testing.T) {
	p := newPlace(t)
	text := p.ok(t, "keyring", "new", "-keyring", "shared:"+p.path("ring"))
	if want := regexp.MustCompile(`^file  ` + p.path("ring") + `\nkey   k-[0-9a-f]{16}\n$`); !want.MatchString(text) {
		t.Errorf("printed %q", text)
	}
	if _, err := keyfile.OpenShared(p.path("ring")); err != nil {
		t.Error(err)
	}
	p.fails(t, cli.Refused, "exists", "keyring", "new")
	p.fails(t, cli.Refused, "exists", "keyring", "new", "-keyring", "shared:"+p.path("ring"))
	p.fails(t, cli.Failed, "-keyring", "keyring", "new", "-keyring", p.path("nowhere/ring"))
	p.fails(t, cli.Usage, "-keyring", "keyring", "new", "-keyring", "none")
	p.fails(t, cli.Usage, "-keyring", "keyring", "new", "-keyring", "shared:")
}

// TestKeyringRefuses: what is not there is not made, and what is there not written over.
func TestKeyringRefuses(t *testing.T) {
	p := newPlace(t)
	for _, args := range [][]string{
		{"show"},
		{"show", "-count"},
		{"add"},
		{"promote", "k-1"},
		{"retire", "k-1"},
		{"reseal"},
		{"backup", "-o", "@copy"},
	} {
		for _, ring := range []string{p.path("missing"), "shared:" + p.path("missing")} {
			p.fails(t, cli.NotFound, "missing", append(append([]string{"keyring"}, args...), "-keyring", ring)...)
		}
	}
	p.fails(t, cli.NotFound, "no such key", "keyring", "promote", "k-1")
	p.fails(t, cli.NotFound, "no such key", "keyring", "retire", "k-1")
	p.fails(t, cli.Usage, "-o", "keyring", "backup")
	p.fails(t, cli.Refused, "exists", "keyring", "backup", "-o", "@users.db")
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "users.") {
			t.Errorf("%s was made", e.Name())
		}
	}
	for _, args := range [][]string{{"show", "-count"}, {"retire", p.id(t, "keyring", "add")}, {"reseal"}} {
		a := p.bare(t, append(append([]string{"keyring"}, args...), "-keyring", "@users.keyring", "-store", "sqlite:"+p.path("no.db"))...)
		if a.status != cli.NotFound || !strings.Contains(a.stderr, "no file") {
			t.Errorf("%q of no store ended with %d and printed %q", args, a.status, a.stderr)
		}
	}
}

// TestResealSome: what the keyring cannot open is said, the rest is sealed anew.
func TestResealSome(t *testing.T) {
	p := newPlace(t)
	groups := p.users.Tenant("acme").Groups()
	if _, _, err := groups.Create(t.Context(), enduser.GroupSpec{ExternalID: "one"}); err != nil {
		t.Fatal(err)
	}
	ring := "shared:" + p.path("ring")
	p.ok(t, "keyring", "new", "-keyring", ring)
	p.ok(t, "groups", "create", "-tenant", "acme", "two", "-keyring", ring)
	p.ok(t, "keyring", "promote", p.id(t, "keyring", "add", "-keyring", ring), "-keyring", ring)
	a := p.run(t, "keyring", "reseal", "-keyring", ring)
	if a.status != cli.Rejected || a.stdout != "records sealed anew  1\n" || !strings.Contains(a.stderr, "no key") {
		t.Errorf("ended with %d and printed %q, %q", a.status, a.stdout, a.stderr)
	}
}

func TestVersion(t *testing.T) {
	p := newPlace(t)
	text := p.bare(t, "version").stdout
	if !regexp.MustCompile(`^rollbook +\S+\n(revision .*\n)?go +go1\.\S+\nplatform +\w+/\w+\n$`).MatchString(text) {
		t.Errorf("printed\n%s", text)
	}
	var v struct{ Version, Go, Platform string }
	if err := json.Unmarshal([]byte(p.bare(t, "version", "-json").stdout), &v); err != nil || v.Version == "" || v.Go == "" || v.Platform == "" {
		t.Errorf("%v, %v", v, err)
	}
}
