// Package storetest checks that a store keeps the contract of package store.
//
// It is the contract in executable form: a store that passes is a store, and
// there is nothing to switch off. A backend's test is one call.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func() (storetest.Place, error) {
//			path := filepath.Join(t.TempDir(), "records.db")
//			return storetest.Place{Open: func() (store.Store, error) { return Open(path) }}, nil
//		})
//	}
//
// Every check has a name, such as "apply/stale", and the number of the rule in
// package store's comment that it shows. Checks use two handles on one place at
// the same time, as two processes would, and so find what only one handle knows.
//
// The optional interfaces store.Waiter, store.Scrubber and store.Counter are looked for
// with store.As and tested where they are found. So is Damager, for rule 14.
//
// A page may be short, or empty, and have more behind it, so that the checks compare
// walks rather than pages. Stingy makes a store that has nothing but such pages, for the
// tests of what is built on stores.
//
// Nothing here depends on how fast a store is: there are no sleeps and no
// assertions on time. A check has a minute; one that takes longer hangs.
//
// What a test from inside the process cannot show is not shown: that
// acknowledged writes survive a crash or a power cut, what happens when a reply
// is lost on the way, that Scrub leaves nothing on the disk, how many entries of an index
// a call looks at, and whether tenants have their turns. A backend needs tests of its own
// for these.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Place is somewhere to keep records: a file, a server, a map.
type Place struct {
	// Open returns a handle on the place. It is called several times, and all
	// handles are used at the same time; what one writes the others see. A store
	// that lives in one process may return the same value each time.
	Open func() (store.Store, error)

	// Close is called once, when the handles are no longer used: it closes them
	// and removes the place. It may be nil.
	Close func() error
}

// Failure says which check a store did not pass. It is what Run reports and what
// the error of Check consists of; find it with errors.As.
type Failure struct {
	Check string // the name, e.g. "apply/stale"
	Rule  int    // the number of the rule in package store's comment
	Why   string // what the check demands
	Err   error  // what was seen instead
}

// Error implements error.
func (f *Failure) Error() string {
	return fmt.Sprintf("storetest: %s: %v\n\trule %d: %s", f.Check, f.Err, f.Rule, f.Why)
}

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// Run runs every check as a subtest of t, each in a place of its own. newPlace
// returns a fresh one: no tenant, no record, no revision. Checks run one after
// the other, and a place is closed before the next is made, so a place may be a
// server that is emptied each time. To run a backend in several configurations
// at once call Run in parallel subtests.
func Run(t *testing.T, newPlace func() (Place, error)) {
	t.Helper()
	for _, c := range checks() {
		t.Run(c.name, func(t *testing.T) {
			if err := c.in(t.Context(), newPlace); err != nil {
				t.Error(err)
			}
		})
	}
}

// Check does what Run does without package testing: in a command that examines
// a deployment, say. It returns nil, or a *Failure for every check that was not
// passed, joined. If ctx ends, the checks that remain fail with its error.
func Check(ctx context.Context, newPlace func() (Place, error)) error {
	var failures []error
	for _, c := range checks() {
		if err := c.in(ctx, newPlace); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// check is one demand on a store.
type check struct {
	name string
	rule int
	why  string
	run  func(*subject)
}

// deadline bounds one check, so that a store that blocks fails by name.
const deadline = time.Minute

func checks() []check {
	return slices.Concat(
		applyChecks(),
		requireChecks(),
		removeChecks(),
		keyChecks(),
		tamperChecks(),
		revisionChecks(),
		listChecks(),
		walkChecks(),
		pageChecks(),
		changesChecks(),
		trimChecks(),
		dueChecks(),
		shareChecks(),
		dueWalkChecks(),
		handleChecks(),
		copyChecks(),
		nameChecks(),
		stringChecks(),
		limitChecks(),
		outcomeChecks(),
		contextChecks(),
		raceChecks(),
		tenantChecks(),
		waiterChecks(),
		scrubberChecks(),
		counterChecks(),
		confirmerChecks(),
		damageChecks(),
		randomChecks(),
	)
}

// in runs the check in a place of its own. The error is a *Failure.
func (c check) in(ctx context.Context, newPlace func() (Place, error)) error {
	ctx, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	err := ctx.Err()
	if err == nil {
		err = inPlace(ctx, newPlace, c.run)
	}
	if err != nil {
		return &Failure{Check: c.name, Rule: c.rule, Why: c.why, Err: err}
	}
	return nil
}

func inPlace(ctx context.Context, newPlace func() (Place, error), run func(*subject)) (err error) {
	place, err := newPlace()
	if err != nil {
		return fmt.Errorf("no place: %w", err)
	}
	if place.Close != nil {
		defer func() {
			if e := place.Close(); e != nil && err == nil {
				err = fmt.Errorf("close the place: %w", e)
			}
		}()
	}
	s, err := newSubject(ctx, place.Open)
	if err != nil {
		return err
	}
	defer s.stop()
	run(s)
	return s.verdict()
}
