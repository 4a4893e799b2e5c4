package serve

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/telemetry"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/store"
)

// entry leads browsers from / to what they can show.
type entry struct {
	to  string
	now func() time.Time
}

// leads reports whether a request is a browser's, which says that it wants HTML. Other programs
// hear that there is nothing.
func (entry) leads(r *http.Request) bool {
	return (r.Method == http.MethodGet || r.Method == http.MethodHead) && strings.Contains(r.Header.Get("Accept"), "text/html")
}

// ServeHTTP implements http.Handler. A relative address is right behind a proxy, too.
func (e entry) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Location", e.to)
	limitWrite(w, e.now)
	w.WriteHeader(http.StatusSeeOther)
}

// queue is how many calls waited for the store's writer when one was last queued.
type queue struct {
	now   func() time.Time
	calls atomic.Int64
	at    atomic.Int64 // Unix seconds
}

// observe returns an observer that tells the queue, and next if there is one.
func (q *queue) observe(next *store.Observer) *store.Observer {
	var o store.Observer
	if next != nil {
		o = *next
	}
	call := o.Call
	o.Call = func(c store.CallInfo) {
		if call != nil {
			call(c)
		}
		if c.Queued > 0 || q.calls.Load() > 0 && writes(c.Method) {
			q.calls.Store(int64(c.Queued))
			q.at.Store(q.now().Unix())
		}
	}
	return &o
}

func writes(method string) bool {
	switch method {
	case "Apply", "Import", "Drop", "Trim":
		return true
	}
	return false
}

// length returns the length of the queue. Nobody was queued for a while: it is empty.
func (q *queue) length() int {
	const old = 10 // seconds
	if q.now().Unix()-q.at.Load() >= old {
		return 0
	}
	return int(q.calls.Load())
}

// storeInfo returns what the console shows of a store of -store.
func storeInfo(flag string, q *queue) func() console.StoreInfo {
	name := map[string]string{"sqlite": "SQLite", "memory": "memory", "postgresql": "PostgreSQL", "redis": "Redis"}[telemetry.System(flag)]
	return func() console.StoreInfo { return console.StoreInfo{Backend: name, Queued: q.length()} }
}
