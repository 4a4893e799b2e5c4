package backend

import (
	"errors"
	"time"

	"github.com/rollbook-go/rollbook/store"
)

// Observer reports what a store does. The zero value reports to nobody, and costs nothing.
type Observer store.Observer

// Call is a call of a method that runs.
type Call struct {
	report func(store.CallInfo) // nil: to nobody
	method string
	began  time.Time
}

// BeginCall begins a call, which End ends.
func (o *Observer) BeginCall(method string) Call {
	if o.Call == nil {
		return Call{}
	}
	return Call{report: o.Call, method: method, began: now()}
}

// End reports the call, which has returned.
func (c Call) End(info store.CallInfo, err error) {
	if c.report == nil {
		return
	}
	if errors.Is(err, store.ErrDamaged) {
		info.Damaged++
	}
	info.Method, info.Took, info.Err = c.method, time.Since(c.began), store.ObservedError(err)
	c.report(info)
}

// Group is a transaction of a writer that runs.
type Group struct {
	Calls  int                   // that it answers; may change until End
	report func(store.GroupInfo) // nil: to nobody
	began  time.Time
}

// BeginGroup begins a transaction for a number of calls, which End ends.
func (o *Observer) BeginGroup(calls int) Group {
	if o.Group == nil {
		return Group{Calls: calls}
	}
	return Group{Calls: calls, report: o.Group, began: now()}
}

// End reports the transaction, which has ended.
func (g Group) End(err error) {
	if g.report != nil {
		g.report(store.GroupInfo{Calls: g.Calls, Took: time.Since(g.began), Err: err})
	}
}

// Retried reports an attempt that is repeated, and the error of the one before.
func (o *Observer) Retried(method string, err error) {
	if o.Retry != nil {
		o.Retry(store.RetryInfo{Method: method, Err: err})
	}
}

func now() time.Time {
	return time.Now()
}
