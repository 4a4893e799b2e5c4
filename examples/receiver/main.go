// Receiver receives the events of a webhook, verifies them and prints them. Make a webhook with
// its URL, write the webhook's secret into a file, start it, and change a user:
//
//	go run ./examples/receiver -addr 127.0.0.1:8090 -secrets secrets.txt
//
// While a secret is being rotated, the file has both. Without a file it makes a secret and
// sends itself an event, to show what is printed. Senders that are not in development send to
// public addresses and https only: put a proxy with a certificate before it.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/webhook"
	"github.com/rollbook-go/rollbook/store/memory"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:8090", "where to listen")
	path := flag.String("secrets", "", "a file with one secret, or two")
	flag.Parse()
	secrets, err := readSecrets(*path)
	if err == nil {
		err = run(*addr, secrets, os.Stdout)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// readSecrets reads secrets that white space separates.
func readSecrets(path string) ([]string, error) {
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // the path is the caller's
	secrets := strings.Fields(string(text))
	if err == nil && len(secrets) == 0 {
		err = fmt.Errorf("%s has no secret", path)
	}
	return secrets, err
}

func run(addr string, secrets []string, out io.Writer) error {
	listener, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	shown := len(secrets) == 0
	if shown {
		secrets = []string{newSecret()}
	}
	server := &http.Server{Handler: newReceiver(secrets, out), ReadTimeout: 10 * time.Second}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	fmt.Fprintf(out, "events are received at http://%s/\n", listener.Addr())
	if shown {
		return errors.Join(ping("http://"+listener.Addr().String()+"/", secrets[0]), server.Close())
	}
	return <-served
}

// receiver is the part to copy.
type receiver struct {
	secrets []string
	out     io.Writer

	mu   sync.Mutex
	seen map[string]bool // webhook-ids; keep them in your database, in the transaction that handles the event
}

func newReceiver(secrets []string, out io.Writer) *receiver {
	return &receiver{secrets: secrets, out: out, seen: make(map[string]bool)}
}

func (s *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "only POST", http.StatusMethodNotAllowed)
		return
	}
	// The signature is of the bytes as they came: read them before anything parses them.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 4<<20))
	if err != nil {
		http.Error(w, "the body cannot be read", http.StatusBadRequest)
		return
	}
	switch err := webhook.Verify(r.Header, body, s.secrets...); {
	case errors.Is(err, webhook.ErrSecret):
		http.Error(w, "the receiver has no valid secret", http.StatusInternalServerError)
	case err != nil:
		http.Error(w, "not verified", http.StatusUnauthorized)
	default:
		// Any other status than 200 to 299 makes the sender try again.
		s.handle(w, r.Header.Get("webhook-id"), body)
	}
}

// event is what a body has. Other members may be there, and be added later.
type event struct {
	Type string `json:"type"`
	Data struct {
		ID       string          `json:"id"`
		Revision int64           `json:"revision"` // puts the events of one ID in order
		Fields   []string        `json:"fields"`
		User     json.RawMessage `json:"user"` // null: it is gone
	} `json:"data"`
}

func (s *receiver) handle(w http.ResponseWriter, id string, body []byte) {
	var e event
	if err := json.Unmarshal(body, &e); err != nil {
		http.Error(w, "not an event", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seen[id] { // delivered before, and the answer was lost
		return
	}
	s.seen[id] = true
	fmt.Fprintf(s.out, "%s: %s %s, revision %d, fields %v\n", id, e.Type, e.Data.ID, e.Data.Revision, e.Data.Fields)
	if len(e.Data.User) > 0 {
		var indented bytes.Buffer
		if json.Indent(&indented, e.Data.User, "", "  ") == nil {
			fmt.Fprintln(s.out, indented.String())
		}
	}
}

func newSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// ping sends an event as a registry does.
func ping(url, secret string) error {
	d := &enduser.Delivery{
		ID: "msg_example", Attempt: 1,
		Webhook: enduser.Webhook{ID: "example", URL: url, Tenant: "acme", Environment: enduser.Customer},
		Event:   enduser.Event{Type: enduser.EventPing, Time: time.Now()}, //nolint:forbidigo // a program has a clock
	}
	d.Open(nil, secret)
	users := enduser.New(memory.New(nil), nil)
	sender := webhook.New(users, &webhook.Options{AllowPrivate: true, AllowHTTP: true}).Sender()
	if result := sender.Send(context.Background(), d); result.Status != http.StatusOK {
		return fmt.Errorf("the event was not received: %d %s", result.Status, result.Fault)
	}
	return nil
}
