package enduser

import "time"

// Observer gets reports of what a Manager does by itself, for metrics: sweeps, and deliveries to
// webhooks. A nil Observer and a nil function cost nothing. The functions run on the goroutine
// that works, and concurrently: they must be fast and must not call the Manager. No report
// has a tenant, an ID, a URL or anything of a user. What stores do is reported to store.Observer.
type Observer struct {
	// Sweep gets every call of [Manager.Sweep], those of [Manager.Run] included, when it returns.
	Sweep func(SweepInfo)

	// Attempt gets every attempt to deliver an event to a webhook, when its result is known.
	Attempt func(AttemptInfo)

	// DeadLetter gets every event that was attempted for the last time, when that is in the store.
	DeadLetter func(DeadLetterInfo)

	// Disabled gets every webhook that [Manager.Deliver] disabled, when that is in the store.
	Disabled func(DisabledInfo)
}

// SweepInfo is a sweep that has ended.
type SweepInfo struct {
	Took       time.Duration
	Users      int           // deleted
	Lag        time.Duration // how long the record that was due first had waited; 0 if none was due
	Unreadable int           // records that it skipped
	Err        error         // as Sweep returned it
}

// AttemptInfo is one attempt to deliver an event to a webhook.
type AttemptInfo struct {
	Event      string        // its type, as in [EventTypes]
	Number     int           // from 1
	Redelivery bool          // somebody has asked for it
	Took       time.Duration // as the Sender returned it
	Lag        time.Duration // from the change to the end of the attempt; 0 of a ping
	Succeeded  bool
	Status     int    // as in Result
	Fault      string // as in Result
}

// DeadLetterInfo is an event that is not attempted again.
type DeadLetterInfo struct {
	Event  string // its type
	Status int    // of the last attempt
	Fault  string // of the last attempt
}

// DisabledInfo is a webhook that was disabled.
type DisabledInfo struct {
	Reason string // DisabledGone or DisabledFailing
}

// beginSweep begins to observe a sweep. The function that it returns is called at its end.
func (o *Observer) beginSweep() func(*sweeper, error) {
	if o.Sweep == nil {
		return func(*sweeper, error) {}
	}
	began := time.Now() //nolint:forbidigo // how long a sweep takes is not in any record
	return func(s *sweeper, err error) {
		o.Sweep(SweepInfo{Took: time.Since(began), Users: s.users, Lag: s.late, Unreadable: s.lost.count, Err: err})
	}
}

// attempted reports the attempt that a round has logged last.
func (o *Observer) attempted(r *round, f *flight) {
	if o.Attempt == nil {
		return
	}
	a := &r.attempts[len(r.attempts)-1]
	info := AttemptInfo{
		Event: a.Event, Number: a.Number, Redelivery: a.Redelivery, Took: a.Took,
		Succeeded: f.succeeded(), Status: a.Status, Fault: a.Fault,
	}
	if !f.change.At.IsZero() {
		info.Lag = max(0, r.now().Sub(f.change.At))
	}
	o.Attempt(info)
}

// wrote reports what a round has written.
func (o *Observer) wrote(r *round) {
	if o.DeadLetter != nil {
		for i := range r.letters {
			d := &r.letters[i]
			o.DeadLetter(DeadLetterInfo{Event: d.Event, Status: d.Status, Fault: d.Fault})
		}
	}
	if o.Disabled != nil && r.hook.Disabled {
		o.Disabled(DisabledInfo{Reason: r.hook.DisabledReason})
	}
}
