package enduser

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

// replay returns the answer of a call that was done before, as err says. Otherwise it returns
// err.
func (w *writer) replay(ctx context.Context, err error) (answer, error) {
	again, ok := errors.AsType[*answered](err)
	if !ok {
		return answer{}, err
	}
	if err := store.Confirm(ctx, w.m.store, w.name); err != nil {
		return answer{}, translate("confirm", err)
	}
	w.once.replayed.Store(true)
	if w.once.OnReplay != nil {
		w.once.OnReplay()
	}
	return again.answer, nil
}

// replayed is replay for a call that returns nothing.
func (w *writer) replayed(ctx context.Context, err error) error {
	_, err = w.replay(ctx, err)
	return err
}

// replayUser is replay for a call that returns a user.
func (w *writer) replayUser(ctx context.Context, err error) (User, Outcome, error) {
	a, err := w.replay(ctx, err)
	if err != nil {
		return User{}, 0, err
	}
	_, u, err := w.get(ctx, w.name, ByID(a.id), w.now)
	if errors.Is(err, ErrNotFound) {
		err = a.gone()
	}
	return u, a.outcome(), err
}

// replayGroup is replay for a call that returns a group.
func (w *writer) replayGroup(ctx context.Context, err error) (Group, Outcome, error) {
	a, err := w.replay(ctx, err)
	if err != nil {
		return Group{}, 0, err
	}
	g, err := w.groupOf(ctx, &a)
	return g, a.outcome(), err
}

// replayToken is replay for a call that returns a group and the token that it made.
func (w *writer) replayToken(ctx context.Context, err error) (Group, string, error) {
	a, err := w.replay(ctx, err)
	if err != nil {
		return Group{}, "", err
	}
	g, err := w.groupOf(ctx, &a)
	if err != nil {
		return Group{}, "", err
	}
	token, err := w.m.open(ctx, a.token, answerPlace(w.name, w.once.id, a.until))
	return g, token, err
}

// replayWebhook is replay for a call that returns a webhook.
func (w *writer) replayWebhook(ctx context.Context, err error) (Webhook, error) {
	a, err := w.replay(ctx, err)
	if err != nil {
		return Webhook{}, err
	}
	return w.webhookOf(ctx, &a)
}

// replaySecret is replay for a call that returns a webhook and the secret that it made.
func (w *writer) replaySecret(ctx context.Context, err error) (Webhook, string, error) {
	a, err := w.replay(ctx, err)
	if err != nil {
		return Webhook{}, "", err
	}
	h, err := w.webhookOf(ctx, &a)
	if err != nil {
		return Webhook{}, "", err
	}
	secret, err := w.m.open(ctx, a.token, answerPlace(w.name, w.once.id, a.until))
	return h, secret, err
}

// webhookOf returns the webhook of an answer as it is now.
func (w *writer) webhookOf(ctx context.Context, a *answer) (Webhook, error) {
	_, h, err := w.getWebhook(ctx, w.name, a.id)
	if errors.Is(err, ErrNotFound) {
		err = a.gone()
	}
	return h, err
}

// groupOf returns the group of an answer as it is now.
func (w *writer) groupOf(ctx context.Context, a *answer) (Group, error) {
	g, err := w.getGroup(ctx, w.name, GroupByID(a.id))
	if errors.Is(err, ErrNotFound) {
		err = a.gone()
	}
	return g, err
}

func (a *answer) gone() error { return &GoneError{Kind: a.kind, ID: a.id, Outcome: a.outcome()} }
