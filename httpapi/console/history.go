package console

import (
	"context"
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// A history is read from the newest entries of the feed, which has no index by user.
const (
	historyEntries = 5_000
	historyPage    = 1_000
	historyShown   = 200 // changes of the user
)

// history is what the feed says of one user, the newest first.
type history struct {
	Entries []historyEntry
	Hidden  bool   // the credential has no right to the feed
	Reason  string // why there is no history; "" if there is one

	// Looked is how many entries of the feed were read, and Back the time of the oldest of them.
	Looked string
	Back   time.Time
	End    historyEnd
}

// historyEnd is why a history goes no further back.
type historyEnd string

const (
	endCreated historyEnd = "created" // it begins with the user
	endWhole   historyEnd = "whole"   // it is the whole feed
	endTrimmed historyEnd = "trimmed" // what is older is not kept
	endLimit   historyEnd = "limit"   // as many changes were read, or found, as there may be
	endTime    historyEnd = "time"    // there was no time left
)

// historyEntry is a change of a user.
type historyEntry struct {
	Words  string
	Chip   chip
	Actor  string
	At     time.Time
	Fields []string // all that changed, if Words does not name them all
}

// historyOf returns the history of a user, as far as the context leaves time for it.
func historyOf(ctx context.Context, t enduser.Tenant, id string) (h history, err error) {
	looked := 0
	q := enduser.ChangeQuery{Desc: true, Limit: historyPage}
	for h.End == "" {
		page, err := t.Changes(ctx, q)
		switch {
		case errors.Is(err, enduser.ErrTrimmed): // up to the place that was reached, meanwhile
			h.End = endTrimmed
		case err != nil && ctx.Err() != nil && looked > 0:
			h.End = endTime
		case err != nil:
			return h, err
		}
		for i := 0; i < len(page.Changes) && len(h.Entries) < historyShown; i++ {
			ch := &page.Changes[i]
			h.Back = ch.At
			looked++
			if ch.ID != id || ch.Kind != "user" {
				continue
			}
			h.Entries = append(h.Entries, entryOf(ch))
			if ch.Type == enduser.ChangeCreated {
				h.End = endCreated
			}
		}
		switch {
		case h.End != "":
		case len(h.Entries) == historyShown:
			h.End = endLimit
		case page.Trimmed:
			h.End = endTrimmed
		case !page.More:
			h.End = endWhole
		case looked >= historyEntries:
			h.End = endLimit
		}
		q.Before, q.Limit = page.Position, min(historyPage, historyEntries-looked)
	}
	h.Looked = plural(looked, "change")
	return h, nil
}

func entryOf(ch *enduser.Change) historyEntry {
	e := historyEntry{Words: changeWords(ch), Chip: changeChip(ch), Actor: ch.Actor, At: ch.At}
	if len(ch.Fields) > maxFieldWords+1 {
		for _, f := range ch.Fields {
			e.Fields = append(e.Fields, fieldWord(f))
		}
	}
	return e
}
