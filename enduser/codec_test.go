package enduser

import (
	"encoding/json"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var compareUsers = cmp.AllowUnexported(User{}, Value{}, Version{})

// anyUser draws a user in the form in which users are kept: normalized, and with
// text that a policy may accept or not.
func anyUser() *rapid.Generator[User] {
	return rapid.Custom(func(t *rapid.T) User {
		text := func(label string) string {
			return rapid.OneOf(rapid.Just(""), rapid.String()).Draw(t, label)
		}
		at := func(label string) time.Time {
			return rapid.OneOf(
				rapid.Just(time.Time{}),
				rapid.Map(rapid.Int64Range(-1<<45, 1<<47), func(ms int64) time.Time { return time.UnixMilli(ms).UTC() }),
			).Draw(t, label)
		}
		metadata := func(label string) Metadata {
			return maps.Clone(anyMetadata().Draw(t, label))
		}
		u := User{
			ID:               rapid.StringN(1, 24, -1).Draw(t, "id"),
			ExternalID:       text("external_id"),
			Tenant:           "acme",
			Environment:      rapid.SampledFrom([]Environment{Customer, Testing}).Draw(t, "environment"),
			Name:             text("name"),
			FirstName:        text("first_name"),
			LastName:         text("last_name"),
			Email:            text("email"),
			Avatar:           text("avatar"),
			Language:         text("language"),
			Metadata:         metadata("metadata"),
			SystemProperties: metadata("system_properties"),
			Accounts: rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Account {
				return Account{rapid.String().Draw(t, "type"), rapid.String().Draw(t, "id")}
			}), 0, 4).Draw(t, "accounts"),
			Groups:    rapid.SliceOfN(rapid.String(), 0, 4).Draw(t, "groups"),
			CreatedBy: text("created_by"),
			UpdatedBy: text("updated_by"),
			CreatedAt: at("created_at"),
			UpdatedAt: at("updated_at"),
			AddedAt:   at("added_at"),
			ExpiresAt: at("expires_at"),
			Revision:  rapid.Int64Range(1, 1<<62).Draw(t, "revision"),
		}
		u.Version = Version{u.Revision, stamp(rapid.Uint64Range(0, 1<<48-1).Draw(t, "stamp"))}
		u.normalize()
		u.emailClaimed = u.Email != "" && rapid.Bool().Draw(t, "claimed")
		u.hasSensitive = rapid.Bool().Draw(t, "sensitive")
		return u
	})
}

// bodyOf returns the body of u as it is.
func bodyOf(u *User) []byte { return encodeUser(u, u.Version.stamp, nil) }

// recordOf returns the record of u as a store hands it out.
func recordOf(u *User) *store.Record {
	w := writer{stamp: u.Version.stamp}
	r := w.record(u, false)
	r.Revision = store.Revision(u.Revision)
	return &r
}

func TestUsersRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := anyUser().Draw(t, "user")
		r := recordOf(&want)
		if !json.Valid(r.Data) {
			t.Fatalf("not JSON: %s", r.Data)
		}
		got, err := decodeUser(want.Tenant, want.Environment, r)
		if err != nil {
			t.Fatalf("%v: %s", err, r.Data)
		}
		if diff := cmp.Diff(want, got, compareUsers); diff != "" {
			t.Fatalf("%s\n(-want +got):\n%s", r.Data, diff)
		}
		if fields := changedFields(&want, &got); fields != nil {
			t.Fatalf("a round trip changes %v", fields)
		}
		clone := got.Clone()
		if again := bodyOf(&clone); string(again) != string(r.Data) {
			t.Fatalf("one user, two bodies:\n%s\n%s", r.Data, again)
		}
	})
}

// A decoded user is the caller's: it shares nothing with the store's record.
func TestDecodedUserSharesNothing(t *testing.T) {
	t.Parallel()
	u := fullUser()
	r := recordOf(&u)
	got, err := decodeUser(u.Tenant, u.Environment, r)
	if err != nil {
		t.Fatal(err)
	}
	for i := range r.Data {
		r.Data[i] = 'x'
	}
	if diff := cmp.Diff(u, got, compareUsers); diff != "" {
		t.Errorf("the user changed with the record's body (-want +got):\n%s", diff)
	}
}

func millis(ms int64) time.Time { return time.UnixMilli(ms).UTC() }

func fullUser() User {
	return User{
		ID: "0123456789abcdef01234567", ExternalID: "CRM-7", Tenant: "acme", Environment: Testing,
		Name: "Ada Lovelace", FirstName: "Ada", LastName: "Lovelace", Email: "ada@example.com",
		Avatar: "https://example.com/ada.png", Language: "en-GB",
		Metadata: Metadata{
			"plan": String("pro"), "seats": Int(9007199254740993), "ratio": Value{"1.50"}, "trial": Bool(false),
			"nested": Value{`{"a":{},"b":[1,null,{"a":"x"}]}`}, "z": Value{"-0"},
		},
		SystemProperties: Metadata{"source": String("import")},
		Accounts:         []Account{{"discord", "8035"}, {"phone", "+41 44 000 00 00"}},
		Groups:           []string{"staff", "beta"},
		CreatedBy:        "key_1", UpdatedBy: "key_42",
		CreatedAt: millis(1700000000001), UpdatedAt: millis(1700000000999), AddedAt: millis(1700000000002),
		ExpiresAt: millis(1700086400001), Version: Version{12, 0x0123456789ab}, Revision: 12, emailClaimed: true,
	}
}

// goldenBodies are the users that testdata/codec holds, one body for every form
// that was ever written. Files are added, never changed: a body that no longer
// decodes to its user is a database that can no longer be read.
func goldenBodies() map[string]User {
	minimal := User{ID: "a", Tenant: "acme", Environment: Customer, CreatedAt: millis(1700000000000), UpdatedAt: millis(1700000000000), AddedAt: millis(1700000000000), Version: Version{1, 1}, Revision: 1}
	hostile := User{
		ID: "b", Tenant: "acme", Environment: Customer, ExternalID: "../x'; DROP TABLE users --\\\"{}[]",
		Name: "\u202eevil\u2028<script>&amp;\u200d\ufeff\U0001f600\U0010ffff e\u0301 \u00e9", FirstName: "\x00\x01\x1f\x7f\t\n\r\b\f", LastName: "\ufffd\\u0041\\",
		Metadata: Metadata{
			"": String("empty key"), "a\x00b": String("\"\\/"), "__proto__": Bool(true), "\u2028": Int(-1 << 63),
			"big": Value{"123456789012345678901234567890"}, "deep": Value{strings.Repeat("[", 30) + strings.Repeat("]", 30)},
		},
		Accounts:  []Account{{"\x00", "\x00"}, {"t", ""}},
		Groups:    []string{"", "\n"},
		CreatedAt: millis(0), UpdatedAt: millis(-1), ExpiresAt: millis(253402300799999),
		Version: Version{1 << 53, 1<<48 - 1}, Revision: 1 << 53,
	}
	sensitive, sensitiveFull := minimal, fullUser()
	sensitive.hasSensitive, sensitiveFull.hasSensitive = true, true
	return map[string]User{
		"v1-minimal.json": minimal, "v1-full.json": fullUser(), "v1-hostile.json": hostile,
		"v1-minimal-sensitive.json": sensitive, "v1-full-sensitive.json": sensitiveFull,
	}
}

func TestGoldenBodies(t *testing.T) {
	t.Parallel()
	for name, want := range goldenBodies() {
		path := filepath.Join("testdata", "codec", name)
		body := bodyOf(&want)
		if *update {
			if _, err := os.Stat(path); os.IsNotExist(err) { // add, never change
				if err := os.WriteFile(path, body, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		golden, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		r := recordOf(&want)
		r.Data = golden
		got, err := decodeUser(want.Tenant, want.Environment, r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, compareUsers); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if string(body) != string(golden) {
			t.Errorf("%s: the same user now has the body\n%s\nwant\n%s", name, body, golden)
		}
	}
	files, err := filepath.Glob(filepath.Join("testdata", "codec", "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if _, ok := goldenBodies()[filepath.Base(file)]; !ok {
			t.Errorf("%s belongs to no user", file)
		}
	}
}

// A body that another program laid out, or an older one wrote in another order, is
// the same user, and its values are equal to those that this program makes.
func TestBodyInAnotherLayout(t *testing.T) {
	t.Parallel()
	body := `{
		"updated_at": 2, "created_at": 1,
		"metadata": { "plan" : "pr\u006f" , "list" : [ 1 , 2 ] },
		"groups": [ ], "system_properties": { }, "stamp": 7,
		"w": 1, "r": 1
	}`
	got, err := decodeUser("acme", Customer, &store.Record{ID: "a", Data: []byte(body)})
	if err != nil {
		t.Fatal(err)
	}
	want := User{
		ID: "a", Tenant: "acme", Environment: Customer, CreatedAt: millis(1), UpdatedAt: millis(2),
		Metadata: Metadata{"plan": String("pro"), "list": Value{"[1,2]"}}, Version: Version{0, 7},
	}
	got.normalize()
	if diff := cmp.Diff(want, got, compareUsers); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestChangedFields(t *testing.T) {
	t.Parallel()
	old := fullUser()
	for want, change := range map[string]func(u *User){
		"":                          func(u *User) { u.Revision++; u.Version = Version{}; u.UpdatedAt = millis(9); u.UpdatedBy = "x" },
		"external_id":               func(u *User) { u.ExternalID = "crm-7" },
		"name":                      func(u *User) { u.Name = "" },
		"first_name":                func(u *User) { u.FirstName = "x" },
		"last_name":                 func(u *User) { u.LastName = "x" },
		"email":                     func(u *User) { u.Email = "x" },
		"avatar":                    func(u *User) { u.Avatar = "x" },
		"language":                  func(u *User) { u.Language = "x" },
		"linked_accounts":           func(u *User) { u.Accounts = u.Accounts[1:] },
		"groups":                    func(u *User) { slices.Reverse(u.Groups) },
		"expires_at":                func(u *User) { u.ExpiresAt = time.Time{} },
		"metadata.plan":             func(u *User) { u.Metadata["plan"] = String("free") },
		"metadata.new":              func(u *User) { u.Metadata["new"] = Int(1) },
		"system_properties.source":  func(u *User) { u.SystemProperties = nil },
		"metadata.a,metadata.plan":  func(u *User) { delete(u.Metadata, "plan"); u.Metadata["a"] = Int(1) },
		"name,metadata.plan,groups": func(u *User) { u.Name = "x"; delete(u.Metadata, "plan"); u.Groups = nil },
	} {
		u := old.Clone()
		change(&u)
		if got := strings.Join(changedFields(&old, &u), ","); got != want {
			t.Errorf("changed fields %q, want %q", got, want)
		}
	}
}
