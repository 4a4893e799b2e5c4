package console

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
)

// webhooksPage is the list of webhooks, of which there are at most 50.
type webhooksPage struct {
	page
	Rows       []webhookRow
	Unreadable []string
	HasState   bool // the credential may see how far deliveries are
	MayOpen    bool
	Cut        bool // a part of an address
}

type webhookRow struct {
	ID          string
	Address     address
	Description string
	Events      string
	States      []hookState
	Lag         lag
	LastSuccess time.Time
	Never       bool // there was no success, and not only none that is known
}

// address is the URL of a webhook without what could be a secret: its query, and long parts of
// its path, by which many services know who sends. Lists and titles show it, since they end up in
// screenshots. The URL is shown whole on the page of the webhook, to those who may change it.
type address struct {
	Host string // with the scheme, unless that is https
	Path string
	Cut  bool // something was left out
}

// maxPart is how long a part of a path may be.
const maxPart = 16

func addressOf(raw string) address {
	u, err := url.Parse(raw)
	if err != nil {
		return address{Host: "URL", Cut: true}
	}
	a := address{Host: visible(u.Host)}
	if u.Scheme != "https" {
		a.Host = u.Scheme + "://" + a.Host
	}
	parts := strings.Split(u.Path, "/")
	for i, part := range parts {
		if len([]rune(part)) > maxPart {
			parts[i], a.Cut = cut(part, 5), true
		}
	}
	if a.Path = visible(strings.Join(parts, "/")); u.RawQuery != "" {
		a.Path, a.Cut = a.Path+"?…", true
	}
	return a
}

// hookState is a state of a webhook, and since when it has it.
type hookState struct {
	Chip  chip
	Event string // what happened then, "" if the chip says it
	Since time.Time
}

// statesOf returns the states of a webhook: the one that says whether events are sent, and whether
// some were lost. Without a state of deliveries it says what the webhook itself does.
func statesOf(h *enduser.Webhook, s *enduser.WebhookState) (states []hookState) {
	switch {
	case h.Disabled && h.DisabledReason == enduser.DisabledGone:
		states = append(states, hookState{chip{"danger", "disabled: gone"}, "", h.DisabledAt})
	case h.Disabled && h.DisabledReason == enduser.DisabledFailing:
		states = append(states, hookState{chip{"danger", "disabled: failing"}, "", h.DisabledAt})
	case h.Disabled:
		states = append(states, hookState{chip{"", "disabled"}, "", h.DisabledAt})
	case s == nil:
		return []hookState{{chip{"", "enabled"}, "", time.Time{}}}
	case s.Failures > 0:
		states = append(states, hookState{chip{"warn", "retrying"}, "first failed", s.FailingSince})
	case s.LastSuccess.IsZero():
		states = append(states, hookState{chip{"", "nothing sent yet"}, "", time.Time{}})
	default:
		states = append(states, hookState{chip{"ok", "delivering"}, "", time.Time{}})
	}
	if s != nil && !s.GappedAt.IsZero() {
		states = append(states, hookState{chip{"warn", "lost events"}, "", s.GappedAt})
	}
	return states
}

// lag is how far a webhook is behind the feed.
type lag struct {
	Text  string
	Since time.Time // of the oldest change that is waiting
}

const maxLag = 100 // changes that are counted

// lagOf reads the feed, to which the credential may have no right.
func lagOf(ctx context.Context, t enduser.Tenant, s *enduser.WebhookState, mayFeed bool) lag {
	if !mayFeed || s.Position.IsZero() { // imported, and never enabled
		return lag{Text: unknown}
	}
	page, err := t.Changes(ctx, enduser.ChangeQuery{After: s.Position, Limit: maxLag})
	n := strconv.Itoa(len(page.Changes))
	switch {
	case errors.Is(err, enduser.ErrTrimmed):
		return lag{Text: "changes are lost"}
	case err != nil:
		return lag{Text: "– (not read in time)"}
	case len(page.Changes) == 0:
		return lag{Text: "none"}
	case page.More:
		n += "+"
	}
	if n == "1" {
		return lag{"1 change", page.Changes[0].At}
	}
	return lag{n + " changes", page.Changes[0].At}
}

// webhooks answers all webhooks.
func (c *console) webhooks(call *family.Call) error {
	if err := call.NoQuery(); err != nil {
		return err
	}
	r := c.Read(call)
	defer r.End()
	data := &webhooksPage{
		page: c.page(call, "webhooks", "Webhooks"), HasState: c.may(call, "getWebhookState", false), MayOpen: c.may(call, "getWebhook", false),
	}
	t, mayFeed := c.Tenant(call), c.may(call, "listChanges", false)
	for h, err := range t.Webhooks().All(r.Context) {
		if unreadable, one := errors.AsType[*enduser.UnreadableError](err); one {
			data.Unreadable = append(data.Unreadable, unreadable.ID)
			continue
		}
		if err != nil {
			return r.Explain(err, "")
		}
		row := webhookRow{
			ID: h.ID, Address: addressOf(h.URL), Description: visible(h.Description), Events: eventsText(h.Events, 2), States: statesOf(&h, nil),
			Lag: lag{Text: unknown},
		}
		data.Cut = data.Cut || row.Address.Cut
		if data.HasState {
			if s, err := t.Webhooks().State(r.Context, h.ID); err == nil {
				row.States, row.Lag = statesOf(&h, &s), lagOf(r.Context, t, &s, mayFeed)
				row.LastSuccess, row.Never = s.LastSuccess, s.LastSuccess.IsZero()
			}
		}
		data.Rows = append(data.Rows, row)
	}
	family.LogUnreadable(call, data.Unreadable)
	return c.show(call, http.StatusOK, "webhooks", data)
}

// eventsText lists at most so many types of events.
func eventsText(events []string, most int) string {
	switch {
	case len(events) == 0:
		return "all"
	case len(events) > most:
		return strings.Join(events[:most], ", ") + " and " + strconv.Itoa(len(events)-most) + " more"
	}
	return strings.Join(events, ", ")
}
