package enduser

import (
	"context"
	"errors"
	"slices"

	"github.com/rollbook-go/rollbook/store"
)

// Create makes a new user. It returns ErrConflict if its external ID, an account or, where
// they are unique, its e-mail address belongs to another user, or its external ID is another
// user's own ID. There is no user yet for conditions: [IfExists] and [IfVersion] fail.
//
// It is sent once. After ErrUnknown the user may exist, may still come, or may have been
// deleted since. If it has an identity, call Ensure or Upsert to find out: a second Create
// may find the first one's user in its way. If it has none, only a list can tell. With an
// idempotency key, see [Idempotent], the same call can be made again.
func (t Tenant) Create(ctx context.Context, s Spec, conds ...Condition) (User, error) {
	w, err := t.writerFor(ctx, request{kind: kindUser, call: "create", spec: &s})
	defer w.end()
	var c creation
	if err == nil {
		if c, err = w.create(ctx, &Import{Spec: s}, conds, false); err == nil && c.result != created {
			err = c.conflict
		}
		err = w.confirm(ctx, err)
	}
	if err != nil {
		u, _, err := w.replayUser(ctx, err)
		return u, err
	}
	return c.user, nil
}

// Check validates a spec by the policy, as Create would, and writes nothing. It does not
// find conflicts with other users.
func (t Tenant) Check(s Spec) error {
	w, err := t.writer()
	if err != nil {
		return err
	}
	return w.check(s)
}

func (w *writer) check(s Spec) error {
	_, _, err := w.describe(&Import{Spec: s}, "check")
	return err
}

// Ensure returns the user that the spec identifies, and makes it if there is none. It
// changes at most one thing of a user that exists: one that is provisional becomes permanent
// if the spec has no ExpiresIn (Updated, and a change of type [ChangeAssociated]).
//
// The external ID of a spec identifies its user. If it has none its first account does, and
// if it has no account its e-mail address does, where addresses are unique. A spec with
// none of them is ErrInvalid. The other fields of a spec matter only if it makes a user.
// Ensure returns ErrConflict if something else in the spec that is unique belongs to another
// user, and ErrAmbiguous if several users have the address that identifies.
//
// The conditions must hold of the user that exists, or of nothing: see [Condition].
//
// It writes at most once. After ErrUnknown call it again: it then finds the user that the
// first call made, or makes a new one if somebody has deleted it.
func (t Tenant) Ensure(ctx context.Context, s Spec, conds ...Condition) (User, Outcome, error) {
	return t.createOr(ctx, s, conds, false)
}

// Upsert makes the user that the spec identifies (see [Tenant.Ensure]), or merges the spec
// into it. If that changes nothing, nothing is written: the user gets no new version and the
// feed no change. Sensitive values, which nobody can compare, are written each time. A
// provisional user becomes permanent if the spec has no ExpiresIn; the change is then of
// type [ChangeAssociated], whatever else it changes.
// It returns ErrConflict if something in the spec that is unique belongs to another user.
// It can be repeated safely after any error, and should be after ErrUnknown, see
// [Tenant.Ensure].
//
// The conditions must hold of the user that exists, or of nothing: see [Condition].
func (t Tenant) Upsert(ctx context.Context, s Spec, conds ...Condition) (User, Outcome, error) {
	return t.createOr(ctx, s, conds, true)
}

// createOr makes the user that a spec identifies. If it exists, it merges the spec into it,
// or keeps it. It starts again if that user has changed meanwhile.
func (t Tenant) createOr(ctx context.Context, s Spec, conds conditions, merge bool) (u User, outcome Outcome, err error) {
	call := "ensure"
	if merge {
		call = "upsert"
	}
	w, err := t.writerFor(ctx, request{kind: kindUser, call: call, spec: &s})
	defer w.end()
	if err != nil {
		return w.replayUser(ctx, err)
	}
	if u, outcome, err = w.createOr(ctx, &Import{Spec: s}, conds, merge); err != nil {
		return w.replayUser(ctx, err)
	}
	return u, outcome, nil
}

func (w *writer) createOr(ctx context.Context, in *Import, conds conditions, merge bool) (u User, outcome Outcome, err error) {
	err = w.settle(ctx, func() (string, error) {
		c, err := w.create(ctx, in, conds, true)
		switch {
		case err != nil:
		case c.result == conflicting:
			err = c.conflict
		case c.result == created:
			u, outcome = c.user, Created
		case merge:
			u, outcome, err = w.update(ctx, &c.record, conds, in.merge)
		default:
			u, outcome, err = w.keep(ctx, &in.Spec, &c, conds)
		}
		return c.record.ID, err
	})
	return u, outcome, w.confirm(ctx, err)
}

// keep leaves the user that exists as it is, or makes it permanent.
func (w *writer) keep(ctx context.Context, s *Spec, c *creation, conds conditions) (User, Outcome, error) {
	if err := w.checkOthers(ctx, s, c); err != nil {
		return User{}, 0, err
	}
	if s.ExpiresIn == 0 && !c.user.ExpiresAt.IsZero() {
		return w.update(ctx, &c.record, conds, associate)
	}
	if err := conds.ofUser(&c.user); err != nil {
		return User{}, 0, err
	}
	return c.user, Unchanged, nil
}

// creation is what became of a create.
type creation struct {
	result   creationResult
	user     User           // the new one, or the one that exists
	record   store.Record   // of the one that exists
	conflict *ConflictError // what is in the way; also of one that exists, for a call that must make one
	others   *ConflictError // of one that exists: another has its new address
}

type creationResult uint8

const (
	created     creationResult = iota + 1
	existing                   // the user that the spec identifies exists
	conflicting                // something in the spec belongs to another
)

// create writes a new user, or finds the one that the spec identifies. Either way it is one
// round trip, and one more before it where addresses are unique.
//
// With ensure it is for a call that takes the user that exists. The spec must then identify
// one, and an invalid spec is an error only if the user does not exist.
func (w *writer) create(ctx context.Context, in *Import, conds conditions, ensure bool) (creation, error) {
	id := in.ID
	if id == "" {
		id = w.m.newID()
	} else if c, err := w.imported(ctx, id); err != nil || c.result != 0 {
		return c, err
	}
	u, edit, err := w.describe(in, id)
	switch {
	case ensure && in.ID == "" && !u.identifies():
		return creation{}, unidentified(err)
	case err != nil && ensure:
		return w.existing(ctx, in, &u, err)
	case err != nil:
		return creation{}, err
	}
	if err := conds.ofNothing(ifGroup); err != nil {
		return w.existing(ctx, in, &u, err)
	}
	switch holders, err := w.emailHolders(ctx, &u); {
	case err != nil:
		return creation{}, err
	case len(holders) > 1 && ensure && w.identity(in, &u).Kind == keyEmail:
		return creation{}, ErrAmbiguous
	case len(holders) > 0:
		return w.besides(ctx, w.identity(in, &u), holders)
	}
	p, err := w.planCreate(ctx, in, &u, &edit)
	switch {
	case err != nil && ensure:
		return w.existing(ctx, in, &u, err)
	case err != nil:
		return creation{}, err
	}
	done, conflict, err := w.applyAs(ctx, &p)
	switch {
	case conflict != nil && ensure: // the user with that own ID may go by it as its external ID, too
		return w.existing(ctx, in, &u, conflict)
	case conflict != nil:
		return creation{}, conflict
	case lost(err) && in.ID != "": // somebody has imported it meanwhile
		return creation{}, err
	case lost(err): // its ID is in use: NewID has returned it before
		return creation{}, translate("create", err)
	case err != nil:
		return creation{}, err
	case done.taken == nil:
		p.user.Version, p.user.Revision = w.written(done.revision), int64(done.revision)
		return creation{result: created, user: p.user}, nil
	case done.taken.Key != w.identity(in, &u):
		return creation{result: conflicting, conflict: in.conflict(w, done.taken)}, nil
	}
	return w.found(done.taken.Holder, done.taken.Key, w.conflict(done.taken))
}

// planCreate returns the write that makes a new user.
func (w *writer) planCreate(ctx context.Context, in *Import, u *User, edit *sensitiveEdit) (planned, error) {
	p := planned{user: *u}
	values, err := w.edited(ctx, &sensitiveRecord{}, &p.user, edit)
	if err != nil {
		return planned{}, err
	}
	p.ops = append(values, store.Create(w.record(&p.user, in.ID != ""), w.note(ChangeCreated, nil)))
	p.require = w.requireNobody(&User{}, &p.user)
	return p, nil
}

// existing returns the user that a spec identifies where it cannot make a new one. It
// returns the cause of that if the user does not exist. One that exists needs neither a
// policy that allows it nor a new seal.
func (w *writer) existing(ctx context.Context, in *Import, u *User, cause error) (creation, error) {
	var ref Ref
	switch {
	case in.ID != "" || !u.identifies():
		return creation{}, cause
	case u.ExternalID != "":
		ref = ByExternalID(u.ExternalID)
	case len(u.Accounts) > 0:
		ref = ByAccount(u.Accounts[0])
	default:
		ref = ByEmail(u.Email)
	}
	r, there, err := w.get(ctx, w.name, ref, w.now)
	switch {
	case errors.Is(err, ErrNotFound), errors.Is(err, ErrInvalid):
		return creation{}, cause
	case err != nil:
		return creation{}, err
	}
	identity, err := ref.key(w.Tenant)
	c := creation{
		result: existing, user: there, record: r,
		conflict: w.conflict(&store.TakenError{Key: identity, Holder: r}),
	}
	if err == nil && u.emailClaimed && ref.by != byEmail {
		u.ID = there.ID
		var holders []store.Record
		if holders, err = w.emailHolders(ctx, u); len(holders) > 0 {
			c.others = emailConflict(holders)
		}
	}
	return c, err
}

// besides finds the user that an identity names where others hold its new address. If the
// user does not exist they are a conflict: the identity comes first, as in the store. If one
// of them is the user it is not read again, since it may have changed meanwhile.
func (w *writer) besides(ctx context.Context, identity store.Key, holders []store.Record) (creation, error) {
	for _, r := range holders {
		u, live, err := w.decode(&r, w.now)
		if identity.Kind == keyEmail || err == nil && live && u.goesBy(identity) {
			return w.found(r, identity, w.conflict(&store.TakenError{Key: identity, Holder: r}))
		}
	}
	address, conflict := emailConflict(holders), emailConflict(holders)
	r, err := w.m.store.Get(ctx, w.name, identity)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return creation{result: conflicting, conflict: conflict}, nil
	case err != nil:
		return creation{}, translate("get", err)
	}
	if _, gone := w.expired(&r); !gone {
		conflict = w.conflict(&store.TakenError{Key: identity, Holder: r})
	}
	c, err := w.found(r, identity, conflict)
	c.others = address
	return c, err
}

// checkOthers returns a conflict if a spec has, beside the identity of the user that exists,
// an account or address of another.
func (w *writer) checkOthers(ctx context.Context, s *Spec, c *creation) error {
	if len(s.Accounts) > w.policy.MaxAccounts {
		return w.check(*s)
	}
	for _, a := range s.Accounts {
		key, err := ByAccount(a).key(w.Tenant)
		if err != nil || slices.Contains(c.user.Accounts, a) {
			continue // nobody can have it, or the user has it
		}
		switch r, err := w.m.store.Get(ctx, w.name, key); {
		case errors.Is(err, store.ErrNotFound):
		case err != nil:
			return translate("get", err)
		default:
			if _, gone := w.expired(&r); !gone && r.ID != c.user.ID {
				return w.conflict(&store.TakenError{Key: key, Holder: r})
			}
		}
	}
	if c.others == nil || emailKey(s.Email) == emailKey(c.user.Email) {
		return nil
	}
	return c.others
}

// found returns the user in a record, or the conflict if the user does not have the
// identity or has expired.
func (w *writer) found(r store.Record, identity store.Key, conflict *ConflictError) (creation, error) {
	u, live, err := w.decode(&r, w.now)
	if err != nil {
		return creation{}, err
	}
	c := creation{result: existing, user: u, record: r, conflict: conflict}
	if !live || !u.goesBy(identity) {
		c.result = conflicting
	}
	return c, nil
}

// describe returns the user that a spec describes, with an ID. The error is an
// *InvalidError.
func (w *writer) describe(in *Import, id string) (User, sensitiveEdit, error) {
	s := &in.Spec
	e := Edit{exact: w.exact, User: User{
		ID: id, Tenant: w.Tenant.name, Environment: w.env,
		CreatedBy: w.actor, UpdatedBy: w.actor, CreatedAt: w.now, UpdatedAt: w.now, AddedAt: w.now,
	}}
	plain := *s
	plain.Accounts, plain.Groups = nil, nil
	plain.Merge(&e)
	u := e.User
	// As they were given, since a duplicate in them is invalid.
	u.Accounts, u.Groups = slices.Clone(s.Accounts), slices.Clone(s.Groups)
	if s.ExpiresIn > 0 {
		u.ExpiresAt = w.now.Add(s.ExpiresIn)
	}
	u.normalize()
	u.emailClaimed = w.policy.UniqueEmail && u.Email != ""
	if s.ExpiresIn < 0 {
		e.wrong.add(Field{Name: "expires_in"}, CodeValue, "must not be negative")
	}
	w.describeOrigin(&e.wrong, in, &u)
	return u, e.sensitive, e.wrong.with(w.policy.validate(&User{}, &u, &e.sensitive))
}

// identifies reports whether a new user has an identity.
func (u *User) identifies() bool { return u.ExternalID != "" || len(u.Accounts) > 0 || u.emailClaimed }

// identity returns the key that identifies a new user: that of its own ID if nothing else does.
func (w *writer) identity(in *Import, u *User) store.Key {
	switch {
	case in.ID != "":
		return store.ID(in.ID)
	case u.ExternalID != "":
		return w.externalIDKey(u.ExternalID)
	case len(u.Accounts) > 0:
		return accountKey(u.Accounts[0])
	case u.emailClaimed:
		return emailKey(u.Email)
	}
	return w.externalIDKey(u.ID)
}

// unidentified returns the error for a spec that identifies nobody, with its other
// violations.
func unidentified(err error) error {
	v := violations{{Field{Name: "external_id"}, CodeRequired, "must be given, or an account, to identify a user"}}
	return v.with(err)
}

// emailHolders returns the records of other users with an address that must be unique. It
// also finds users that have not claimed it, who hold no unique key. Two records mean two or
// more.
func (w *writer) emailHolders(ctx context.Context, u *User) ([]store.Record, error) {
	if !u.emailClaimed {
		return nil, nil
	}
	records, err := w.withEmail(ctx, w.name, u.Email, w.now, 3)
	records = slices.DeleteFunc(records, func(r store.Record) bool { return r.ID == u.ID })
	return records[:min(len(records), 2)], err
}

func emailConflict(holders []store.Record) *ConflictError {
	return &ConflictError{Kind: kindUser, Field: "email", HolderID: holders[0].ID}
}
