package browser

import (
	"context"
	"hash/fnv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// receiver is what webhooks lead to: a server on this machine, and hosts of examples to which
// nothing is sent.
type receiver struct {
	url string // of the server; it accepts everything

	mu       sync.Mutex
	statuses map[string]int // of hosts of examples; 0: no answer
	events   []string       // types of what the server got
	arrived  chan struct{}
}

func newReceiver(tb testing.TB) *receiver {
	tb.Helper()
	r := &receiver{statuses: make(map[string]int), arrived: make(chan struct{}, 1)}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		r.mu.Lock()
		r.events = append(r.events, req.Header.Get("Webhook-Id"))
		r.mu.Unlock()
		select {
		case r.arrived <- struct{}{}:
		default:
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	tb.Cleanup(server.Close)
	r.url = server.URL
	return r
}

// answers says what a host of examples answers from now on.
func (r *receiver) answers(host string, status int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.statuses[host] = status
}

// await waits until the server has got an event, or one of its redeliveries, n times.
func (r *receiver) await(ctx context.Context, id string, n int) error {
	for {
		r.mu.Lock()
		got := 0
		for _, e := range r.events {
			if e == id {
				got++
			}
		}
		r.mu.Unlock()
		if got >= n {
			return nil
		}
		select {
		case <-r.arrived:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// before returns a sender that asks the receiver first.
func (r *receiver) before(sends enduser.Sender) enduser.Sender { return scripted{r, sends} }

type scripted struct {
	*receiver
	real enduser.Sender
}

// Send implements enduser.Sender.
func (s scripted) Send(ctx context.Context, d *enduser.Delivery) enduser.Result {
	u, err := url.Parse(d.Webhook.URL)
	if err != nil || !strings.HasSuffix(u.Hostname(), ".example") {
		return s.real.Send(ctx, d)
	}
	s.mu.Lock()
	status, told := s.statuses[u.Hostname()]
	s.mu.Unlock()
	if !told {
		status = http.StatusNoContent
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(d.ID)) // never fails
	result := enduser.Result{Status: status, Took: 38*time.Millisecond + time.Duration(h.Sum32()%240)*time.Millisecond}
	if status == 0 {
		result.Fault, result.Took = "timeout", 15*time.Second
	}
	return result
}
