// Package storetest checks that a store keeps the contract of package store.
//
// It is the contract in executable form, as far as a test in the process can check it. No
// check can be switched off. A backend's test is one call.
//
//	func TestStore(t *testing.T) {
//		storetest.Run(t, func() (storetest.Place, error) {
//			path := filepath.Join(t.TempDir(), "records.db")
//			return storetest.Place{Open: func() (store.Store, error) { return Open(path) }}, nil
//		})
//	}
//
// Every check has a name, such as "apply/stale-replace", and the number of the rule in
// package store's comment that it shows. Checks use two handles on one place at
// the same time, as two processes would, and so find state that only one handle has.
//
// The optional interfaces of package store, from store.Waiter to store.Verifier, are found
// with store.As and checked if they are implemented. So are Damager, for rule 14, and
// Corrupter, for store.Verifier.
//
// A page may be short, or empty, and have more behind it, so that the checks compare
// walks rather than pages. Stingy makes a store that has only such pages, for the tests of
// code that uses stores.
//
// RunIn does the same for stores inside a transaction of the host.
//
// No check depends on how fast a store is: there are no sleeps and no assertions on
// time. A check that takes longer than a minute fails.
//
// Some of the contract cannot be checked from inside the process: that acknowledged writes
// survive a crash or a power cut, what happens when a reply is lost on the way, that Scrub
// leaves nothing on the disk, how many index entries a call reads, and whether tenants
// have their turns. A backend needs tests of its own for these.
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
	// handles are used at the same time; each sees the writes of the others. A store
	// that lives in one process may return the same value each time.
	Open func() (store.Store, error)

	// Begin begins a transaction of the host on the place. RunIn needs it, Run does not.
	Begin func() (Transaction, error)

	// Close closes the handles and removes the place. It is called once, when the
	// handles are no longer used. It may be nil.
	Close func() error
}

// Failure says which check a store did not pass. Run reports it, and the error of Check
// consists of Failures; find it with errors.As.
type Failure struct {
	Check string // the name, e.g. "apply/stale"
	Rule  int    // the number of the rule in package store's comment
	Why   string // what the check demands
	Err   error  // what the store did instead
}

// Error implements error.
func (f *Failure) Error() string {
	return fmt.Sprintf("storetest: %s: %v\n\trule %d: %s", f.Check, f.Err, f.Rule, f.Why)
}

// Unwrap returns Err.
func (f *Failure) Unwrap() error { return f.Err }

// Run runs every check as a subtest of t, each in a place of its own. newPlace
// returns an empty place: no tenant, no record, no revision. Checks run one after
// the other, and a place is closed before the next is made, so a place may be a
// server that is emptied each time. To check several configurations of a backend at
// once, call Run in parallel subtests.
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

// Check does the same as Run without package testing, such as in a command that checks a
// deployment. It returns nil, or joins a *Failure for every check that the store did
// not pass. If ctx ends, the remaining checks fail with its error.
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
		importChecks(),
		importRefuseChecks(),
		dropChecks(),
		dropRaceChecks(),
		kindChecks(),
		verifyChecks(),
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
	s, err := newSubject(ctx, place)
	if err != nil {
		return err
	}
	defer s.stop()
	run(s)
	return s.verdict()
}
