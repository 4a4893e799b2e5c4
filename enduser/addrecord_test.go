package enduser

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	"github.com/rollbook-go/rollbook/store/storetest"
)

// An invitation is a toy kind of record, made as docs/adding-a-record.md says: it shows
// that a new kind touches no backend.
type invitation struct {
	id, code, email string
	expires         time.Time
}

const (
	kindInvitation    = "invitation"
	keyInvitationCode = "invitation_code" // SHA-256, hexadecimal
)

func invitationKey(code string) store.Key {
	return store.Key{Kind: keyInvitationCode, Value: hashToken(code)}
}

func (w *writer) invitationRecord(i *invitation) store.Record {
	b := appendText(appendVersions(nil), "email", i.email)
	b = appendStamp(appendTime(b, "expires_at", i.expires), w.stamp)
	return store.Record{
		ID: i.id, Kind: kindInvitation, Due: i.expires,
		Unique: []store.Key{invitationKey(i.code)}, Data: append(b, '}'),
	}
}

func decodeInvitation(r *store.Record) (i invitation, err error) {
	i.id = r.ID
	p := jsontext.NewScanner(string(r.Data))
	var v versions
	err = v.end(&p, p.Object(func(name string) (err error) {
		switch name {
		case "email":
			i.email, err = p.String()
		case "expires_at":
			i.expires, err = scanTime(&p)
		default:
			err = v.other(&p, name)
		}
		return err
	}))
	if err != nil {
		return invitation{}, unreadable(kindInvitation, r.ID, err)
	}
	return i, nil
}

// invite creates an invitation. ErrConflict if the code is in use.
func (t Tenant) invite(ctx context.Context, code, email string, ttl time.Duration) (invitation, error) {
	w, err := t.writer()
	if err != nil {
		return invitation{}, err
	}
	i := invitation{id: w.m.newID(), code: code, email: email, expires: w.now.Add(ttl)}
	done, err := w.apply(ctx, store.Ops(store.Create(w.invitationRecord(&i), nil)))
	if err == nil && done.taken != nil {
		err = ErrConflict
	}
	return i, err
}

// invited returns the invitation with a code. ErrNotFound if there is none, or it has
// expired.
func (t Tenant) invited(ctx context.Context, code string) (invitation, error) {
	c, err := t.begin()
	if err != nil {
		return invitation{}, err
	}
	r, err := t.m.store.Get(ctx, c.name, invitationKey(code))
	if err != nil {
		return invitation{}, translate("get", err)
	}
	i, err := decodeInvitation(&r)
	if err == nil && !t.m.millis().Before(i.expires) {
		err = ErrNotFound
	}
	return i, err
}

func TestAddingAKind(t *testing.T) {
	t.Parallel()
	for name, st := range map[string]store.Store{"memory": memory.New(nil), "stingy": storetest.Stingy(memory.New(nil))} {
		t.Run(name, func(t *testing.T) {
			ctx := t.Context()
			now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
			m := New(st, &Options{Now: func() time.Time { return now }})
			acme, umbrella := m.Tenant("acme"), m.Tenant("umbrella")
			want, err := acme.invite(ctx, "c0de", "ann@example.com", time.Hour)
			if err != nil {
				t.Fatal(err)
			}
			got, err := acme.invited(ctx, "c0de")
			if err != nil || got.id != want.id || got.email != want.email || !got.expires.Equal(want.expires) {
				t.Errorf("read: %v, %v", got, err)
			}
			if _, err := acme.invite(ctx, "c0de", "bob@example.com", time.Hour); !errors.Is(err, ErrConflict) {
				t.Errorf("the code again: %v", err)
			}
			if _, err := umbrella.invited(ctx, "c0de"); !errors.Is(err, ErrNotFound) {
				t.Errorf("another tenant: %v", err)
			}
			now = now.Add(time.Hour)
			if _, err := acme.invited(ctx, "c0de"); !errors.Is(err, ErrNotFound) {
				t.Errorf("expired: %v", err)
			}
		})
	}
}
