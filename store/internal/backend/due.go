package backend

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/store"
)

// DuePlace is a place in the order of a tenant's due records: by their due and, where that is
// equal, by a number that each of them has.
type DuePlace struct{ Due, Number int64 }

// String returns the place as [store.DueTenant].Next has it.
func (p DuePlace) String() string { return fmt.Sprintf("%d-%d", p.Due, p.Number) }

// ParseDuePlace reads the From of a query. No text is the place before all records.
func ParseDuePlace(text string) (DuePlace, error) {
	var p DuePlace
	if text == "" {
		return p, nil
	}
	due, number, found := strings.Cut(text, "-")
	var errs [2]error
	p.Due, errs[0] = strconv.ParseInt(due, 10, 64)
	p.Number, errs[1] = strconv.ParseInt(number, 10, 64)
	if !found || errs != [2]error{} {
		return p, &store.InvalidError{Op: -1, What: "from", Why: "not of an earlier call"}
	}
	return p, nil
}

// DueTenants are the first tenants that have something due.
type DueTenants struct {
	names []string
	next  string // the tenant to go on after; "": there are no more
	last  string // the last of them, if there are no more
}

// FirstDueTenants returns the first of all tenants that were found, one search for each kind, up
// to a limit, in the order of the bytes of their names. The search of some kind stopped at end,
// behind which tenants may be missing; "": none stopped.
func FirstDueTenants(all []string, end string, limit int) (found DueTenants) {
	slices.Sort(all)
	all = slices.Compact(all)
	if end != "" {
		all = slices.DeleteFunc(all, func(name string) bool { return name > end })
	}
	found.names, found.next = all[:min(len(all), limit)], end
	if len(all) > limit {
		found.next = all[limit-1]
	}
	if found.next == "" && len(all) > 0 {
		found.last = all[len(all)-1]
	}
	return found
}

// DuePage fills a page of Due, one part after the other. The zero value is an empty page.
type DuePage struct {
	records, damaged, data int // of the parts so far; data is bytes of bodies
}

// DuePart is a tenant's part of a page.
type DuePart struct {
	store.DueTenant
	data int  // bytes of bodies
	full bool // the page has no room for the next record
}

// Found reports whether the tenant has anything due.
func (p *DuePart) Found() bool { return len(p.Records)+len(p.Damaged) > 0 }

// DamagedLeft returns how many damaged records the next part may have. They do not count
// towards its tenant's share.
func (d *DuePage) DamagedLeft() int { return store.MaxLimit - d.damaged }

// Room returns how many bytes of bodies fit into the page beside those of the part, and whether
// it has no record yet: the first one fits, whatever it has.
func (d *DuePage) Room(p *DuePart) (data int, empty bool) {
	return store.MaxPageData - d.data - p.data, d.records+len(p.Records) == 0
}

// Add adds a record to a part, unless the part has its share or the page is full; fits says
// whether the record fits into the Room. Of a damaged one only the ID counts. If it is not
// added, Add reports false, and the part goes on from the place of the record before.
func (d *DuePage) Add(p *DuePart, r *store.Record, damaged, fits bool, share int, before DuePlace) bool {
	switch {
	case len(p.Records) == share:
		p.Next = before.String()
		return false
	case d.damaged+len(p.Damaged) == store.MaxLimit, !fits:
		p.Next, p.full = before.String(), true
		return false
	case damaged:
		p.Damaged = append(p.Damaged, r.ID)
	default:
		p.Records = append(p.Records, *r)
		p.data += len(r.Data)
	}
	return true
}

// Close closes a part. The next one gets what room is left.
func (d *DuePage) Close(p *DuePart) {
	d.records, d.data, d.damaged = d.records+len(p.Records), d.data+p.data, d.damaged+len(p.Damaged)
}

// Fill returns the page for a query without a tenant. It calls read for each of the tenants in
// turn, which returns a part that is closed.
func (found DueTenants) Fill(q store.DueQuery, read func(tenant string, share int) (DuePart, error)) (page store.DuePage, err error) {
	last := q.After
	for _, name := range found.names {
		part, err := read(name, q.Limit/len(found.names))
		if err != nil {
			return store.DuePage{}, err
		}
		if part.Found() {
			page.Tenants = append(page.Tenants, part.DueTenant)
			last = name
		}
		if part.full {
			if last != found.last {
				page.Next = last
			}
			return page, nil
		}
	}
	page.Next = found.next
	return page, nil
}

// DueInfo is what an observer gets of a page.
func DueInfo(page store.DuePage) (info store.CallInfo) {
	for i := range page.Tenants {
		info.Items += len(page.Tenants[i].Records)
		info.Damaged += len(page.Tenants[i].Damaged)
	}
	return info
}
