package delivery

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// arrival is a request that came to a receiver.
type arrival struct {
	hook      string // the path: which webhook it was sent to
	id        string
	timestamp time.Time
	at        time.Time // by the receiver's clock
	signed    []bool    // by each of the secrets
	status    int       // that it was answered with
	header    http.Header
	body      []byte
	event
}

// event is the body of a request.
type event struct {
	Type string `json:"type"`
	Data struct {
		ID       string `json:"id"`
		Revision int64  `json:"revision"`
		Cursor   string `json:"cursor"`
	} `json:"data"`
}

func (a *arrival) accepted() bool { return a.status < http.StatusMultipleChoices }

// receiver is a server that keeps what it is sent. What it does may be changed while it runs.
type receiver struct {
	url string

	mu       sync.Mutex
	clock    func() time.Time
	secrets  map[string][]string         // by webhook: those that are verified
	answer   func(n int, a *arrival) int // of the nth request, from 1; nil: 204
	arrivals []arrival
	slim     bool // headers and bodies are not kept
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{clock: time.Now, secrets: make(map[string][]string)}
	s := httptest.NewServer(r)
	t.Cleanup(s.Close)
	r.url = s.URL
	return r
}

// set changes what the receiver does.
func (r *receiver) set(change func(*receiver)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(r)
}

// ServeHTTP implements http.Handler.
func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil { // the sender was killed
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	a := arrival{hook: req.URL.Path, id: req.Header.Get("Webhook-Id"), header: req.Header.Clone(), body: body}
	if seconds, err := strconv.ParseInt(req.Header.Get("Webhook-Timestamp"), 10, 64); err == nil {
		a.timestamp = time.Unix(seconds, 0)
	}
	_ = json.Unmarshal(body, &a.event) // what is missing is found by the checks
	r.mu.Lock()
	for _, secret := range r.secrets[a.hook] {
		a.signed = append(a.signed, verifies(secret, req.Header, body))
	}
	a.at, a.status = r.clock(), http.StatusNoContent
	answer, n := r.answer, len(r.arrivals)+1
	if answer != nil {
		a.status = answer(n, &a)
	}
	if r.slim {
		a.header, a.body = nil, nil
	}
	r.arrivals = append(r.arrivals, a)
	r.mu.Unlock()
	w.WriteHeader(a.status)
}

// verifies asks the official library. The time is checked by those who know the clock.
func verifies(secret string, header http.Header, body []byte) bool {
	key, err := standardwebhooks.NewWebhook(secret)
	return err == nil && key.VerifyIgnoringTimestamp(body, header) == nil
}

// all returns what came so far.
func (r *receiver) all() []arrival {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.arrivals)
}

// patience bounds every wait. Machines under load are slow.
const patience = 3 * time.Minute
