package enduser

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

var compareGroups = cmp.AllowUnexported(Group{}, groupToken{}, Value{}, Version{})

func fullGroup() Group {
	return Group{
		ID: "0123456789abcdef01234567", ExternalID: "Team-É 7", Number: 7, Tenant: "acme", Environment: Testing,
		Name:             "Team \u2028\"7\"",
		Metadata:         Metadata{"region": String("emea"), "tier": Int(9007199254740993)},
		SystemProperties: Metadata{"public": Value{`{"schemas":["a",null],"source":"db-1"}`}},
		CreatedBy:        "key_1", UpdatedBy: "key_42",
		CreatedAt: millis(1700000000001), UpdatedAt: millis(1700000000999), AddedAt: millis(1700000000002),
		Version: Version{12, 0x0123456789ab}, Revision: 12,
		token: groupToken{hash: hashToken("new"), sealed: []byte{0, 1, 0xff, 0xfe, '"'}},
		previous: []groupToken{
			{hash: hashToken("old"), until: millis(1700086400001)},
			{hash: hashToken("older"), until: millis(1700086400000)},
		},
	}
}

// goldenGroups are the groups that testdata/codec/group holds; see goldenBodies.
func goldenGroups() map[string]Group {
	minimal := Group{
		ID: "a", ExternalID: "a", Number: 1, Tenant: "acme", Environment: Customer, Version: Version{1, 1}, Revision: 1,
		CreatedAt: millis(1700000000000), UpdatedAt: millis(1700000000000), AddedAt: millis(1700000000000), token: groupToken{hash: hashToken("t"), sealed: []byte{1}},
	}
	return map[string]Group{"v1-minimal.json": minimal, "v1-full.json": fullGroup()}
}

// goldenBody returns the bytes of a golden file. If there is none, -update writes it; a
// file never changes.
func goldenBody(tb testing.TB, path string, body []byte) []byte {
	tb.Helper()
	if *update {
		if _, err := os.Stat(path); os.IsNotExist(err) {
			if err := os.WriteFile(path, body, 0o600); err != nil {
				tb.Fatal(err)
			}
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	return golden
}

func decodeGroupBody(env Environment, r *store.Record) (Group, error) {
	return Tenant{name: "acme", env: env}.decodeGroup(r)
}

func groupBodyOf(g *Group) []byte { return encodeGroup(g, g.Version.stamp, nil) }

func recordOfGroup(g *Group) *store.Record {
	w := writer{stamp: g.Version.stamp}
	r := w.groupRecord(g)
	r.Revision = store.Revision(g.Revision)
	return &r
}

func TestGoldenGroups(t *testing.T) {
	t.Parallel()
	for name, want := range goldenGroups() {
		body := groupBodyOf(&want)
		golden := goldenBody(t, filepath.Join("testdata", "codec", "group", name), body)
		r := recordOfGroup(&want)
		r.Data = golden
		got, err := decodeGroupBody(want.Environment, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, compareGroups); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if string(body) != string(golden) {
			t.Errorf("%s: the same group now has the body\n%s\nwant\n%s", name, body, golden)
		}
	}
}

// The record holds each token's hash as a unique key, and is due when the first previous
// token expires.
func TestGroupRecord(t *testing.T) {
	t.Parallel()
	g := fullGroup()
	r := recordOfGroup(&g)
	want := []store.Key{
		{Kind: "group_external_id", Value: "Team-É 7"},
		{Kind: "group_number", Value: "7"},
		{Kind: "group_token", Value: hashToken("new")},
		{Kind: "group_token", Value: hashToken("old")},
		{Kind: "group_token", Value: hashToken("older")},
	}
	if diff := cmp.Diff(want, r.Unique); diff != "" {
		t.Errorf("unique keys (-want +got):\n%s", diff)
	}
	if !r.Due.Equal(millis(1700086400000)) || r.Kind != "group" || len(r.Index) != 0 {
		t.Errorf("due %v, kind %q, index %v", r.Due, r.Kind, r.Index)
	}
	g.previous = nil
	if r := recordOfGroup(&g); !r.Due.IsZero() {
		t.Errorf("due %v without previous tokens", r.Due)
	}
}

func TestGroupsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := func(label string) string { return rapid.String().Draw(t, label) }
		at := rapid.Map(rapid.Int64Range(1, 1<<47), millis)
		g := Group{
			ID: "g1", ExternalID: "x" + text("external_id"), Tenant: "acme", Environment: Customer, Name: text("name"),
			Metadata: anyMetadata().Draw(t, "metadata"), SystemProperties: anyMetadata().Draw(t, "system_properties"),
			CreatedBy: text("created_by"), UpdatedBy: text("updated_by"), CreatedAt: at.Draw(t, "created_at"), UpdatedAt: at.Draw(t, "updated_at"), AddedAt: at.Draw(t, "added_at"),
			Revision: rapid.Int64Range(1, 1<<62).Draw(t, "revision"), Number: rapid.Int64Range(1, 1<<62).Draw(t, "number"),
			token: groupToken{hash: hashToken(text("token")), sealed: rapid.SliceOfN(rapid.Byte(), 1, 90).Draw(t, "sealed")},
			previous: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) groupToken {
				return groupToken{hash: hashToken(rapid.String().Draw(t, "old")), until: at.Draw(t, "until")}
			}), 0, maxPrevious).Draw(t, "previous"),
		}
		g.Version = Version{g.Revision, stamp(rapid.Uint64Range(0, 1<<48-1).Draw(t, "stamp"))}
		g.normalize()
		if len(g.previous) == 0 {
			g.previous = nil
		}
		r := recordOfGroup(&g)
		if !json.Valid(r.Data) {
			t.Fatalf("not JSON: %s", r.Data)
		}
		got, err := decodeGroupBody(Customer, r)
		if err != nil {
			t.Fatalf("%v: %s", err, r.Data)
		}
		if diff := cmp.Diff(g, got, compareGroups); diff != "" {
			t.Fatalf("%s\n(-want +got):\n%s", r.Data, diff)
		}
		if fields := changedGroupFields(&g, &got); fields != nil {
			t.Fatalf("a round trip changes %v", fields)
		}
	})
}

// checkCorruptGroup is checkCorrupt for a group's body.
func checkCorruptGroup(t interface{ Errorf(string, ...any) }, what, body string, must bool) {
	g, err := decodeGroupBody(Customer, &store.Record{ID: "0123", Revision: 3, Created: 2, Data: []byte(body)})
	switch {
	case err == nil && must:
		t.Errorf("%s: accepted: %.200q", what, body)
	case err == nil:
		r := store.Record{ID: "0123", Revision: 3, Created: 2, Data: groupBodyOf(&g)}
		if again, err := decodeGroupBody(Customer, &r); err != nil || changedGroupFields(&g, &again) != nil {
			t.Errorf("%s: lost when written back: %v", what, err)
		}
	case !errors.Is(err, ErrCorrupt) && (must || !errors.Is(err, ErrNewer)) || strings.Contains(err.Error(), "canary"):
		t.Errorf("%s: %v, want an ErrCorrupt that quotes nothing", what, err)
	case g.token.hash != "" || g.ID != "":
		t.Errorf("%s: a part of a group beside the error", what)
	}
}

// eachDamage calls check with bodies that are damaged: such of any kind, each of some texts
// replaced by another, every length, and every flipped bit, which need not be refused.
func eachDamage(
	t *testing.T, body string, replaced map[string][2]string, check func(t interface{ Errorf(string, ...any) }, what, body string, must bool),
) {
	t.Helper()
	for name, text := range map[string]string{"empty": "", "null": "null", "array": "[" + body + "]", "two": body + body, "trailing": body + "x"} {
		check(t, name, text, true)
	}
	replaced["version 0"], replaced["no version"] = [2]string{`"r":1`, `"r":0`}, [2]string{`"r":1,"w":1,`, ""}
	for name, r := range replaced {
		if !strings.Contains(body, r[0]) {
			t.Fatalf("no %s in %s", r[0], body)
		}
		check(t, name, strings.Replace(body, r[0], r[1], 1), true)
	}
	for i := range body {
		check(t, fmt.Sprintf("the first %d bytes", i), body[:i], true)
		for bit := range 8 {
			b := []byte(body)
			b[i] ^= 1 << bit
			check(t, fmt.Sprintf("bit %d of byte %d", bit, i), string(b), false)
		}
	}
}

func TestCorruptGroups(t *testing.T) {
	t.Parallel()
	g := fullGroup()
	old := `"hash":"` + g.previous[0].hash + `"`
	eachDamage(t, string(groupBodyOf(&g)), map[string][2]string{
		"without number":           {`"number":7,`, ""},
		"number 0":                 {`"number":7`, `"number":0`},
		"number as text":           {`"number":7`, `"number":"canary"`},
		"twice":                    {`"w":1`, `"w":1,"name":"canary"`},
		"without external ID":      {`"external_id":"Team-É 7",`, ""},
		"without hash":             {`"token_hash":"` + g.token.hash + `",`, ""},
		"sealed is no base64":      {`"token":"`, `"token":"*`},
		"sealed with loose bits":   {`"token":"AAH//iI"`, `"token":"AAH//iJ"`},
		"sealed with padding":      {`"token":"AAH//iI"`, `"token":"AAH//iI="`},
		"sealed number":            {`"token":"AAH//iI"`, `"token":1`},
		"previous without hash":    {"{" + old + ",", `{`},
		"previous without until":   {`,"until":1700086400001`, ""},
		"previous is no list":      {`"previous":[`, `"previous":{"canary":[`},
		"previous hash of null":    {old, `"hash":null`},
		"metadata of another type": {`"metadata":{`, `"metadata":["canary"],"x":{`},
	}, checkCorruptGroup)
}

func FuzzDecodeGroup(f *testing.F) {
	for _, g := range goldenGroups() {
		f.Add(string(groupBodyOf(&g)))
	}
	f.Add(`{"r":1,"w":1,"external_id":"a","token_hash":"b"}`)
	f.Fuzz(func(t *testing.T, body string) { checkCorruptGroup(t, "body", body, false) })
}

func TestChangedGroupFields(t *testing.T) {
	t.Parallel()
	old := fullGroup()
	for want, change := range map[string]func(g *Group){
		"": func(g *Group) {
			g.Revision++
			g.Version = Version{}
			g.UpdatedAt = millis(9)
			g.previous = nil
			g.token.sealed = []byte("other")
		},
		"name":                  func(g *Group) { g.Name = "" },
		"metadata.region":       func(g *Group) { delete(g.Metadata, "region") },
		"system_properties.new": func(g *Group) { g.SystemProperties["new"] = Int(1) },
		"token":                 func(g *Group) { g.token.hash = "x" },
		"name,metadata.tier,system_properties.public": func(g *Group) { g.Name = "x"; g.Metadata["tier"] = Int(1); g.SystemProperties = nil },
	} {
		g := old.Clone()
		change(&g)
		if got := strings.Join(changedGroupFields(&old, &g), ","); got != want {
			t.Errorf("changed fields %q, want %q", got, want)
		}
	}
}

// A clone shares nothing with its original, its tokens included.
func TestGroupClone(t *testing.T) {
	t.Parallel()
	g := fullGroup()
	c := g.Clone()
	c.Metadata["region"], c.SystemProperties["x"], c.previous[0].until = Null, Int(1), time.Time{}
	if diff := cmp.Diff(fullGroup(), g, compareGroups); diff != "" {
		t.Errorf("the original changed (-want +got):\n%s", diff)
	}
}
