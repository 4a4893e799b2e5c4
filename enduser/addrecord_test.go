package enduser

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/store"
)

// An invitation is a toy kind of record, made in the steps of docs/adding-a-record.md. It
// shows that a new kind touches no backend.
type invitation struct {
	id, code, email string
	accepted        bool
	expires         time.Time
}

const (
	kindInvitation    = "invitation"
	keyInvitationCode = "invitation_code" // SHA-256, hexadecimal: the code is a secret
)

// invitationKind is the line in the table of kinds.
func invitationKind() kind {
	return kind{
		name: kindInvitation,
		member: func(name string) bool {
			return name == "email" || name == "accepted" || name == "expires_at" || name == "stamp"
		},
		key:     func(kind string) (field string, own bool) { return "code", kind == keyInvitationCode },
		overdue: (*writer).overdueInvitation,
	}
}

func (w *writer) overdueInvitation(r *store.Record) ([]store.Op, error) {
	i, err := decodeInvitation(r)
	if err != nil || w.now.Before(i.expires) {
		return nil, err
	}
	return []store.Op{store.Delete(*r, nil)}, nil
}

func invitationKey(code string) store.Key {
	return store.Key{Kind: keyInvitationCode, Value: hashToken(code)}
}

// invitationRecord returns the record that holds an invitation, with what a newer program
// put into the one that it replaces.
func (w *writer) invitationRecord(i *invitation, unique []store.Key, from carried) store.Record {
	b := appendText(appendVersions(nil), "email", i.email)
	if i.accepted {
		b = append(b, `,"accepted":true`...)
	}
	b = appendStamp(appendTime(b, "expires_at", i.expires), w.stamp)
	return store.Record{
		ID: i.id, Kind: kindInvitation, Due: i.expires,
		Unique: append(unique, from.unique...), Index: from.index, Data: append(append(b, from.members...), '}'),
	}
}

// decodeInvitation reads an invitation, but for its code, of which there is only a hash.
func decodeInvitation(r *store.Record) (i invitation, err error) {
	i.id = r.ID
	p := jsontext.NewScanner(string(r.Data))
	var v versions
	err = v.end(&p, p.Object(func(name string) (err error) {
		switch name {
		case "email":
			i.email, err = p.String()
		case "accepted":
			i.accepted, err = p.Bool()
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

// invite creates an invitation. It returns ErrConflict if the code is in use.
func (t Tenant) invite(ctx context.Context, code, email string, ttl time.Duration) (invitation, error) {
	w, err := t.writer()
	if err != nil {
		return invitation{}, err
	}
	i := invitation{id: w.m.newID(), code: code, email: email, expires: w.now.Add(ttl)}
	r := w.invitationRecord(&i, []store.Key{invitationKey(code)}, carried{})
	done, err := w.apply(ctx, store.Ops(store.Create(r, nil)))
	if err == nil && done.taken != nil {
		err = w.conflict(done.taken)
	}
	return i, err
}

// invited returns the invitation with a code. It returns ErrNotFound if there is none, or
// it has expired.
func (t Tenant) invited(ctx context.Context, code string) (invitation, store.Record, error) {
	c, err := t.begin()
	if err != nil {
		return invitation{}, store.Record{}, err
	}
	r, err := t.m.store.Get(ctx, c.name, invitationKey(code))
	if err != nil {
		return invitation{}, r, translate("get", err)
	}
	i, err := decodeInvitation(&r)
	if err == nil && !t.m.millis().Before(i.expires) {
		err = ErrNotFound
	}
	return i, r, err
}

// accept marks an invitation as accepted.
func (t Tenant) accept(ctx context.Context, code string) error {
	w, err := t.writer()
	if err != nil {
		return err
	}
	return w.settle(ctx, func() (string, error) {
		i, r, err := w.invited(ctx, code)
		if err != nil || i.accepted {
			return r.ID, err
		}
		i.accepted = true
		from, err := invitationKind().carry(&r)
		if err != nil {
			return r.ID, err
		}
		_, err = w.apply(ctx, store.Ops(store.Replace(r, w.invitationRecord(&i, []store.Key{invitationKey(code)}, from), nil)))
		return r.ID, err
	})
}

func TestAddingAKind(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(testing.TB) store.Store{
		"memory": backends.Memory, "stingy": backends.Stingy, "sqlite": backends.SQLite, "miniredis": backends.Miniredis,
	} {
		t.Run(name, func(t *testing.T) { testInvitations(t, open(t)) })
	}
}

func testInvitations(t *testing.T, st store.Store) {
	ctx := t.Context()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	m := New(st, &Options{Now: func() time.Time { return now }})
	m.kinds = append(m.kinds, invitationKind())
	acme, umbrella := m.Tenant("acme"), m.Tenant("umbrella")
	check := func(what string, err, want error) {
		t.Helper()
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
	}
	want, err := acme.invite(ctx, "c0de", "ann@example.com", time.Hour)
	check("create", err, nil)
	_, err = acme.invite(ctx, "c0de", "bob@example.com", time.Hour)
	check("the code again", err, ErrConflict)
	if conflict, ok := errors.AsType[*ConflictError](err); !ok || *conflict != (ConflictError{Kind: kindInvitation, Field: "code", HolderID: want.id}) {
		t.Errorf("the conflict is %v", err)
	}
	_, _, err = umbrella.invited(ctx, "c0de")
	check("another tenant", err, ErrNotFound)

	// A newer program adds a member; accepting keeps it.
	_, r, err := acme.invited(ctx, "c0de")
	check("read", err, nil)
	newer := r
	newer.Data = []byte(strings.Replace(string(r.Data), `}`, `,"note":"hi"}`, 1))
	if _, err := st.Apply(ctx, "acme", store.Ops(store.Replace(r, newer, nil))); err != nil {
		t.Fatal(err)
	}
	check("accept", acme.accept(ctx, "c0de"), nil)
	got, r, err := acme.invited(ctx, "c0de")
	if err != nil || got.id != want.id || got.email != want.email || !got.accepted || !strings.Contains(string(r.Data), `"note":"hi"`) {
		t.Errorf("accepted: %+v, %s, %v", got, r.Data, err)
	}

	now = now.Add(time.Hour)
	_, _, err = acme.invited(ctx, "c0de")
	check("expired", err, ErrNotFound)
	_, err = m.Sweep(ctx)
	check("sweep", err, nil)
	_, err = st.Get(ctx, "acme", store.ID(want.id))
	check("swept", err, store.ErrNotFound)
}
