package enduser

import (
	"context"
	"errors"

	"github.com/rollbook-go/rollbook/store"
)

// Delete deletes a webhook, if the conditions hold, with its state, attempts and dead letters.
// It returns ErrNotFound if there is none. It deletes unreadable webhooks as [Tenant.Delete]
// does unreadable users. Attempts that are on their way are not called back, and a process that
// delivers to the webhook at this moment may begin more of them for half a minute.
func (h Webhooks) Delete(ctx context.Context, id string, conds ...Condition) error {
	w, err := h.t.writerFor(ctx, request{kind: kindWebhook, call: "delete", webhook: id})
	defer w.end()
	if err != nil {
		return w.replayed(ctx, err)
	}
	err = w.confirm(ctx, w.settle(ctx, func() (string, error) {
		op, err := w.webhookDeletion(ctx, id, conds)
		if err != nil {
			return id, err
		}
		ops := []store.Op{op}
		for i, of := range []struct{ kind, id string }{
			{kindWebhookTurn, webhookTurnID(id)}, {kindWebhookLog, webhookLogID(id)},
		} {
			deletion, err := w.m.deletionOf(ctx, w.name, of.kind, of.id)
			if err != nil {
				return id, err
			}
			if i == 0 && op.Old.Revision == 0 && len(deletion) == 0 {
				return id, ErrNotFound // what the store cannot read is no webhook's
			}
			ops = append(ops, deletion...)
		}
		return id, w.delete(ctx, ops)
	}))
	if err == nil {
		// Nobody delivers any more, so that no dead letters are added. A sweep deletes, when
		// their time has come, those that a failure leaves.
		_ = w.deleteDeadLetters(ctx, id)
	}
	return w.replayed(ctx, err)
}

// webhookDeletion returns the op that deletes a webhook, readable or not, if the conditions hold.
func (w *writer) webhookDeletion(ctx context.Context, id string, conds conditions) (store.Op, error) {
	r, old, err := w.getWebhook(ctx, w.name, id)
	_, unreadable := errors.AsType[*UnreadableError](err)
	switch {
	case unreadable:
		err = conds.ofUnreadable(err)
	case err == nil:
		err = conds.ofWebhook(&old)
	}
	if r.Revision == 0 { // the store cannot read it
		return store.Remove(id, kindWebhook, nil), err
	}
	return store.Delete(r, nil), err
}

// deleteDeadLetters deletes the dead letters of a webhook.
func (w *writer) deleteDeadLetters(ctx context.Context, id string) error {
	q := deadLetters(id)
	for q.Limit = store.MaxOps / 2; ; {
		page, err := w.m.store.List(ctx, w.name, q)
		if err != nil {
			return translate("list", err)
		}
		var ops []store.Op
		for _, r := range page.Records {
			ops = append(ops, store.Remove(r.ID, kindWebhookDead, nil))
		}
		for _, damaged := range page.Damaged[:min(len(page.Damaged), q.Limit)] {
			ops = append(ops, store.Remove(damaged, kindWebhookDead, nil))
		}
		if len(ops) > 0 {
			if _, err = w.m.store.Apply(ctx, w.name, store.Ops(ops...)); err != nil {
				return translate("delete", err)
			}
		}
		if page.Next == 0 {
			return nil
		}
		q.After = page.Next
	}
}
