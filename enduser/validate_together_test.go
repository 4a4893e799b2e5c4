package enduser

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// allWrong is wrong in every field, and carries a canary in each.
func allWrong() User {
	return User{
		ExternalID:       "canary<" + strings.Repeat("x", 300),
		Name:             "canary\n",
		FirstName:        "canary\xff",
		LastName:         strings.Repeat("canary", 100),
		Email:            "canary@@",
		Avatar:           "canary:canary",
		Language:         "canary canary",
		Metadata:         Metadata{"": String("canary"), "k": String("canary\xff"), "long": String(strings.Repeat("canary", 2000))},
		SystemProperties: Metadata{"canary\n": String("canary"), "canary\xff": Int(1)},
		Accounts:         []Account{{"canary", "canary\n"}, {"discord", "canary"}, {"discord", "canary"}},
		Groups:           []string{"canary\x00", "canary", "canary"},
	}
}

var allViolations = []Violation{
	bad("external_id", CodeCharacter), bad("external_id", CodeLength),
	bad("name", CodeCharacter), bad("first_name", CodeUTF8), bad("last_name", CodeLength),
	bad("email", CodeFormat), bad("avatar", CodeFormat), bad("language", CodeFormat),
	bad("metadata", CodeRequired), bad("metadata.k", CodeUTF8), bad("metadata", CodeLength),
	bad("system_properties", CodeCharacter), bad("system_properties", CodeUTF8),
	bad("linked_accounts[0].type", CodeValue), bad("linked_accounts[0].id", CodeCharacter), bad("linked_accounts[2]", CodeDuplicate),
	bad("groups[0]", CodeCharacter), bad("groups[2]", CodeDuplicate),
}

func TestViolationsAreReportedTogether(t *testing.T) {
	t.Parallel()
	p := Policy{AccountTypes: []string{"discord"}}.withDefaults()
	u := allWrong()
	err := p.validate(&User{}, &u, &sensitiveEdit{})
	less := func(a, b Violation) bool { return a.Field.String()+" "+a.Code < b.Field.String()+" "+b.Code }
	if diff := cmp.Diff(allViolations, violationsOf(err), cmpopts.SortSlices(less)); diff != "" {
		t.Errorf("violations (-want +got):\n%s", diff)
	}
	invalid, ok := errors.AsType[*InvalidError](err)
	if !ok {
		t.Fatalf("%T", err)
	}
	for _, v := range invalid.Violations {
		if v.Field == (Field{}) || v.Message == "" || !slices.Contains(codes(), v.Code) {
			t.Errorf("incomplete violation: %+v", v)
		}
		if !strings.Contains(err.Error(), v.Field.String()+": "+v.Message) {
			t.Errorf("the error's text lacks %q", v.Field.String()+": "+v.Message)
		}
	}
	for _, other := range []error{ErrConflict, ErrNotFound, ErrUnknown, ErrCorrupt} {
		if errors.Is(err, other) {
			t.Errorf("a violation is %v", other)
		}
	}
	if !errors.Is(err, ErrInvalid) {
		t.Error("a violation is not ErrInvalid")
	}
}

// Violations come in the same order each time, so that answers and logs can be
// compared. Metadata is a map, whose order is not.
func TestViolationsAreInOneOrder(t *testing.T) {
	t.Parallel()
	p := Policy{}.withDefaults()
	u := User{Metadata: Metadata{}}
	for _, key := range []string{"a", "b", "c", "d", "e", "f", "g", "h"} {
		u.Metadata[key] = String("\xff")
	}
	first := p.validate(&User{}, &u, &sensitiveEdit{}).Error()
	for range 50 {
		if again := p.validate(&User{}, &u, &sensitiveEdit{}).Error(); again != first {
			t.Fatalf("the order changes:\n%s\n%s", first, again)
		}
	}
}

func codes() []string {
	return []string{
		CodeRequired, CodeLength, CodeCount, CodeUTF8, CodeCharacter, CodeSpace, CodeFormat, CodeJSON, CodeDuplicate,
		CodeReadOnly, CodePlaceholder, CodeValue, CodeCursor,
	}
}

// The codes are part of the interface: programs switch on them.
func TestCodesAreStable(t *testing.T) {
	t.Parallel()
	want := []string{
		"required", "too_long", "too_many", "invalid_utf8", "invalid_characters", "surrounding_space", "invalid_format",
		"invalid_json", "duplicate", "read_only", "placeholder", "invalid_value",
		"invalid_cursor",
	}
	if diff := cmp.Diff(want, codes()); diff != "" {
		t.Errorf("codes (-want +got):\n%s", diff)
	}
}

func TestNormalize(t *testing.T) {
	t.Parallel()
	u := User{
		Name: " Ann ", Email: " \ta@b.c\u00a0\n", Metadata: Metadata{"a": Null}, SystemProperties: Metadata{},
		Accounts: []Account{}, Groups: []string{},
	}
	u.normalize()
	want := User{Name: " Ann ", Email: "a@b.c"}
	if diff := cmp.Diff(want, u, cmp.AllowUnexported(User{}, Value{})); diff != "" {
		t.Errorf("normalized (-want +got):\n%s", diff)
	}
}

func TestPolicyDefaults(t *testing.T) {
	t.Parallel()
	zero := Policy{}.withDefaults()
	want := Policy{
		MaxExternalID: 255, MaxName: 256, MaxEmail: 254, MaxAvatar: 2048, MaxMetadataKeys: 256, MaxMetadataKey: 128,
		MaxMetadataBytes: 10240, MaxAccounts: 16, MaxAccountID: 256, MaxGroups: 64,
	}
	if diff := cmp.Diff(want, zero); diff != "" {
		t.Errorf("the zero policy (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(zero, zero.withDefaults()); diff != "" {
		t.Errorf("not idempotent (-want +got):\n%s", diff)
	}
}

func TestSchemaDefaults(t *testing.T) {
	t.Parallel()
	many := make([]string, 40)
	for i := range many {
		many[i] = strings.Repeat("k", 40-i)
	}
	s := Schema{IndexedMetadata: many}
	got := s.withDefaults()
	if n := len(got.IndexedMetadata); n != 32 || !slices.IsSorted(got.IndexedMetadata) || len(s.IndexedMetadata) != 40 || len(many[0]) != 40 {
		t.Errorf("%d indexed keys, and the caller's schema has %d", n, len(s.IndexedMetadata))
	}
	if diff := cmp.Diff(got, got.withDefaults()); diff != "" {
		t.Errorf("not idempotent (-want +got):\n%s", diff)
	}
	twice := Schema{IndexedMetadata: []string{"b", "a", "b"}}.withDefaults()
	if diff := cmp.Diff([]string{"a", "b"}, twice.IndexedMetadata); diff != "" {
		t.Errorf("indexed keys (-want +got):\n%s", diff)
	}
}

// Or fills in field by field, of every field that a policy has.
func TestPolicyOr(t *testing.T) {
	t.Parallel()
	base := Policy{
		UniqueEmail: true, Placeholders: true, AccountTypes: []string{"irc"}, MaxExternalID: 1, MaxName: 2, MaxEmail: 3, MaxAvatar: 4, MaxMetadataKeys: 5,
		MaxMetadataKey: 6, MaxMetadataBytes: 7, MaxAccounts: 8, MaxAccountID: 9, MaxGroups: 10,
	}
	if v := reflect.ValueOf(base); v.NumField() != 13 {
		t.Errorf("a policy has %d fields: add the new ones here", v.NumField())
	}
	if diff := cmp.Diff(base, Policy{}.Or(base)); diff != "" {
		t.Errorf("nothing or all (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(base, base.Or(Policy{MaxName: 99, AccountTypes: []string{"x"}, MaxGroups: 99})); diff != "" {
		t.Errorf("all or something (-want +got):\n%s", diff)
	}
	for i := range reflect.TypeFor[Policy]().NumField() {
		one := reflect.New(reflect.TypeFor[Policy]()).Elem()
		one.Field(i).Set(reflect.ValueOf(base).Field(i))
		got := Policy{}.Or(one.Interface().(Policy))
		if diff := cmp.Diff(one.Interface(), any(got)); diff != "" {
			t.Errorf("field %d (-want +got):\n%s", i, diff)
		}
	}
}
