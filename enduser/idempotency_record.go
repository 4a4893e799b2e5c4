package enduser

import (
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// kindAnswer is the kind of the records that remember the answers to calls with an idempotency
// key.
const kindAnswer = "answer"

// answerKind describes the records of answers.
func answerKind() kind {
	return kind{
		name: kindAnswer, member: isAnswerMember, ttl: IdempotencyTTL, sealed: sealedInAnswer, reseal: resealAnswer,
		overdue: func(_ *writer, r *store.Record) ([]store.Op, error) { return []store.Op{store.Delete(*r, nil)}, nil },
	}
}

// answer is what a call with an idempotency key did.
type answer struct {
	request string    // a digest of the call, see newOnce
	did     string    // the outcome, or "deleted"
	kind    string    // of what was written, or found unchanged
	id      string    // its ID
	token   []byte    // the sealed token that the call made
	until   time.Time // when it is over; not in the body, but the record's due time
}

// outcome returns the outcome of a call that did not delete.
func (a *answer) outcome() Outcome {
	for _, o := range []Outcome{Created, Updated} {
		if o.String() == a.did {
			return o
		}
	}
	return Unchanged
}

// answerID returns the ID of the record of an answer. No user and no group has it, since their
// IDs have no slash.
func answerID(digest string) string { return "idem/" + digest }

// answerPlace is what the token in an answer is bound to.
func answerPlace(tenant, id string, until time.Time) place {
	return place{tenant: tenant, record: id, field: "token", until: until}
}

// isAnswerMember reports whether encodeAnswer writes a member.
func isAnswerMember(name string) bool {
	switch name {
	case "request", "did", "kind", "id", "token":
		return true
	}
	return false
}

func encodeAnswer(a *answer, members []byte) []byte {
	b := appendVersions(make([]byte, 0, 192+2*len(a.token)))
	b = appendText(b, "request", a.request)
	b = appendText(b, "did", a.did)
	b = appendText(b, "kind", a.kind)
	b = appendText(b, "id", a.id)
	if a.token != nil {
		b = appendSealed(b, "token", a.token)
	}
	return append(append(b, members...), '}')
}

// decodeAnswer reads the answer in a record. The error is an *UnreadableError.
func decodeAnswer(r *store.Record) (a answer, err error) {
	a.until = r.Due
	p := jsontext.NewScanner(string(r.Data))
	var v versions
	err = v.end(&p, p.Object(func(name string) (err error) {
		switch name {
		case "request":
			a.request, err = p.String()
		case "did":
			a.did, err = p.String()
		case "kind":
			a.kind, err = p.String()
		case "id":
			a.id, err = p.String()
		case "token":
			a.token, err = scanSealed(&p)
		default:
			err = v.other(&p, name)
		}
		return err
	}))
	if err == nil && (a.request == "" || a.did == "" || a.kind == "" || a.id == "") {
		err = errors.New("the answer is incomplete")
	}
	if err != nil {
		return answer{}, unreadable(kindAnswer, r.ID, err)
	}
	return a, nil
}

func sealedInAnswer(_ Tenant, r *store.Record) ([][]byte, error) {
	a, err := decodeAnswer(r)
	if err != nil || a.token == nil {
		return nil, err
	}
	return [][]byte{a.token}, nil
}

// resealAnswer returns an answer's record with its token under the key for new secrets, nil if
// it is under it already, has none, or is no longer of use.
func resealAnswer(ctx context.Context, w *writer, r *store.Record) (*store.Record, error) {
	a, err := decodeAnswer(r)
	if err != nil || a.token == nil || over(r.Due, IdempotencyTTL, w.now) {
		return nil, err
	}
	from, err := answerKind().carry(r)
	if err != nil {
		return nil, err
	}
	at := answerPlace(w.name, r.ID, r.Due)
	token, err := w.m.open(ctx, a.token, at)
	if err != nil {
		return nil, err
	}
	sealed, err := w.m.seal(ctx, token, at)
	if err != nil || sameKey(sealed, a.token) {
		return nil, err
	}
	a.token = sealed
	next := *r
	next.Data = encodeAnswer(&a, from.members)
	return &next, nil
}
