package enduser

import (
	"fmt"
	"testing"
	"time"
)

// laxUser is a user that only a lax policy accepts, or an older version did.
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

// strict accepts next to nothing.
var strict = Policy{
	AccountTypes: []string{"none"}, MaxExternalID: 1, MaxName: 1, MaxEmail: 1, MaxAvatar: 1, MaxMetadataKeys: 1,
	MaxMetadataKey: 1, MaxMetadataBytes: 1, MaxAccounts: 1, MaxAccountID: 1, MaxGroups: 1,
}

// TestOnlyWhatIsSetIsValidated: what a write keeps is never validated, whatever else it
// changes, and taking away is always valid: it is what makes a user fit a stricter policy
// again. What is added or exchanged is validated alone.
func TestOnlyWhatIsSetIsValidated(t *testing.T) {
	t.Parallel()
	few := strict
	few.MaxMetadataKeys, few.MaxMetadataBytes = 8, 64
	exchanged := User{
		Metadata: Metadata{"bad\n": Int(1), "k": Int(1)}, Accounts: []Account{{"\x00", "1"}, {"t", "2"}}, Groups: []string{"\x00", "g"},
	}
	for _, row := range []struct {
		name   string
		policy Policy
		old    User
		change func(u *User)
		want   []Violation
	}{
		{"nothing", strict, laxUser(), func(*User) {}, nil},
		{"stamps", strict, laxUser(), func(u *User) { u.UpdatedBy = "x"; u.Revision++ }, nil},
		{"provisional", strict, laxUser(), func(u *User) { u.ExpiresAt = time.Unix(1, 0) }, nil},
		{"no external ID", strict, laxUser(), func(u *User) { u.ExternalID = "" }, nil},
		{"no names", strict, laxUser(), func(u *User) { u.Name, u.FirstName, u.LastName = "", "", "" }, nil},
		{"no profile", strict, laxUser(), func(u *User) { u.Email, u.Avatar, u.Language = "", "", "" }, nil},
		{"no metadata", strict, laxUser(), func(u *User) { u.Metadata, u.SystemProperties = nil, nil }, nil},
		{"no accounts, no groups", strict, laxUser(), func(u *User) { u.Accounts, u.Groups = nil, nil }, nil},
		{"a good name", strict, laxUser(), func(u *User) { u.Name = "A" }, nil},
		{"a bad name", strict, laxUser(), func(u *User) { u.Name = "AB" }, []Violation{bad("name", CodeLength)}},
		{"a bad first name only", strict, laxUser(), func(u *User) { u.FirstName = "\n" }, []Violation{bad("first_name", CodeCharacter)}},
		{"an external ID", strict, laxUser(), func(u *User) { u.ExternalID = "ab" }, []Violation{bad("external_id", CodeLength)}},
		{"a metadata key less", few, laxUser(), func(u *User) { delete(u.Metadata, "a\nb") }, nil},
		{"a system property less", few, laxUser(), func(u *User) { delete(u.SystemProperties, "k0") }, nil},
		{"an account less", few, laxUser(), func(u *User) { u.unlink(u.Accounts[3]) }, nil},
		{"groups less", few, laxUser(), func(u *User) { u.Groups = u.Groups[:100] }, nil},
		{"added beyond a limit that is passed already", Policy{}, laxUser(), func(u *User) {
			u.SystemProperties["new"] = Int(1)
			u.Accounts, u.Groups = append(u.Accounts, Account{"t", "new"}), append(u.Groups, "new")
		}, []Violation{bad("system_properties", CodeCount), bad("linked_accounts", CodeCount), bad("groups", CodeCount)}},
		{"exchanged", Policy{}, exchanged, func(u *User) {
			u.Metadata["k"], u.Accounts[1], u.Groups[1] = String("\xff"), Account{"t", ""}, ""
		}, []Violation{bad("metadata.k", CodeUTF8), bad("linked_accounts[1].id", CodeRequired), bad("groups[1]", CodeRequired)}},
	} {
		u, p := row.old.Clone(), row.policy.withDefaults()
		row.change(&u)
		checkViolations(t, row.name, violationsOf(p.validate(&row.old, &u, &sensitiveEdit{})), row.want...)
	}
}
