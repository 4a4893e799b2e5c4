package enduser

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash"
	"strconv"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// request is what can be compared of two calls.
type request struct {
	kind, call  string
	user        Ref
	group       GroupRef
	webhook     string
	spec        *Spec
	groupSpec   *GroupSpec
	webhookSpec *WebhookSpec
	account     Account
	overlap     time.Duration
	shows       bool // the call returns a token, which a repeated call shows again
}

// once is the idempotency key of a call.
type once struct {
	*Idempotency

	kind   string // of what the call writes
	id     string // of the record of the answer
	digest string // of the request
	shows  bool
	token  string        // that the call made in its last attempt
	old    *store.Record // an answer whose time is over, which the new one replaces
	about  string        // the ID of what the call found, if it wrote nothing
	leave  func()        // ends the call for others of this process
}

// answered is the error of a call that was done before.
type answered struct{ answer }

// Error implements error.
func (*answered) Error() string { return "enduser: the call was done before" }

// writerFor is writer for a call that takes an idempotency key. The error is an *answered if
// the call was done before. The call must end with w.end in any case.
func (t Tenant) writerFor(ctx context.Context, r request) (writer, error) {
	w, err := t.writer()
	if err != nil {
		return w, err
	}
	i, _ := ctx.Value(idempotencyKey{}).(*Idempotency)
	if i == nil {
		return w, nil
	}
	i.replayed.Store(false)
	if err := i.check(); err != nil {
		return w, err
	}
	o := newOnce(i, w.actor, &r)
	if o.leave = t.m.running.enter(w.name, o.id); o.leave == nil {
		return w, ErrInProgress
	}
	w.once = o
	return w, w.look(ctx)
}

// end lets others of this process use the call's idempotency key.
func (w *writer) end() {
	if w.once != nil {
		w.once.leave()
	}
}

// about keeps the ID of what the call is about, for an answer that says that nothing changed.
func (w *writer) about(id string) {
	if w.once != nil {
		w.once.about = id
	}
}

// made keeps a token that the call made, for its answer.
func (w *writer) made(token string) {
	if w.once != nil && w.once.shows {
		w.once.token = token
	}
}

// newOnce returns the key of a call. The digest of the request is under the key, so that
// nobody who has a copy of the store and cannot guess the key finds out by it what was written.
func newOnce(i *Idempotency, actor string, r *request) *once {
	id := sha256.New()
	if i.Scope != "" {
		addTexts(id, "scope", i.Scope, i.Key)
	} else {
		addTexts(id, "actor", actor, i.Key)
	}
	digest := hmac.New(sha256.New, []byte(i.Key))
	if i.Digest != nil {
		addTexts(digest, "request", string(i.Digest))
	} else {
		addTexts(digest, "call")
		r.add(digest)
	}
	return &once{
		Idempotency: i, kind: r.kind, id: answerID(hex.EncodeToString(id.Sum(nil))), digest: hex.EncodeToString(digest.Sum(nil)),
		shows: r.shows,
	}
}

// add adds everything of a request to a digest.
func (r *request) add(h hash.Hash) {
	addTexts(h, r.kind, r.call, strconv.Itoa(int(r.user.by)), r.user.typ, r.user.value, strconv.Itoa(int(r.group.by)), r.group.value)
	addTexts(h, r.account.Type, r.account.ID, r.overlap.String(), r.webhook)
	if s := r.spec; s != nil {
		addTexts(h, s.ExternalID, s.Name, s.FirstName, s.LastName, s.Email, s.Avatar, s.Language, s.ExpiresIn.String())
		addTexts(h, string(s.Metadata.AppendJSON(nil)), string(s.SystemProperties.AppendJSON(nil)))
		for _, a := range s.Accounts {
			addTexts(h, "account", a.Type, a.ID)
		}
		addTexts(h, append([]string{"groups"}, s.Groups...)...)
		addTexts(h, append([]string{"clear"}, s.Clear...)...)
		addSecrets(h, s.Sensitive)
	}
	if s := r.groupSpec; s != nil {
		addTexts(h, s.ExternalID, s.Name, string(s.Metadata.AppendJSON(nil)), string(s.SystemProperties.AppendJSON(nil)))
	}
	if s := r.webhookSpec; s != nil {
		addTexts(h, s.URL, s.Description, string(s.Format), strconv.FormatBool(s.Disabled))
		addTexts(h, append([]string{"events"}, s.Events...)...)
		addSecrets(h, s.Headers)
	}
}

// addSecrets adds secrets to a digest.
func addSecrets(h hash.Hash, secrets map[string]Secret) {
	for _, key := range sortedKeys(secrets) {
		addTexts(h, "secret", key, secrets[key].reveal().Text())
	}
}

// addTexts adds a list of texts to a digest. No two sequences of lists have the same bytes.
func addTexts(h hash.Hash, texts ...string) {
	b := binary.AppendUvarint(nil, uint64(len(texts)))
	for _, text := range texts {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	_, _ = h.Write(b) // never fails: hash.Hash
}

// look returns an *answered if the call was done before, and ErrIdempotencyMismatch if its key
// belongs to another call.
func (w *writer) look(ctx context.Context) error {
	w.once.old = nil
	r, err := w.m.store.Get(ctx, w.name, store.ID(w.once.id))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return translate("get", err)
	case over(r.Due, IdempotencyTTL, w.now):
		w.once.old = &r
		return nil
	}
	a, err := decodeAnswer(&r)
	switch {
	case err != nil:
		return err
	case a.request != w.once.digest || a.kind != w.once.kind:
		return ErrIdempotencyMismatch
	}
	return &answered{a}
}

// send applies a batch whose last op of its kind is on what the call is about. If the call has
// an idempotency key, the batch gets its answer, too. Of two calls with the key at once one is
// stale there: its error is an *answered. An empty batch records that the call changed nothing.
//
// The error is the store's own if an op is stale, a requirement failed or a key is taken.
func (w *writer) send(ctx context.Context, what string, b store.Batch) (store.Revision, error) {
	if w.once == nil {
		rev, err := w.m.store.Apply(ctx, w.name, b)
		return rev, failed(what, err)
	}
	own := b.Ops
	for range maxAttempts {
		op, err := w.answer(ctx, own)
		if err != nil {
			return 0, err
		}
		b.Ops = append([]store.Op{op}, own...)
		rev, err := w.m.store.Apply(ctx, w.name, b)
		stale, ok := errors.AsType[*store.StaleError](err)
		switch {
		case !ok || !lost(err) || stale.Op < 0:
			return rev, failed(what, err)
		case stale.Op > 0:
			return 0, &store.StaleError{Op: stale.Op - 1, Require: stale.Require}
		}
		if err := w.look(ctx); err != nil {
			return 0, err
		}
	}
	return 0, ErrContended
}

// failed translates the error of a write, unless it says that the state is another one.
func failed(what string, err error) error {
	if err == nil || lost(err) || errors.Is(err, store.ErrTaken) && !errors.Is(err, store.ErrUnknown) {
		return err
	}
	return translate(what, err)
}

// answer returns the op that writes the answer of a call with these ops.
func (w *writer) answer(ctx context.Context, ops []store.Op) (store.Op, error) {
	o := w.once
	a := answer{request: o.digest, did: Unchanged.String(), kind: o.kind, id: o.about}
	for _, op := range ops {
		if r := cmp.Or(op.New, op.Old); r.Kind == o.kind { // the last one of the kind: others may be expired users
			a.did, a.id = op.Type().String(), r.ID
		}
	}
	a.until = w.now.Add(IdempotencyTTL)
	if o.token != "" {
		var err error
		if a.token, err = w.m.seal(ctx, o.token, answerPlace(w.name, o.id, a.until)); err != nil {
			return store.Op{}, err
		}
	}
	r := store.Record{ID: o.id, Kind: kindAnswer, Due: a.until, Data: encodeAnswer(&a, nil)}
	if o.old != nil {
		return store.Replace(*o.old, r, nil), nil
	}
	return store.Create(r, nil), nil
}

// settled ends a call with an idempotency key that wrote nothing, and returns its error. If it
// changed nothing that is recorded. If it failed, another one with the key may have done it
// meanwhile; so may the call itself, after ErrUnknown.
func (w *writer) settled(ctx context.Context, err error) error {
	if err == nil {
		_, err = w.send(ctx, "write", store.Batch{})
		w.wrote = err == nil
	}
	if _, again := errors.AsType[*answered](err); again || err == nil {
		return err
	}
	found := w.look(ctx)
	if errors.Is(err, ErrUnknown) && store.Confirm(ctx, w.m.store, w.name) != nil {
		return err
	}
	if _, again := errors.AsType[*answered](found); again || errors.Is(found, ErrIdempotencyMismatch) {
		return found
	}
	return err
}

// running are the calls of this process that have an idempotency key.
type running struct {
	mu  sync.Mutex
	ids map[[2]string]struct{}
}

// enter begins a call, and returns the function that ends it; nil if one is running.
func (r *running) enter(tenant, id string) (leave func()) {
	key := [2]string{tenant, id}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, is := r.ids[key]; is {
		return nil
	}
	if r.ids == nil {
		r.ids = make(map[[2]string]struct{})
	}
	r.ids[key] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.ids, key)
	}
}
