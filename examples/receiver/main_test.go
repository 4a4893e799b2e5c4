package main

import (
	"context"
	"crypto/rand"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/webhook"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestReceiver: the events of a registry are verified and printed, each of them once.
func TestReceiver(t *testing.T) {
	var random [32]byte
	_, _ = rand.Read(random[:])
	key, err := enduser.NewKey("k", random)
	if err != nil {
		t.Fatal(err)
	}
	users := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(key), InsecureWebhooks: true})
	acme := users.Tenant("acme")

	lines := make(chan string, 100)
	r := newReceiver(nil, writer(func(p []byte) { lines <- string(p) }))
	server := httptest.NewServer(r)
	defer server.Close()
	hook, secret, err := acme.Webhooks().Create(t.Context(), enduser.WebhookSpec{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	r.secrets = []string{secret}

	ctx, cancel := context.WithCancel(t.Context())
	var delivering sync.WaitGroup
	delivering.Go(func() {
		_ = webhook.New(users, &webhook.Options{AllowPrivate: true, AllowHTTP: true}).Run(ctx) // the context's error
	})
	defer func() { cancel(); delivering.Wait() }()

	u, err := acme.Create(t.Context(), enduser.Spec{Name: "Ada Lovelace"})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-lines; !strings.Contains(got, ": end_user.created "+u.ID+", revision ") {
		t.Errorf("%q", got)
	}
	if got := <-lines; !strings.Contains(got, "\n  \"name\": \"Ada Lovelace\",\n") {
		t.Errorf("%q", got)
	}
	if _, err := acme.Webhooks().Ping(t.Context(), hook.ID); err != nil {
		t.Fatal(err)
	}
	if got := <-lines; !strings.Contains(got, ": webhook.ping "+hook.ID+", revision 0, fields []") {
		t.Errorf("%q", got)
	}
}

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) {
	w(p)
	return len(p), nil
}

// TestRefused: what is not a signed event is refused, and not printed.
func TestRefused(t *testing.T) {
	secret := newSecret()
	var out strings.Builder
	for _, test := range []struct {
		name, method, body string
		secrets            []string
		want               int
	}{
		{"another method", http.MethodGet, "", []string{secret}, http.StatusMethodNotAllowed},
		{"without a signature", http.MethodPost, "{}", []string{secret}, http.StatusUnauthorized},
		{"without a secret", http.MethodPost, "{}", []string{"whsec_"}, http.StatusInternalServerError},
		{"too large", http.MethodPost, strings.Repeat(" ", 4<<20+1), []string{secret}, http.StatusBadRequest},
	} {
		w := httptest.NewRecorder()
		newReceiver(test.secrets, &out).ServeHTTP(w, httptest.NewRequest(test.method, "/", strings.NewReader(test.body)))
		if w.Code != test.want {
			t.Errorf("%s: %d, want %d", test.name, w.Code, test.want)
		}
	}
	if out.Len() > 0 {
		t.Errorf("printed %q", out.String())
	}
}

// TestRepeats: a repeated event is answered as the first was, and handled once.
func TestRepeats(t *testing.T) {
	secret := newSecret()
	var out strings.Builder
	server := httptest.NewServer(newReceiver([]string{newSecret(), secret}, &out)) // it is being rotated
	defer server.Close()
	for range 2 {
		if err := ping(server.URL, secret); err != nil {
			t.Error(err)
		}
	}
	if err := ping(server.URL, newSecret()); err == nil {
		t.Error("another secret is accepted")
	}
	if want := "msg_example: webhook.ping example, revision 0, fields []\n"; out.String() != want {
		t.Errorf("%q, want %q", out.String(), want)
	}
}

func TestReadSecrets(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secrets")
	if _, err := readSecrets(path); err == nil {
		t.Error("a file that is not there was read")
	}
	for text, want := range map[string]int{"": 0, " \n": 0, "whsec_a\n": 1, "whsec_a\nwhsec_b\n": 2} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readSecrets(path); len(got) != want || err != nil == (want > 0) {
			t.Errorf("%q: %d secrets, %v", text, len(got), err)
		}
	}
}

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run("127.0.0.1:0", nil, &out); err != nil || !strings.Contains(out.String(), "msg_example: webhook.ping") {
		t.Errorf("%v, %q", err, out.String())
	}
	if err := run("nowhere:x", nil, io.Discard); err == nil {
		t.Error("it listens nowhere")
	}
}
