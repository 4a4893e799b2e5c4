package enduser

import (
	"fmt"
	"testing"
	"time"
)

// laxUser is a user that only a lax policy admits, or an older version did.
func laxUser() User {
	return User{
		ExternalID: "a<b " + string(make([]byte, 300)),
		Name:       "a\nb", FirstName: "\xff", LastName: "\x00",
		Email: "not an address", Avatar: "javascript:alert(1)", Language: "no language",
		Metadata:         Metadata{"": Int(1), "a\nb": Int(1), "k": String("\xff")},
		SystemProperties: keys(300),
		Accounts:         times(40, func(i int) Account { return Account{"\x00", fmt.Sprint(i)} }),
		Groups:           times(200, func(i int) string { return fmt.Sprint("\x00", i) }),
	}
}

// strict admits next to nothing.
var strict = Policy{
	AccountTypes: []string{"none"}, MaxExternalID: 1, MaxName: 1, MaxEmail: 1, MaxAvatar: 1, MaxMetadataKeys: 1,
	MaxMetadataKey: 1, MaxMetadataBytes: 1, MaxAccounts: 1, MaxAccountID: 1, MaxGroups: 1,
}

// What is kept is never judged, whatever else changes.
func TestWhatIsKeptIsNotJudged(t *testing.T) {
	t.Parallel()
	p := strict.withDefaults()
	for _, row := range []struct {
		name   string
		change func(u *User)
		want   []Violation
	}{
		{"nothing", func(*User) {}, nil},
		{"stamps", func(u *User) { u.UpdatedBy = "x"; u.Revision++ }, nil},
		{"provisional", func(u *User) { u.ExpiresAt = time.Unix(1, 0) }, nil},
		{"no external ID", func(u *User) { u.ExternalID = "" }, nil},
		{"no names", func(u *User) { u.Name, u.FirstName, u.LastName = "", "", "" }, nil},
		{"no profile", func(u *User) { u.Email, u.Avatar, u.Language = "", "", "" }, nil},
		{"no metadata", func(u *User) { u.Metadata, u.SystemProperties = nil, nil }, nil},
		{"no accounts, no groups", func(u *User) { u.Accounts, u.Groups = nil, nil }, nil},
		{"a good name", func(u *User) { u.Name = "A" }, nil},
		{"a bad name", func(u *User) { u.Name = "AB" }, []Violation{bad("name", CodeLength)}},
		{"a bad first name only", func(u *User) { u.FirstName = "\n" }, []Violation{bad("first_name", CodeCharacter)}},
		{"an external ID", func(u *User) { u.ExternalID = "ab" }, []Violation{bad("external_id", CodeLength)}},
	} {
		old := laxUser()
		u := old.Clone()
		row.change(&u)
		checkJudgement(t, row.name, violationsOf(p.validate(&old, &u, &sensitiveEdit{})), row.want...)
	}
}

// A stricter policy must not stand in the way of taking things away: that sets
// nothing, and is what makes a user fit the policy again.
func TestTakingAwayIsNotJudged(t *testing.T) {
	t.Parallel()
	p := strict.withDefaults()
	p.MaxMetadataKeys, p.MaxMetadataBytes = 8, 64
	for _, row := range []struct {
		name   string
		change func(u *User)
	}{
		{"a metadata key", func(u *User) { delete(u.Metadata, "a\nb") }},
		{"a system property", func(u *User) { delete(u.SystemProperties, "k0") }},
		{"an account", func(u *User) { u.unlink(u.Accounts[3]) }},
		{"a group", func(u *User) { u.Groups = u.Groups[:100] }},
	} {
		old := laxUser()
		u := old.Clone()
		row.change(&u)
		checkJudgement(t, "taking away "+row.name, violationsOf(p.validate(&old, &u, &sensitiveEdit{})))
	}
}

// Adding beyond a limit that is passed already is judged.
func TestAddingBeyondALimitIsJudged(t *testing.T) {
	t.Parallel()
	p := Policy{}.withDefaults()
	old := laxUser()
	u := old.Clone()
	u.SystemProperties["new"] = Int(1)
	u.Accounts = append(u.Accounts, Account{"t", "new"})
	u.Groups = append(u.Groups, "new")
	checkJudgement(t, "added", violationsOf(p.validate(&old, &u, &sensitiveEdit{})),
		bad("system_properties", CodeCount), bad("linked_accounts", CodeCount), bad("groups", CodeCount))
}

// Exchanging one for another, as many as before, is setting the new one only.
func TestExchangedItemsAreJudgedAlone(t *testing.T) {
	t.Parallel()
	p := Policy{}.withDefaults()
	old := User{
		Metadata: Metadata{"bad\n": Int(1), "k": Int(1)},
		Accounts: []Account{{"\x00", "1"}, {"t", "2"}},
		Groups:   []string{"\x00", "g"},
	}
	u := old.Clone()
	u.Metadata["k"] = String("\xff")
	u.Accounts[1] = Account{"t", ""}
	u.Groups[1] = ""
	checkJudgement(t, "exchanged", violationsOf(p.validate(&old, &u, &sensitiveEdit{})),
		bad("metadata.k", CodeUTF8), bad("linked_accounts[1].id", CodeRequired), bad("groups[1]", CodeRequired))
}
