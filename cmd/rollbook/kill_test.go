package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// TestKill kills a server on SQLite while clients create users, several times. Every
// acknowledged user is there afterwards, and no external ID has two. Clients repeat requests
// that were not acknowledged.
func TestKill(t *testing.T) {
	const clients = 8
	kills := size.Pick(t, 5, 10, 100)
	dir := t.TempDir()
	w := &world{made: make(map[string]string)}
	for cycle := range kills {
		s := startProcess(t, dir, keyFlag, "-rate", "off", "-store", "sqlite:users.db")
		w.check(t, s.url)
		enough := make(chan struct{})
		w.killAfter(10+rand.IntN(90), enough)
		client := newClient(t, clients)
		var all sync.WaitGroup
		for range clients {
			all.Go(func() { w.create(t, client, s.url) })
		}
		select {
		case <-enough:
		case <-time.After(patience):
			t.Error("the server acknowledges too little")
		}
		s.kill(t)
		all.Wait()
		if t.Failed() {
			t.Fatalf("in cycle %d", cycle)
		}
	}
	s := startProcess(t, dir, keyFlag, "-rate", "off", "-store", "sqlite:users.db")
	again := len(w.open)
	w.settle(t, s.url)
	w.check(t, s.url)
	t.Logf("%d users acknowledged over %d kills, %d sent again after the last", len(w.made), kills, again)
}

// world is the clients' knowledge of the users.
type world struct {
	mu     sync.Mutex
	made   map[string]string // the IDs of acknowledged users, by external ID
	open   []string          // external IDs that were sent and not acknowledged
	next   int
	left   int // acknowledgements until the kill
	enough chan struct{}
}

func (w *world) killAfter(n int, enough chan struct{}) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left, w.enough = n, enough
}

// take returns an external ID to create, first one that was not acknowledged.
func (w *world) take() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if n := len(w.open); n > 0 {
		id := w.open[n-1]
		w.open = w.open[:n-1]
		return id
	}
	w.next++
	return fmt.Sprintf("user-%d", w.next)
}

func (w *world) failed(externalID string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.open = append(w.open, externalID)
}

func (w *world) acknowledged(externalID, id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.made[externalID] = id
	if w.left--; w.left == 0 {
		close(w.enough)
	}
}

// create creates users until the server is gone.
func (w *world) create(t *testing.T, client *http.Client, server string) {
	for {
		externalID := w.take()
		a, err := send(client, "POST", server+"/v1/end-users", testKey, bodyOf(externalID))
		if err != nil {
			w.failed(externalID)
			return
		}
		u, err := a.user()
		if err != nil || a.status != http.StatusCreated && a.status != http.StatusOK || u.ExternalID != externalID {
			t.Errorf("POST of %q: %d %s %v", externalID, a.status, a.body, err)
			return
		}
		w.acknowledged(externalID, u.ID)
	}
}

// settle repeats the requests that were not acknowledged.
func (w *world) settle(t *testing.T, server string) {
	client := newClient(t, 1)
	for len(w.open) > 0 {
		externalID := w.take()
		a, err := send(client, "POST", server+"/v1/end-users", testKey, bodyOf(externalID))
		if err != nil {
			t.Fatal(err)
		}
		u, err := a.user()
		if err != nil {
			t.Fatal(err)
		}
		w.acknowledged(externalID, u.ID)
	}
}

// check walks the list of all users. Each acknowledged one is in it under its ID, no external
// ID is in it twice, and no user that was never sent.
func (w *world) check(t *testing.T, server string) {
	t.Helper()
	client := newClient(t, 1)
	open := make(map[string]bool)
	for _, externalID := range w.open {
		open[externalID] = true
	}
	found := make(map[string]string)
	for after := ""; ; {
		a, err := send(client, "GET", server+"/v1/end-users?limit=200&after="+url.QueryEscape(after), testKey, "")
		if err != nil {
			t.Fatal(err)
		}
		var page struct {
			Data   []user
			Paging struct{ Cursors struct{ After string } }
		}
		if err := json.Unmarshal([]byte(a.body), &page); err != nil || a.status != http.StatusOK {
			t.Fatalf("%d %s %v", a.status, a.body, err)
		}
		for _, u := range page.Data {
			if id, twice := found[u.ExternalID]; twice {
				t.Errorf("%s is there twice, as %s and %s", u.ExternalID, id, u.ID)
			}
			found[u.ExternalID] = u.ID
			if w.made[u.ExternalID] == "" && !open[u.ExternalID] {
				t.Errorf("%s is there and was never sent", u.ExternalID)
			}
		}
		if after = page.Paging.Cursors.After; after == "" {
			break
		}
	}
	for externalID, id := range w.made {
		if found[externalID] != id {
			t.Errorf("%s was acknowledged as %s; there is %q", externalID, id, found[externalID])
		}
	}
	if t.Failed() {
		t.FailNow()
	}
}
