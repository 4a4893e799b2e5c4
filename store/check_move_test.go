package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/store"
)

// part returns a valid part of two records and two entries, changed by each function.
func part(change ...func(*store.Part)) store.Part {
	p := store.Part{
		Records: []store.Record{
			{ID: "u1", Kind: "user", Created: 3, Revision: 7, Unique: keys(3)},
			{ID: "u2", Kind: "user", Created: 2, Revision: 2},
		},
		Changes: []store.Change{
			{Seq: 2, Revision: 2, Type: store.Created, Kind: "user", ID: "u2"},
			{Seq: 9, Revision: 9, Type: store.Deleted, Kind: "group", ID: "g1", Note: []byte("note")},
		},
		Trimmed: 1,
	}
	for _, c := range change {
		c(&p)
	}
	return p
}

// largePart returns a part of n records, each with so many bytes.
func largePart(n, data int) store.Part {
	p := store.Part{Records: make([]store.Record, n)}
	for i := range p.Records {
		at := store.Revision(i + 1)
		p.Records[i] = store.Record{ID: fmt.Sprint(i), Kind: "user", Created: at, Revision: at, Data: make([]byte, data)}
	}
	return p
}

func TestCheckImportAllowsWhatIsWithinTheLimits(t *testing.T) {
	for name, p := range map[string]store.Part{
		"all":          part(),
		"records":      part(func(p *store.Part) { p.Changes, p.Trimmed = nil, 0 }),
		"entries":      part(func(p *store.Part) { p.Records = nil }),
		"in any order": part(func(p *store.Part) { slices.Reverse(p.Records) }),
		"many":         largePart(store.MaxLimit, 0),
		"large":        largePart(store.MaxBatch/store.MaxData, store.MaxData),
		"notes":        part(func(p *store.Part) { p.Changes[0].Note = make([]byte, store.MaxNote) }),
		"hostile":      part(func(p *store.Part) { p.Records[0].ID, p.Changes[0].ID = "\x00}{a", "\n" }),
		"last":         part(func(p *store.Part) { p.Records[0].Revision = 1<<63 - 1 }),
	} {
		if err := store.CheckImport("acme", p); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCheckImportNamesWhatIsWrong(t *testing.T) {
	entries := func(n int) func(p *store.Part) {
		return func(p *store.Part) {
			p.Trimmed, p.Changes = 0, nil
			for i := range n {
				at := store.Revision(i + 1)
				p.Changes = append(p.Changes, store.Change{Seq: at, Revision: at, Type: store.Created, Kind: "user", ID: "u"})
			}
		}
	}
	for _, test := range []struct {
		part store.Part
		op   int
		want string
	}{
		{store.Part{}, -1, "part: neither a record nor an entry"},
		{store.Part{Trimmed: 4}, -1, "part: neither a record nor an entry"},
		{largePart(store.MaxLimit+1, 0), -1, "part: more than 1000 records"},
		{part(entries(store.MaxLimit + 1)), -1, "part: more than 1000 entries"},
		{largePart(store.MaxBatch/store.MaxData+1, store.MaxData), -1, "part: longer than 8388608 bytes"},
		{part(func(p *store.Part) { p.Trimmed = -1 }), -1, "trimmed: negative"},
		{part(func(p *store.Part) { p.Changes = nil }), -1, "trimmed: without an entry"},
		{part(func(p *store.Part) { p.Trimmed = 2 }), -1, "entry 0: not later than what is before it"},
		{part(func(p *store.Part) { p.Changes[1] = p.Changes[0] }), -1, "entry 1: not later than what is before it"},
		{part(func(p *store.Part) { p.Changes[1].Revision = 8 }), -1, "entry 1: revision: not its place"},
		{part(func(p *store.Part) { p.Changes[1].Damaged = true }), -1, "entry 1: damaged"},
		{part(func(p *store.Part) { p.Changes[1].Type = 4 }), -1, "entry 1: type: unknown"},
		{part(func(p *store.Part) { p.Changes[1].ID = "" }), -1, "entry 1: ID: empty"},
		{part(func(p *store.Part) { p.Changes[1].Kind = strings.Repeat("k", store.MaxKind+1) }), -1, "entry 1: kind: longer than 64 bytes"},
		{part(func(p *store.Part) { p.Changes[1].Note = make([]byte, store.MaxNote+1) }), -1, "entry 1: note: longer than 65536 bytes"},
		{part(func(p *store.Part) { p.Records[1].Created = 0 }), 1, "created: not a revision"},
		{part(func(p *store.Part) { p.Records[1].Revision = 1 }), 1, "revision: before created"},
		{part(func(p *store.Part) { p.Records[1].ID = "\xff" }), 1, "ID: not valid UTF-8"},
		{part(func(p *store.Part) { p.Records[1].ID = "u1" }), 1, "ID: twice in the part"},
		{part(func(p *store.Part) { p.Records[1].Created, p.Records[1].Revision = 3, 3 }), 1, "created: twice in the part"},
		{part(func(p *store.Part) { p.Records[1].Unique = keys(2)[1:] }), 1, "unique key: twice in the part"},
	} {
		err := store.CheckImport("acme", test.part)
		var invalid *store.InvalidError
		switch {
		case !errors.As(err, &invalid):
			t.Errorf("%v, want %s", err, test.want)
		case invalid.Op != test.op || invalid.What+": "+invalid.Why != test.want:
			t.Errorf("op %d, %s: %s, want op %d, %s", invalid.Op, invalid.What, invalid.Why, test.op, test.want)
		}
	}
}

func TestCheckTenants(t *testing.T) {
	long := strings.Repeat("x", store.MaxTenant+1)
	for _, test := range []struct {
		name string
		err  error
		ok   bool
	}{
		{"Drop", store.CheckDrop("acme"), true},
		{"Drop of none", store.CheckDrop(""), false},
		{"Kinds", store.CheckKinds("acme", ""), true},
		{"Kinds after the longest", store.CheckKinds("acme", strings.Repeat("k", store.MaxKind)), true},
		{"Kinds after one too long", store.CheckKinds("acme", strings.Repeat("k", store.MaxKind+1)), false},
		{"Kinds of none", store.CheckKinds("", "user"), false},
		{"Verify of all", store.CheckVerify(store.VerifyOptions{}), true},
		{"Verify of a tenant", store.CheckVerify(store.VerifyOptions{Tenant: "acme", Mend: true}), true},
		{"Verify of a long name", store.CheckVerify(store.VerifyOptions{Tenant: long}), false},
		{"Import into a long name", store.CheckImport(long, part()), false},
	} {
		if (test.err == nil) != test.ok || test.err != nil && !errors.Is(test.err, store.ErrInvalid) {
			t.Errorf("%s: %v", test.name, test.err)
		}
	}
}

func TestDamagesHaveNames(t *testing.T) {
	seen := map[string]bool{}
	for d := store.DamagedRecord; d <= store.DamagedStructure; d++ {
		if name := d.String(); seen[name] || strings.HasPrefix(name, "damage ") {
			t.Errorf("damage %d is called %q", d, name)
		} else {
			seen[name] = true
		}
	}
	if name := store.Damage(99).String(); name != "damage 99" {
		t.Errorf("an unknown damage is called %q", name)
	}
}
