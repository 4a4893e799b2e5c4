package enduser_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

func secretText(s string) enduser.Secret { return enduser.NewSecret(enduser.String(s)) }

// A group that is imported is what it was elsewhere, and keeps its token.
func TestImportGroup(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx, from, to := t.Context(), newWorld(memory.New(nil)), newWorld(st)
		g, token, err := from.acme.Groups().Create(ctx, enduser.GroupSpec{
			ExternalID: "Team", Name: "Seven", Metadata: enduser.Metadata{"a": enduser.Int(1)}, SystemProperties: enduser.Metadata{"s": enduser.Int(2)},
		})
		ok(t, err)
		in := enduser.GroupImport{
			GroupSpec: enduser.GroupSpec{ExternalID: g.ExternalID, Name: g.Name, Metadata: g.Metadata, SystemProperties: g.SystemProperties},
			ID:        g.ID, Number: g.Number, SealedToken: g.SealedToken(),
			CreatedAt: g.CreatedAt, UpdatedAt: g.UpdatedAt, CreatedBy: "eve", UpdatedBy: "mallory",
		}
		to.Advance(time.Hour)
		made, outcome, err := to.acme.Groups().Import(ctx, in)
		ok(t, err)
		g.CreatedBy, g.UpdatedBy, g.AddedAt, g.Version, g.Revision = "eve", "mallory", to.users.Now(), made.Version, made.Revision
		if !made.Equal(g) || outcome != enduser.Created {
			t.Errorf("%s: %+v\nwant %+v", outcome, made, g)
		}
		found, err := to.acme.Groups().Authenticate(ctx, token)
		if err != nil || !found.Equal(made) {
			t.Errorf("its token leads to %v, %v", found, err)
		}
		if again, outcome, err := to.acme.Groups().Import(ctx, in); err != nil || outcome != enduser.Unchanged || !again.Equal(made) {
			t.Errorf("again: %s, %v, %+v", outcome, err, again)
		}
		in.Name, in.Metadata, in.Number, in.SealedToken = "Eight", enduser.Metadata{"b": enduser.Int(3)}, 0, nil
		merged, outcome, err := to.acme.Groups().Import(ctx, in)
		if err != nil || outcome != enduser.Updated || merged.Name != "Eight" || len(merged.Metadata) != 2 || merged.Number != g.Number {
			t.Errorf("merged: %s, %v, %+v", outcome, err, merged)
		}
		if shown, err := to.acme.Groups().Reveal(ctx, merged); err != nil || shown != token {
			t.Errorf("the token is another: %v", err)
		}
	})
}

// Without ID, number and token a group gets them as always, and is found by its external ID.
func TestImportGroupAnew(t *testing.T) {
	w := newWorld(memory.New(nil))
	in := enduser.GroupImport{GroupSpec: enduser.GroupSpec{ExternalID: "Team"}}
	made, outcome, err := w.acme.Groups().Import(t.Context(), in)
	ok(t, err)
	if outcome != enduser.Created || made.ID == "" || made.Number == 0 || made.CreatedBy != "ann" {
		t.Errorf("%s: %+v", outcome, made)
	}
	if token, err := w.acme.Groups().Reveal(t.Context(), made); err != nil || len(token) != 64 {
		t.Errorf("token %q, %v", token, err)
	}
	if again, outcome, err := w.acme.Groups().Import(t.Context(), in); err != nil || outcome != enduser.Unchanged || again.ID != made.ID {
		t.Errorf("again: %s, %v", outcome, err)
	}
}

// A group keeps the token that it had in another product, here also where tokens are sealed anew
// and rotated.
func TestImportGroupWithItsToken(t *testing.T) {
	each(t, func(t *testing.T, st store.Store) {
		ctx, w := t.Context(), newWorld(st)
		const token = "customer-token-of-another-product~1"
		in := enduser.GroupImport{GroupSpec: enduser.GroupSpec{ExternalID: "Team"}, Token: enduser.NewSecret(enduser.String(token))}
		made, outcome, err := w.acme.Groups().Import(ctx, in)
		ok(t, err)
		found, err := w.acme.Groups().Authenticate(ctx, token)
		if err != nil || !found.Equal(made) || outcome != enduser.Created {
			t.Errorf("%s; its token leads to %v, %v", outcome, found, err)
		}
		if shown, err := w.acme.Groups().Reveal(ctx, made); err != nil || shown != token {
			t.Errorf("another token is shown: %v", err)
		}
		if strings.Contains(fmt.Sprintf("%+v %#v", in, in), token) {
			t.Error("a print shows the token")
		}
		in.ExternalID = "Other"
		if _, _, err := w.acme.Groups().Import(ctx, in); !errors.Is(err, enduser.ErrConflict) || strings.Contains(err.Error(), token) {
			t.Errorf("a token that a group has: %v", err)
		}
		in.ExternalID = "Team"
		rotated, second, err := w.acme.Groups().Rotate(ctx, enduser.GroupByToken(token), 0)
		ok(t, err)
		again, outcome, err := w.acme.Groups().Import(ctx, in)
		if err != nil || outcome != enduser.Unchanged || !again.Equal(rotated) {
			t.Errorf("again, after a rotation: %s, %v", outcome, err)
		}
		if found, err := w.acme.Groups().Authenticate(ctx, second); err != nil || found.ID != made.ID {
			t.Errorf("the new token leads to %v, %v", found, err)
		}
		if _, err := w.acme.Groups().Authenticate(ctx, token); !errors.Is(err, enduser.ErrNotFound) {
			t.Errorf("the old token: %v", err)
		}
	})
}

// An import takes nothing from anybody, and opens nothing that was sealed elsewhere.
func TestImportGroupRefused(t *testing.T) {
	w, ctx := newWorld(memory.New(nil)), t.Context()
	there, _, err := w.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: "there"})
	ok(t, err)
	other, _, err := w.users.Tenant("other").Groups().Create(ctx, enduser.GroupSpec{ExternalID: "there"})
	ok(t, err)
	u, err := w.acme.Create(ctx, enduser.Spec{Name: "Ann"})
	ok(t, err)
	for name, test := range map[string]struct {
		change func(*enduser.GroupImport)
		want   error
	}{
		"an ID that is a user's":      {func(in *enduser.GroupImport) { in.ID = u.ID }, enduser.ErrConflict},
		"an ID of another group":      {func(in *enduser.GroupImport) { in.ID = there.ID }, enduser.ErrConflict},
		"another's external ID":       {func(in *enduser.GroupImport) { in.ExternalID = "there" }, enduser.ErrConflict},
		"another's number":            {func(in *enduser.GroupImport) { in.Number = there.Number }, enduser.ErrConflict},
		"another group's token":       {func(in *enduser.GroupImport) { in.SealedToken = there.SealedToken() }, enduser.ErrCorrupt},
		"another tenant's token":      {func(in *enduser.GroupImport) { in.ID, in.SealedToken = other.ID, other.SealedToken() }, enduser.ErrCorrupt},
		"a token that is none":        {func(in *enduser.GroupImport) { in.SealedToken = []byte{} }, enduser.ErrCorrupt},
		"a token that can be guessed": {func(in *enduser.GroupImport) { in.Token = secretText(strings.Repeat("x", 31)) }, enduser.ErrInvalid},
		"a token that is too long":    {func(in *enduser.GroupImport) { in.Token = secretText(strings.Repeat("x", 256)) }, enduser.ErrInvalid},
		"a token with spaces":         {func(in *enduser.GroupImport) { in.Token = secretText(strings.Repeat("x ", 20)) }, enduser.ErrInvalid},
		"a token that is no string":   {func(in *enduser.GroupImport) { in.Token = enduser.NewSecret(enduser.Int(1)) }, enduser.ErrInvalid},
		"two tokens": {func(in *enduser.GroupImport) {
			in.SealedToken, in.Token = []byte{}, secretText(strings.Repeat("x", 40))
		}, enduser.ErrInvalid},
		"an ID that is none":            {func(in *enduser.GroupImport) { in.ID = "a/b" }, enduser.ErrInvalid},
		"a number that is none":         {func(in *enduser.GroupImport) { in.Number = -1 }, enduser.ErrInvalid},
		"a number that is too large":    {func(in *enduser.GroupImport) { in.Number = 1 << 31 }, enduser.ErrInvalid},
		"no external ID":                {func(in *enduser.GroupImport) { in.ExternalID = "" }, enduser.ErrInvalid},
		"created later":                 {func(in *enduser.GroupImport) { in.CreatedAt = w.users.Now().Add(time.Second) }, enduser.ErrInvalid},
		"updated by somebody unspoken":  {func(in *enduser.GroupImport) { in.UpdatedBy = "a\x00" }, enduser.ErrInvalid},
		"updated before there was time": {func(in *enduser.GroupImport) { in.UpdatedAt = time.Unix(-1, 0) }, enduser.ErrInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			in := enduser.GroupImport{GroupSpec: enduser.GroupSpec{ExternalID: "new"}, ID: "new-1"}
			test.change(&in)
			if _, _, err := w.acme.Groups().Import(ctx, in); !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
			if _, err := w.acme.Groups().Get(ctx, enduser.GroupByExternalID("new")); !errors.Is(err, enduser.ErrNotFound) {
				t.Errorf("it is there: %v", err)
			}
		})
	}
}
