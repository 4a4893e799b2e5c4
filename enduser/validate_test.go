package enduser

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// validated returns the violations of a new user, without messages.
func validated(p Policy, u User) []Violation {
	p = p.withDefaults()
	u.normalize()
	return violationsOf(p.validate(&User{}, &u, &sensitiveEdit{}))
}

func violationsOf(err error) []Violation {
	invalid, ok := errors.AsType[*InvalidError](err)
	if !ok {
		return nil
	}
	list := slices.Clone(invalid.Violations)
	for i := range list {
		list[i].Message = ""
	}
	return list
}

func checkViolations(t *testing.T, what string, got []Violation, want ...Violation) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("%s: violations (-want +got):\n%s", what, diff)
	}
}

// bad returns the violation of a field that is written as Field.String writes it.
func bad(field, code string) Violation {
	f := Field{Name: field}
	if name, rest, ok := strings.Cut(field, "["); ok {
		item, member, _ := strings.Cut(rest, "]")
		f.Name, f.Member = name, strings.TrimPrefix(member, ".")
		f.Item = int(item[0]-'0') + 1
	} else if name, key, ok := strings.Cut(field, "."); ok {
		f.Name, f.Key = name, key
	}
	return Violation{Field: f, Code: code}
}

// keys returns metadata of n keys.
func keys(n int) Metadata {
	m := Metadata{}
	for i := range n {
		m[fmt.Sprint("k", i)] = Int(1)
	}
	return m
}

func times[T any](n int, item func(i int) T) (l []T) {
	for i := range n {
		l = append(l, item(i))
	}
	return l
}

// email returns an address of n bytes.
func email(n int) string {
	const domain = "@example.com"
	return strings.Repeat("a", n-len(domain)) + domain
}

// limits are all limits of a policy: how to come up to one, and how it is set.
var limits = []struct {
	name             string
	standard, atMost int // the default, and the most that a policy can set
	set              func(p *Policy, n int)
	user             func(n int) User
	want             Violation
}{
	{
		"external ID, ASCII", 255, 255,
		func(p *Policy, n int) { p.MaxExternalID = n },
		func(n int) User { return User{ExternalID: strings.Repeat("a", n)} },
		bad("external_id", CodeLength),
	},
	{
		"external ID, two bytes each", 255, 255,
		func(p *Policy, n int) { p.MaxExternalID = n },
		func(n int) User { return User{ExternalID: strings.Repeat("\u00e9", n)} },
		bad("external_id", CodeLength),
	},
	{
		"external ID, decomposed", 255, 255,
		func(p *Policy, n int) { p.MaxExternalID = n },
		func(n int) User { return User{ExternalID: strings.Repeat("e\u0301", n)} },
		bad("external_id", CodeLength),
	},
	{
		"name", 256, 4096,
		func(p *Policy, n int) { p.MaxName = n },
		func(n int) User { return User{Name: strings.Repeat("\U0001f600", n)} },
		bad("name", CodeLength),
	},
	{
		"first name", 256, 4096,
		func(p *Policy, n int) { p.MaxName = n },
		func(n int) User { return User{FirstName: strings.Repeat("a", n)} },
		bad("first_name", CodeLength),
	},
	{
		"last name", 256, 4096,
		func(p *Policy, n int) { p.MaxName = n },
		func(n int) User { return User{LastName: strings.Repeat("e\u0301", n)} },
		bad("last_name", CodeLength),
	},
	{
		"e-mail address", 254, 254,
		func(p *Policy, n int) { p.MaxEmail = n },
		func(n int) User { return User{Email: email(n)} },
		bad("email", CodeLength),
	},
	{
		"avatar", 2048, 16 << 10,
		func(p *Policy, n int) { p.MaxAvatar = n },
		func(n int) User { return User{Avatar: "https://a.b/" + strings.Repeat("x", n-12)} },
		bad("avatar", CodeLength),
	},
	{
		"metadata keys", 256, 4096,
		func(p *Policy, n int) { p.MaxMetadataKeys, p.MaxMetadataBytes = n, 256<<10 },
		func(n int) User { return User{Metadata: keys(n)} },
		bad("metadata", CodeCount),
	},
	{
		"system properties", 256, 4096,
		func(p *Policy, n int) { p.MaxMetadataKeys, p.MaxMetadataBytes = n, 256<<10 },
		func(n int) User { return User{SystemProperties: keys(n)} },
		bad("system_properties", CodeCount),
	},
	{
		"metadata key", 128, 256,
		func(p *Policy, n int) { p.MaxMetadataKey = n },
		func(n int) User { return User{Metadata: Metadata{strings.Repeat("\u00e9", n): Int(1)}} },
		bad("metadata", CodeLength),
	},
	{
		"metadata bytes", 10240, 256 << 10,
		func(p *Policy, n int) { p.MaxMetadataBytes = n },
		func(n int) User { return User{Metadata: Metadata{"k": String(strings.Repeat("x", n-len(`{"k":""}`)))}} },
		bad("metadata", CodeLength),
	},
	{
		"system properties bytes, escaped", 10240, 256 << 10,
		func(p *Policy, n int) { p.MaxMetadataBytes = n },
		func(n int) User {
			n -= len(`{"k":""}`)
			return User{SystemProperties: Metadata{"k": String(strings.Repeat("\n", n/2) + strings.Repeat("x", n%2))}}
		},
		bad("system_properties", CodeLength),
	},
	{
		"accounts", 16, 32,
		func(p *Policy, n int) { p.MaxAccounts = n },
		func(n int) User {
			return User{Accounts: times(n, func(i int) Account { return Account{"t", fmt.Sprint(i)} })}
		},
		bad("linked_accounts", CodeCount),
	},
	{
		"account ID", 256, 256,
		func(p *Policy, n int) { p.MaxAccountID = n },
		func(n int) User { return User{Accounts: []Account{{"t", strings.Repeat("\u00e9", n)}}} },
		bad("linked_accounts[0].id", CodeLength),
	},
	{
		"account type", 255, 255, nil,
		func(n int) User { return User{Accounts: []Account{{strings.Repeat("t", n), "1"}}} },
		bad("linked_accounts[0].type", CodeLength),
	},
	{
		"groups", 64, 128,
		func(p *Policy, n int) { p.MaxGroups = n },
		func(n int) User { return User{Groups: times(n, func(i int) string { return fmt.Sprint(i) })} },
		bad("groups", CodeCount),
	},
	{
		"group", 255, 255, nil,
		func(n int) User { return User{Groups: []string{strings.Repeat("g", n)}} },
		bad("groups[0]", CodeLength),
	},
	{
		"language", 64, 64, nil,
		func(n int) User { // private use subtags have up to 8 characters
			tag := "en-x" + strings.Repeat("-abcdefgh", 20)
			tag = strings.TrimSuffix(tag[:n], "-")
			return User{Language: tag + strings.Repeat("a", n-len(tag))}
		},
		bad("language", CodeLength),
	},
}

func TestLimits(t *testing.T) {
	t.Parallel()
	for _, l := range limits {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			check := func(p Policy, limit int) {
				t.Helper()
				for _, n := range []int{limit - 1, limit} {
					checkViolations(t, fmt.Sprintf("%d of %d", n, limit), validated(p, l.user(n)))
				}
				checkViolations(t, fmt.Sprintf("%d of %d", limit+1, limit), validated(p, l.user(limit+1)), l.want)
				checkViolations(t, fmt.Sprintf("%d of %d", 2*limit, limit), validated(p, l.user(2*limit)), l.want)
			}
			check(Policy{}, l.standard)
			if l.set == nil {
				return
			}
			for _, row := range []struct{ set, holds int }{
				{-1, l.standard},
				{l.standard - 4, l.standard - 4}, // stricter
				{l.atMost, l.atMost},             // as lax as can be
				{l.atMost + 1, l.atMost},
				{1 << 40, l.atMost},
			} {
				var p Policy
				l.set(&p, row.set)
				check(p, row.holds)
			}
		})
	}
}

// An external ID of few characters can have a long key, which a store must hold.
func TestExternalIDKeyBytes(t *testing.T) {
	t.Parallel()
	p := Policy{MaxExternalID: 255}
	fits, over := strings.Repeat("\U00010428", 128), strings.Repeat("\U00010428", 129) // 4 bytes each
	checkViolations(t, "512 bytes", validated(p, User{ExternalID: fits}))
	checkViolations(t, "516 bytes", validated(p, User{ExternalID: over}), bad("external_id", CodeLength))
	checkViolations(t, "grows when composed", validated(Policy{MaxExternalID: 36}, User{ExternalID: strings.Repeat("\U0001d160", 13)}),
		bad("external_id", CodeLength)) // 13 characters that are 39 in normal form
	checkViolations(t, "grows when composed, fits", validated(Policy{MaxExternalID: 36}, User{ExternalID: strings.Repeat("\U0001d160", 12)}))
}

func TestFormats(t *testing.T) {
	t.Parallel()
	const ok = ""
	for _, row := range []struct{ field, value, want string }{
		{"external_id", "a<b", CodeCharacter},
		{"external_id", "a>b", CodeCharacter},
		{"external_id", "me@x/../y", ok},
		{"external_id", " a", CodeSpace},
		{"external_id", "a\u202eb", CodeCharacter},
		{"external_id", "\xff", CodeUTF8},

		{"name", "a\nb", CodeCharacter},
		{"name", "\xff", CodeUTF8},
		{"first_name", "a\x00", CodeCharacter},
		{"last_name", "\u2028", CodeCharacter},
		{"name", "<script>", ok}, // a page that shows it escapes it

		{"email", "  a@b.c\t", ok}, // trimmed; see TestAddresses
		{"email", "a@localhost", ok},
		{"email", "a@b .c", CodeFormat},
		{"email", "a@b..c", CodeFormat},
		{"email", ".a@b.c", CodeFormat},
		{"email", "<a@b.c>", CodeFormat},
		{"email", "a@b.c, d@e.f", CodeFormat},
		{"email", "g: a@b.c;", CodeFormat},
		{"email", "a@b.c\r\nBcc: d@e.f", CodeCharacter},
		{"email", "a@b.c\x00", CodeCharacter},
		{"email", "a\uff20b.c", CodeCharacter},
		{"email", "a@b\u3002c", CodeFormat + "?"}, // an ideographic full stop
		{"email", "\u017fmith@b.c", CodeCharacter},
		{"email", "a\u200b@b.c", CodeCharacter},
		{"email", "\xff@b.c", CodeUTF8},

		{"avatar", "https://example.com/a.png?x=1#y", ok},
		{"avatar", "http://[::1]:8080/", ok},
		{"avatar", "HTTPS://example.com", ok},
		{"avatar", "ftp://example.com/a", CodeFormat},
		{"avatar", "javascript:alert(1)", CodeFormat},
		{"avatar", "data:image/png;base64,AAAA", CodeFormat},
		{"avatar", "//example.com/a", CodeFormat},
		{"avatar", "/a.png", CodeFormat},
		{"avatar", "https:", CodeFormat},
		{"avatar", "https://", CodeFormat},
		{"avatar", "https:///a", CodeFormat},
		{"avatar", "https://:80/", CodeFormat},
		{"avatar", "https:example.com", CodeFormat},
		{"avatar", "https://a.b/%zz", CodeFormat},
		{"avatar", "https://a b/", CodeFormat},
		{"avatar", `https://a.b/"onerror=x`, CodeFormat}, // a host puts it into its pages
		{"avatar", "https://a.b/ x", CodeFormat},
		{"avatar", "https://a.b/<script>", CodeFormat},
		{"avatar", "https://a.b/`", CodeFormat},
		{"avatar", "https://a.b/\n", CodeCharacter},
		{"avatar", "https://a.b/\xff", CodeUTF8},

		{"language", "de-CH", ok}, // see TestLanguageTags
		{"language", "en_US", CodeFormat},
		{"language", "\xff", CodeFormat},
		{"language", "de\n", CodeFormat},
	} {
		var u User
		*map[string]*string{
			"external_id": &u.ExternalID, "name": &u.Name, "first_name": &u.FirstName, "last_name": &u.LastName,
			"email": &u.Email, "avatar": &u.Avatar, "language": &u.Language,
		}[row.field] = row.value
		got := validated(Policy{}, u)
		switch code, either := strings.CutSuffix(row.want, "?"); {
		case either: // net/mail says whether it is accepted; the code is ours
			if len(got) > 0 {
				checkViolations(t, fmt.Sprintf("%s %+q", row.field, row.value), got, bad(row.field, code))
			}
		case row.want == ok:
			checkViolations(t, fmt.Sprintf("%s %+q", row.field, row.value), got)
		default:
			checkViolations(t, fmt.Sprintf("%s %+q", row.field, row.value), got, bad(row.field, row.want))
		}
	}
}

func TestAccountsAndGroups(t *testing.T) {
	t.Parallel()
	types := Policy{AccountTypes: []string{"discord", "phone"}}
	for _, row := range []struct {
		name string
		p    Policy
		u    User
		want []Violation
	}{
		{"two", Policy{}, User{Accounts: []Account{{"discord", "1"}, {"discord", "2"}}}, nil},
		{"bytes count", Policy{}, User{Accounts: []Account{{"t", "a"}, {"t", "A"}, {"T", "a"}, {"t", "a "}}}, nil},
		{"no type", Policy{}, User{Accounts: []Account{{"", "1"}}}, []Violation{bad("linked_accounts[0].type", CodeRequired)}},
		{"no ID", Policy{}, User{Accounts: []Account{{"t", ""}}}, []Violation{bad("linked_accounts[0].id", CodeRequired)}},
		{"nothing", types, User{Accounts: []Account{{"", ""}}}, []Violation{
			bad("linked_accounts[0].type", CodeRequired), bad("linked_accounts[0].id", CodeRequired),
		}},
		{"twice", Policy{}, User{Accounts: []Account{{"t", "1"}, {"t", "2"}, {"t", "1"}}}, []Violation{bad("linked_accounts[2]", CodeDuplicate)}},
		{"NUL cannot move the border", Policy{}, User{Accounts: []Account{{"t\x00", "1"}, {"t", "\x001"}}}, []Violation{
			bad("linked_accounts[0].type", CodeCharacter), bad("linked_accounts[1].id", CodeCharacter),
		}},
		{"not UTF-8", Policy{}, User{Accounts: []Account{{"\xff", "\xff"}}}, []Violation{
			bad("linked_accounts[0].type", CodeUTF8), bad("linked_accounts[0].id", CodeUTF8),
		}},
		{"a type that is listed", types, User{Accounts: []Account{{"phone", "1"}}}, nil},
		{"a type that is not", types, User{Accounts: []Account{{"phone", "1"}, {"Phone", "1"}}}, []Violation{bad("linked_accounts[1].type", CodeValue)}},

		{"groups", Policy{}, User{Groups: []string{"a", "b", "A", "É"}}, nil},
		{"group twice", Policy{}, User{Groups: []string{"a", "a", "É", "E\u0301"}}, []Violation{bad("groups[1]", CodeDuplicate), bad("groups[3]", CodeDuplicate)}},
		{"group that none can be called", Policy{}, User{Groups: []string{"a ", "a<b", "\u200b"}}, []Violation{
			bad("groups[0]", CodeSpace), bad("groups[1]", CodeCharacter), bad("groups[2]", CodeCharacter),
		}},
		{"empty group", Policy{}, User{Groups: []string{"a", ""}}, []Violation{bad("groups[1]", CodeRequired)}},
		{"group of controls", Policy{}, User{Groups: []string{"\x00", "\xff"}}, []Violation{bad("groups[0]", CodeCharacter), bad("groups[1]", CodeUTF8)}},
	} {
		checkViolations(t, row.name, validated(row.p, row.u), row.want...)
	}
}

func TestMetadataRules(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		name string
		m    Metadata
		want []Violation
	}{
		{"any value", Metadata{"a": Int(1), "b": Bool(false), "c": String(""), "d": Float(1e300)}, nil},
		{"null is not kept", Metadata{"a": Null, "\xff": Null, "": Null}, nil},
		{"empty key", Metadata{"": Int(1)}, []Violation{bad("metadata", CodeRequired)}},
		{"key with a control", Metadata{"a\nb": Int(1)}, []Violation{bad("metadata", CodeCharacter)}},
		{"key that is not UTF-8", Metadata{"\xff": Int(1)}, []Violation{bad("metadata", CodeUTF8)}},
		{"value that is not UTF-8", Metadata{"k": String("\xff")}, []Violation{bad("metadata.k", CodeUTF8)}},
		{"value with controls", Metadata{"k": String("\x00\n\u2028\ufffd")}, nil},
		{"keys that differ in case", Metadata{"k": Int(1), "K": Int(2)}, nil},
	} {
		checkViolations(t, row.name, validated(Policy{}, User{Metadata: row.m}), row.want...)
	}
}

// The sentence that goes with a code must be true of what it is about.
func TestTextMessageOfNames(t *testing.T) {
	t.Parallel()
	p := Policy{}.withDefaults()
	var v violations
	p.checkName(&v, Field{Name: "name"}, "a\nb")
	if len(v) != 1 || v[0].Code != CodeCharacter {
		t.Fatalf("violations %v", v)
	}
	for _, untrue := range []string{"invisible", "unassigned", "compatibility"} {
		if strings.Contains(v[0].Message, untrue) {
			t.Errorf("a name may contain %s characters, but its message is %q", untrue, v[0].Message)
		}
	}
}
