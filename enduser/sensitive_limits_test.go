package enduser_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

func numbered(n int, s enduser.Secret) secrets {
	out := make(secrets)
	for i := range n {
		out[fmt.Sprint("k", i)] = s
	}
	return out
}

// Specs and updates validate each limit at its edge: invalid values write nothing, valid
// ones are revealed.
func TestSensitiveLimits(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		object := must(enduser.JSON(`{"a":1}`))(t)
		huge := must(enduser.JSON("9223372036854775808"))(t)
		long := strings.Repeat("k", 128)
		const field = "sensitive"
		for name, c := range map[string]struct {
			set  secrets
			want []string
		}{
			"longest key":        {set: secrets{long: secret("x")}},
			"every letter":       {set: secrets{"azAZ09-_": secret("x"), "-": secret("x"), "_": secret("x"), "7": secret("x")}},
			"longest value":      {set: secrets{"k": secret(strings.Repeat("x", 4096))}},
			"one byte":           {set: secrets{"k": secret("x")}},
			"largest integers":   {set: secrets{"a": enduser.NewSecret(enduser.Int(math.MaxInt64)), "b": enduser.NewSecret(enduser.Int(math.MinInt64))}},
			"128 of the longest": {set: numbered(128, secret(strings.Repeat("x", 4096)))},
			"129 keys":           {numbered(129, secret("x")), []string{field + " too_many"}},
			"too long in all":    {numbered(128, secret(strings.Repeat("\x01", 4096))), []string{field + " too_long"}}, // as JSON six times as long
			"no key":             {secrets{"": secret("x")}, []string{field + " invalid_value"}},
			"long key":           {secrets{long + "k": secret("x")}, []string{field + " invalid_value"}},
			"dot":                {secrets{"a.b": secret("x")}, []string{field + " invalid_value"}},
			"slash":              {secrets{"a/b": secret("x")}, []string{field + " invalid_value"}},
			"letter beyond":      {secrets{"é": secret("x")}, []string{field + " invalid_value"}},
			"empty string":       {secrets{"k": secret("")}, []string{field + ".k required"}},
			"long value":         {secrets{"k": secret(strings.Repeat("x", 4097))}, []string{field + ".k too_long"}},
			"long in bytes":      {secrets{"k": secret(strings.Repeat("é", 2049))}, []string{field + ".k too_long"}},
			"fraction":           {secrets{"k": enduser.NewSecret(enduser.Float(1.5))}, []string{field + ".k invalid_value"}},
			"object":             {secrets{"k": enduser.NewSecret(object)}, []string{field + ".k invalid_value"}},
			"beyond 64 bits":     {secrets{"k": enduser.NewSecret(huge)}, []string{field + ".k invalid_value"}},
			"not UTF-8":          {secrets{"k": secret("\xff")}, []string{field + ".k invalid_value"}},
			"all at once": {
				secrets{"a": secret(""), "b": enduser.NewSecret(object), "c d": secret("x"), "e": secret("fine")},
				[]string{field + ".a required", field + ".b invalid_value", field + " invalid_value"},
			},
		} {
			u := must(w.acme.Create(ctx, enduser.Spec{}))(t)
			update := func(u *enduser.Edit) error {
				for key, s := range c.set {
					u.SetSensitive(key, s)
				}
				return nil
			}
			made, created := w.acme.Create(ctx, enduser.Spec{Sensitive: c.set})
			_, updated := w.acme.Update(ctx, enduser.ByID(u.ID), update)
			if c.want != nil {
				wantInvalid(t, name+": create", created, c.want...)
				wantInvalid(t, name+": update", updated, c.want...)
				reveals(t, name, w.acme, enduser.ByID(u.ID), values{})
				diff(t, name, must(w.acme.Get(ctx, enduser.ByID(u.ID)))(t), u)
				continue
			}
			if created != nil || updated != nil {
				t.Errorf("%s: %v, %v", name, created, updated)
				continue
			}
			first := must(w.acme.RevealSensitive(ctx, enduser.ByID(u.ID)))(t)
			reveals(t, name, w.acme, enduser.ByID(made.ID), first)
			if len(first) != len(c.set) {
				t.Errorf("%s: %d values came back", name, len(first))
			}
		}
	})
}

// The limit on keys counts live values.
func TestSensitiveCount(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx := t.Context()
		w := newWorld(st)
		u := must(w.acme.Create(ctx, enduser.Spec{Sensitive: numbered(128, secret("x"))}))(t)
		ref := enduser.ByID(u.ID)
		add := func(keys ...string) error {
			return second(w.acme.Update(ctx, ref, func(u *enduser.Edit) error {
				for _, key := range keys {
					u.SetSensitive(key, secret("y"))
				}
				return nil
			}))
		}
		wantInvalid(t, "one more", add("one-more"), "sensitive too_many")
		if err := add("k0", "k127"); err != nil {
			t.Error("those that are there:", err)
		}
		must(w.acme.Update(ctx, ref, func(u *enduser.Edit) error {
			u.SetSensitive("k1", enduser.Secret{})
			u.SetSensitive("one-more", secret("y"))
			return nil
		}))(t)
		if got := must(w.acme.RevealSensitive(ctx, ref))(t); len(got) != 128 {
			t.Errorf("%d values", len(got))
		}
		// A change of more than 64 keys does not name each.
		before := must(w.acme.Get(ctx, ref))(t)
		must(w.acme.Update(ctx, ref, func(u *enduser.Edit) error {
			u.ClearSensitive()
			u.SetSensitive("k5", secret("z"))
			return nil
		}))(t)
		change := changesAfter(t, w.acme, before.Revision)
		if len(change) != 1 || strings.Join(change[0].Fields, " ") != "sensitive" {
			t.Errorf("changes %+v", change)
		}
		reveals(t, "cleared", w.acme, ref, values{"k5": enduser.String("z")})
		w.Advance(enduser.SensitiveTTL) // all have expired and count no more
		if err := add("one-more", "k1"); err != nil {
			t.Error("after a day:", err)
		}
		diff(t, "after a day", len(must(w.acme.RevealSensitive(ctx, ref))(t)), 2)
	})
}
