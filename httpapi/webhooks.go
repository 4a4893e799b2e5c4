package httpapi

import (
	"errors"
	"net/http"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// webhooks returns the handle that a call's webhooks are reached through.
func (a *api) webhooks(c *call) enduser.Webhooks { return a.Tenant(c).Webhooks() }

func (a *api) createWebhook(c *call) error {
	in, err := readWebhook(c.Body(), false)
	if err != nil {
		return err
	}
	spec, err := in.spec()
	if err != nil {
		return err
	}
	w, secret, err := a.webhooks(c).Create(c.Request.Context(), spec, family.Conditions(c)...)
	if err != nil {
		return err
	}
	c.Locate(collection(c, webhooksPath), w.ID)
	if hidden, err := a.hides(c, "getWebhook"); hidden || err != nil {
		return showCreated(c, w.ID, "secret", secret, err)
	}
	return showSecret(c, http.StatusCreated, &w, secret)
}

// showSecret answers with a webhook and its secret, which is new.
func showSecret(c *call, status int, w *enduser.Webhook, secret string) error {
	c.Header()["Cache-Control"] = []string{"no-store"}
	return c.Versioned(status, w.Version.String(), appendNewWebhook(c.Buffer(), w, secret))
}

// listWebhooks answers all webhooks: there are few.
func (a *api) listWebhooks(c *call) error {
	if err := c.NoQuery(); err != nil {
		return err
	}
	r := a.Read(c)
	defer r.End()
	var all []enduser.Webhook
	for w, err := range a.webhooks(c).All(r.Context) {
		if unreadable, one := errors.AsType[*enduser.UnreadableError](err); one {
			family.LogUnreadable(c, []string{unreadable.ID})
			continue
		}
		if err != nil {
			return r.Explain(err, "")
		}
		all = append(all, w)
	}
	return c.JSON(http.StatusOK, appendWebhooks(c.Buffer(), all))
}

func (a *api) getWebhook(c *call) error {
	w, err := a.webhooks(c).Get(c.Request.Context(), c.PathValue("id"))
	return c.ShowIfNew(w.Version.String(), asPath(err), func(b []byte) []byte { return appendWebhook(b, &w) })
}

func (a *api) updateWebhook(c *call) error {
	in, err := readWebhook(c.Body(), true)
	if err != nil {
		return err
	}
	if err := in.Err(); err != nil {
		return err
	}
	w, err := a.webhooks(c).Update(c.Request.Context(), c.PathValue("id"), in.patch, family.Conditions(c)...)
	return c.Show(w.Version.String(), asPath(err), func(b []byte) []byte { return appendWebhook(b, &w) })
}

func (a *api) deleteWebhook(c *call) error {
	if err := a.webhooks(c).Delete(c.Request.Context(), c.PathValue("id"), family.Conditions(c)...); err != nil {
		return asPath(err)
	}
	c.Empty(http.StatusNoContent)
	return nil
}

// secretOverlap is for how long the old secret of a webhook signs, too, if a request does not
// say it: receivers need time to take over the new one.
const secretOverlap = 24 * time.Hour

func (a *api) rotateWebhookSecret(c *call) error {
	in, err := readSecretRotation(c.Body())
	if err != nil {
		return err
	}
	overlap := secretOverlap
	if in.Given {
		overlap = time.Duration(in.Value) * time.Second
	}
	w, secret, err := a.webhooks(c).Rotate(c.Request.Context(), c.PathValue("id"), overlap, family.Conditions(c)...)
	if err != nil {
		return asPath(err)
	}
	return showSecret(c, http.StatusOK, &w, secret)
}

func (a *api) webhookState(c *call) error {
	if err := c.NoQuery(); err != nil {
		return err
	}
	return a.showState(c, http.StatusOK)
}

// showState answers how far the deliveries are. There is no ETag: that changes all the time.
func (a *api) showState(c *call, status int) error {
	s, err := a.webhooks(c).State(c.Request.Context(), c.PathValue("id"))
	if err != nil {
		return asPath(err)
	}
	return c.JSON(status, appendWebhookState(c.Buffer(), &s))
}

func (a *api) webhookAttempts(c *call) error {
	if err := c.NoQuery(); err != nil {
		return err
	}
	attempts, err := a.webhooks(c).Attempts(c.Request.Context(), c.PathValue("id"))
	if err != nil {
		return asPath(err)
	}
	return c.JSON(http.StatusOK, appendAttempts(c.Buffer(), attempts))
}

func (a *api) deadLetters(c *call) error {
	q, err := c.Query()
	if err != nil {
		return err
	}
	dq := enduser.DeadLetterQuery{
		Limit: q.Number("limit", 50, 1, 200),
		Desc:  q.OneOf("order", "asc", "desc") == "desc",
	}
	places := placesOf(&q)
	if err := q.Strict(); err != nil {
		return err
	}
	if dq.After, dq.Before, err = places.cursors(); err != nil {
		return err
	}
	r := a.Read(c)
	defer r.End()
	page, err := a.webhooks(c).DeadLetters(r.Context, c.PathValue("id"), dq)
	if err != nil {
		return r.Explain(asParameters(err), places.reached(page.Next, page.Previous))
	}
	family.LogUnreadable(c, page.Unreadable)
	return c.JSON(http.StatusOK, appendDeadLetters(c.Buffer(), &page))
}

// testWebhook has a ping sent. What becomes of it is among the attempts.
func (a *api) testWebhook(c *call) error {
	event, err := a.webhooks(c).Ping(c.Request.Context(), c.PathValue("id"))
	if err != nil {
		return asPath(err)
	}
	return c.JSON(http.StatusAccepted, appendEventID(c.Buffer(), event))
}

func (a *api) redeliverEvent(c *call) error {
	event, err := readEventID(c.Body())
	if err != nil {
		return err
	}
	if err := a.webhooks(c).Redeliver(c.Request.Context(), c.PathValue("id"), event); err != nil {
		return asPath(err)
	}
	return c.JSON(http.StatusAccepted, appendEventID(c.Buffer(), event))
}

// countRedelivery answers how many events would be sent again from a time on, and the cursor
// with which that is begun.
func (a *api) countRedelivery(c *call) error {
	q, err := c.Query()
	if err != nil {
		return err
	}
	since := q.Time("since")
	if since.IsZero() && len(q.Values["since"]) == 0 {
		q.Fault("since", enduser.CodeRequired, "must be given")
	}
	if err := q.Strict(); err != nil {
		return err
	}
	r := a.Read(c)
	defer r.End()
	count, from, err := a.webhooks(c).CountSince(r.Context, c.PathValue("id"), since)
	if err != nil {
		return r.Explain(asPath(err), "")
	}
	return c.JSON(http.StatusOK, appendRedeliveryCount(c.Buffer(), count, from))
}

func (a *api) startRedelivery(c *call) error {
	from, err := readRedelivery(c.Body())
	if err != nil {
		return err
	}
	if err := a.webhooks(c).RedeliverSince(c.Request.Context(), c.PathValue("id"), from); err != nil {
		return asPath(err)
	}
	return a.showState(c, http.StatusAccepted)
}

func (a *api) stopRedelivery(c *call) error {
	if err := a.webhooks(c).StopRedelivery(c.Request.Context(), c.PathValue("id")); err != nil {
		return asPath(err)
	}
	c.Empty(http.StatusNoContent)
	return nil
}
