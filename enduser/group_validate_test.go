package enduser_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A group whose spec is valid is found by its external ID in the same spelling.
func TestGroupLimits(t *testing.T) {
	t.Parallel()
	w := newWorld(memory.New(nil))
	many := make(enduser.Metadata)
	for i := range 257 {
		many[fmt.Sprint("k", i)] = enduser.Int(1)
	}
	most := make(enduser.Metadata)
	for i := range 256 {
		most[fmt.Sprint("k", i)] = enduser.Int(1)
	}
	id := "id"
	for name, c := range map[string]struct {
		spec enduser.GroupSpec
		want []string
	}{
		"255 characters":           {spec: enduser.GroupSpec{ExternalID: strings.Repeat("x", 255)}},
		"256 characters":           {enduser.GroupSpec{ExternalID: strings.Repeat("x", 256)}, []string{"external_id too_long"}},
		"255 composed characters":  {spec: enduser.GroupSpec{ExternalID: strings.Repeat("e\u0301", 255)}},
		"256 composed characters":  {enduser.GroupSpec{ExternalID: strings.Repeat("e\u0301", 256)}, []string{"external_id too_long"}},
		"two marks":                {spec: enduser.GroupSpec{ExternalID: strings.Repeat("a\u0302\u0301", 170)}},
		"three marks":              {spec: enduser.GroupSpec{ExternalID: strings.Repeat("\u03b1\u0313\u0300\u0345", 170)}},
		"four bytes":               {spec: enduser.GroupSpec{ExternalID: strings.Repeat("\U00010400", 128)}},
		"three bytes that are two": {spec: enduser.GroupSpec{ExternalID: strings.Repeat("\u212b", 255)}},
		"the longest in bytes":     {spec: enduser.GroupSpec{ExternalID: strings.Repeat("\U00010428", 255)}},
		"huge":                     {enduser.GroupSpec{ExternalID: strings.Repeat("x", 1<<20)}, []string{"external_id too_long"}},
		"no ID":                    {enduser.GroupSpec{Name: "x"}, []string{"external_id required"}},
		"angle brackets":           {enduser.GroupSpec{ExternalID: "<a>"}, []string{"external_id invalid_characters"}},
		"space around":             {enduser.GroupSpec{ExternalID: " a"}, []string{"external_id surrounding_space"}},
		"control":                  {enduser.GroupSpec{ExternalID: "a\nb"}, []string{"external_id invalid_characters"}},
		"invisible":                {enduser.GroupSpec{ExternalID: "a\u200bb"}, []string{"external_id invalid_characters"}},
		"not UTF-8":                {enduser.GroupSpec{ExternalID: "a\xff"}, []string{"external_id invalid_utf8"}},
		"long name":                {enduser.GroupSpec{ExternalID: id + "1", Name: strings.Repeat("x", 257)}, []string{"name too_long"}},
		"longest name":             {spec: enduser.GroupSpec{ExternalID: id + "2", Name: strings.Repeat("x", 256)}},
		"name with control":        {enduser.GroupSpec{ExternalID: id, Name: "a\x00"}, []string{"name invalid_characters"}},
		"keys":                     {spec: enduser.GroupSpec{ExternalID: id + "3", Metadata: most, SystemProperties: most}},
		"too many keys": {enduser.GroupSpec{ExternalID: id, Metadata: many, SystemProperties: many}, []string{
			"metadata too_many", "system_properties too_many",
		}},
		"too many bytes": {
			enduser.GroupSpec{ExternalID: id, SystemProperties: enduser.Metadata{"k": enduser.String(strings.Repeat("x", 10240))}},
			[]string{"system_properties too_long"},
		},
		"keys and values": {
			enduser.GroupSpec{
				ExternalID: id, Metadata: enduser.Metadata{"": enduser.Int(1)}, SystemProperties: enduser.Metadata{"a": enduser.String("\xff"), "b\n": enduser.Int(1)},
			},
			[]string{"metadata required", "system_properties.a invalid_utf8", "system_properties invalid_characters"},
		},
		"all at once": {
			enduser.GroupSpec{ExternalID: "<", Name: "\n", Metadata: enduser.Metadata{"": enduser.Int(1)}, SystemProperties: many},
			[]string{"external_id invalid_characters", "name invalid_characters", "metadata required", "system_properties too_many"},
		},
	} {
		_, _, created := w.acme.Groups().Create(t.Context(), c.spec)
		if c.want == nil {
			if created != nil {
				t.Errorf("%s: %v", name, created)
				continue
			}
			g := must(w.acme.Groups().Get(t.Context(), enduser.GroupByExternalID(c.spec.ExternalID)))(t)
			if g.ExternalID != c.spec.ExternalID {
				t.Errorf("%s: %q", name, g.ExternalID)
			}
			continue
		}
		wantInvalid(t, name, created, c.want...)
		_, _, ensured := w.acme.Groups().Ensure(t.Context(), c.spec)
		wantInvalid(t, name, ensured, c.want...)
		wantErr(t, name, second(w.acme.Groups().Get(t.Context(), enduser.GroupByExternalID(id))), enduser.ErrNotFound)
	}
}

// A policy that became stricter validates the values that a write sets, not those that
// are stored.
func TestGroupPolicy(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	ref := enduser.GroupByExternalID("team")
	made(w.acme.Groups().Create(ctx, enduser.GroupSpec{
		ExternalID: "team", Name: "A long name", Metadata: enduser.Metadata{"a": enduser.Int(1), "b": enduser.Int(2)},
	}))(t)
	strict := w.acme.With(enduser.Policy{MaxName: 4, MaxMetadataKeys: 1, MaxExternalID: 2})
	must(strict.Groups().Update(ctx, ref, func(g *enduser.Group) error { g.SystemProperties["demo"] = enduser.Bool(true); return nil }))(t)
	made(strict.Groups().Rotate(ctx, ref, 0))(t)
	_, err := strict.Groups().Update(ctx, ref, func(g *enduser.Group) error {
		g.Name, g.Metadata["c"] = "Another", enduser.Int(3)
		return nil
	})
	wantInvalid(t, "strict", err, "name too_long", "metadata too_many")
	made(strict.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "longer than two"}))(t) // that limit is for users
}

// An update cannot change fields that only the Manager sets: it writes nothing and names
// each of them.
func TestGroupReadOnly(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		g := made(w.acme.Groups().Create(ctx, wholeSpec()))(t)
		changes := map[string]func(*enduser.Group){
			"id":          func(g *enduser.Group) { g.ID = "x" },
			"external_id": func(g *enduser.Group) { g.ExternalID = "team-é" }, // also another spelling
			"number":      func(g *enduser.Group) { g.Number++ },
			"tenant_id":   func(g *enduser.Group) { g.Tenant = "umbrella" },
			"environment": func(g *enduser.Group) { g.Environment = enduser.Testing },
			"created_by":  func(g *enduser.Group) { g.CreatedBy = "bob" },
			"updated_by":  func(g *enduser.Group) { g.UpdatedBy = "bob" },
			"created_at":  func(g *enduser.Group) { g.CreatedAt = epoch.Add(time.Second) },
			"updated_at":  func(g *enduser.Group) { g.UpdatedAt = time.Time{} },
			"revision":    func(g *enduser.Group) { g.Revision = 0 },
		}
		var all []string
		for field, change := range changes {
			all = append(all, field+" read_only")
			wantInvalid(t, field, second(w.acme.Groups().Update(ctx, enduser.GroupByID(g.ID), func(g *enduser.Group) error { change(g); return nil })), field+" read_only")
		}
		_, err := w.acme.Groups().Update(ctx, enduser.GroupByID(g.ID), func(g *enduser.Group) error {
			for _, change := range changes {
				change(g)
			}
			return nil
		})
		wantInvalid(t, "all", err, all...)
		// Nor by putting another group in its place.
		other := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "other"}))(t)
		replace := func(g *enduser.Group) error { *g = other; return nil }
		wantErr(t, "another group", second(w.acme.Groups().Update(ctx, enduser.GroupByID(g.ID), replace)), enduser.ErrInvalid)
		diff(t, "after", must(w.acme.Groups().Get(ctx, enduser.GroupByID(g.ID)))(t), g)
		diff(t, "feed", feed(t, w.acme), []string{"created " + g.ID, "created " + other.ID})
	})
}

// A reference that can match nothing is invalid; any other is looked up.
func TestGroupRefs(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{ExternalID: "team"}))(t)
		for name, c := range map[string]struct {
			ref  enduser.GroupRef
			want string // "": not found
		}{
			"zero":              {enduser.GroupRef{}, "ref required"},
			"no ID":             {enduser.GroupByID(""), "id required"},
			"no external ID":    {enduser.GroupByExternalID(""), "external_id required"},
			"no token":          {enduser.GroupByToken(""), "token required"},
			"long ID":           {enduser.GroupByID(strings.Repeat("x", 257)), "id too_long"},
			"longest ID":        {enduser.GroupByID(strings.Repeat("x", 256)), ""},
			"long external ID":  {enduser.GroupByExternalID(strings.Repeat("x", 1<<12)), "external_id too_long"},
			"long token":        {enduser.GroupByToken(strings.Repeat("x", 1<<12)), ""},
			"control":           {enduser.GroupByExternalID("a\n"), "external_id invalid_characters"},
			"not UTF-8":         {enduser.GroupByID("\xff"), "id invalid_utf8"},
			"a user":            {enduser.GroupByID(u.ID), ""},
			"a user's ID":       {enduser.GroupByExternalID("team"), ""},
			"a user's own ID":   {enduser.GroupByExternalID(u.ID), ""},
			"sensitive values":  {enduser.GroupByID("sensitive/" + u.ID), ""},
			"angle brackets":    {enduser.GroupByExternalID("<>"), ""},
			"token, 64 letters": {enduser.GroupByToken(strings.Repeat("f", 64)), ""},
		} {
			for method, call := range groupMethods(t) {
				err := call(w.acme, c.ref)
				if c.want == "" {
					wantErr(t, name+": "+method, err, enduser.ErrNotFound)
				} else {
					wantInvalid(t, name+": "+method, err, c.want)
				}
			}
		}
		must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t)
		// A group is no user either.
		g := made(w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "team"}))(t)
		for name, ref := range map[string]enduser.Ref{"ID": enduser.ByID(g.ID), "external ID": enduser.ByExternalID(g.ID)} {
			wantErr(t, "user by "+name, second(w.acme.Get(ctx, ref)), enduser.ErrNotFound)
			wantErr(t, "delete by "+name, w.acme.Delete(ctx, ref), enduser.ErrNotFound)
		}
		for what, got := range map[string]string{
			"id": enduser.GroupByID("x").String(), "external_id": enduser.GroupByExternalID("x").String(),
			"token": enduser.GroupByToken("x").String(), "ref": enduser.GroupRef{}.String(),
		} {
			if got != what {
				t.Errorf("%q, want %q", got, what)
			}
		}
	})
}
