package console_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/store/memory"
)

// tailing is a request for new changes that is under way.
type tailing struct {
	answer chan *answer
	leave  func()
}

// tail asks for what follows the page of the feed, in a bubble of synctest.
func (d *desk) tail(address string) tailing {
	d.Helper()
	ctx, leave := context.WithCancel(d.Context())
	t := tailing{make(chan *answer, 1), leave}
	go func() {
		t.answer <- d.serve(httptest.NewRequestWithContext(ctx, http.MethodGet, "/"+address, nil))
	}()
	synctest.Wait()
	return t
}

// waits reports whether the request is not answered yet.
func (t *tailing) waits() bool { return len(t.answer) == 0 }

// tailOf returns where the changes that follow a page of the feed come from.
func (d *desk) tailOf(page string) string {
	d.Helper()
	a := d.get(page)
	address := strings.TrimPrefix(a.attribute("tail"), "./")
	if a.Status != 200 || address == "" {
		d.Fatalf("%s: status %d, tail %q", page, a.Status, address)
	}
	return address
}

// A request for new changes ends with a change of the tenant that it selects, and says from where
// to go on.
func TestTail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		d.add(enduser.Spec{Name: "n1"})
		tail := d.tail(d.tailOf("feed?kind=user&field=email"))
		must(d.users.Tenant("umbrella").Create(t.Context(), enduser.Spec{}))(t)
		must(d.acme.In(enduser.Testing).Create(t.Context(), enduser.Spec{}))(t)
		d.addGroup(enduser.GroupSpec{ExternalID: "g"})
		time.Sleep(time.Second) //nolint:forbidigo // time of the bubble
		synctest.Wait()
		if !tail.waits() {
			a := <-tail.answer
			t.Fatalf("a change that is not selected: %d %s", a.Status, a.HTML)
		}
		d.add(enduser.Spec{Name: "n2"})
		a := <-tail.answer
		if got := a.numbers(); a.Status != 200 || len(got) != 1 || got[0] != "2" || a.attribute("more") != "false" {
			t.Errorf("status %d, %s", a.Status, a.HTML)
		}
		a.has(`href="./users/`).lacks("<html")
		// From there on: two at once, the newest first.
		d.add(enduser.Spec{Name: "n3"})
		d.add(enduser.Spec{Name: "n4"})
		a = d.get("feed/new?kind=user&after=" + a.attribute("after"))
		if got := strings.Join(a.numbers(), " "); got != "4 3" {
			t.Errorf("got %s", got)
		}
		// A page with nothing on it has a tail, too.
		d.who.Tenant = "empty"
		tail = d.tail(d.tailOf("feed"))
		must(d.users.Tenant("empty").Create(t.Context(), enduser.Spec{Name: "n5"}))(t)
		if a = <-tail.answer; strings.Join(a.numbers(), "") != "5" {
			t.Errorf("status %d, %s", a.Status, a.HTML)
		}
		d.get("feed/new").want(400)
	})
}

// A request for new changes does not wait for ever, nor for somebody who has left, nor for a
// server that closes.
func TestTailEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closing := make(chan struct{})
		d := newDesk(t, memory.New(nil), &console.Options{Options: httpapi.Options{Closing: closing}})
		address := d.tailOf("feed")
		began := time.Now()
		tail := d.tail(address)
		a := <-tail.answer
		if took := time.Since(began); a.Status != 200 || len(a.numbers()) != 0 || took != 25*time.Second || !strings.Contains(address, a.attribute("after")) {
			t.Errorf("after %v status %d, %s", took, a.Status, a.HTML)
		}
		began = time.Now()
		tail = d.tail(address)
		tail.leave()
		<-tail.answer
		tail = d.tail(address)
		close(closing)
		if a = <-tail.answer; a.Status != 200 || time.Since(began) != 0 {
			t.Errorf("closing: after %v status %d", time.Since(began), a.Status)
		}
	})
}

// At most four requests of one credential wait at once. Others are not held back by them.
func TestTailsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t, memory.New(nil), nil)
		d.who.Credential = "key 1"
		address := d.tailOf("feed")
		var tails []tailing
		for range 4 {
			tails = append(tails, d.tail(address))
		}
		fifth := d.tail(address)
		if fifth.waits() {
			t.Fatal("a fifth request waits")
		}
		a := <-fifth.answer
		a.want(429, "Too many live feeds")
		d.who.Credential = "key 2"
		other := d.tail(address)
		if !other.waits() {
			t.Error("another credential does not wait")
		}
		other.leave()
		<-other.answer
		d.who.Credential, d.who.Actor = "key 1", "bob" // a host with a login of its own need not name a credential
		other = d.tail(address)
		if !other.waits() {
			t.Error("another actor does not wait")
		}
		other.leave()
		<-other.answer
		d.who.Actor = "ann"
		tails[0].leave()
		<-tails[0].answer
		again := d.tail(address)
		if !again.waits() {
			t.Error("the place of one that has left is not free")
		}
		d.add(enduser.Spec{})
		for _, tail := range append(tails[1:], again) {
			if a := <-tail.answer; a.Status != 200 {
				t.Errorf("status %d", a.Status)
			}
		}
	})
}

// Somebody whose credential was taken away, or has lost its right or its tenant, does not get what
// happened since.
func TestTailOfLostKey(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		lose   func(d *desk)
		status int
	}{
		"credential": {func(d *desk) { d.who = httpapi.Principal{} }, 303},
		"right":      {func(d *desk) { d.denied = map[string]bool{"listChanges": true} }, 403},
		"tenant":     {func(d *desk) { d.who.Tenant = "umbrella" }, 403},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				d := newDesk(t, memory.New(nil), nil)
				tail := d.tail(d.tailOf("feed"))
				tt.lose(d)
				d.add(enduser.Spec{Name: "canary"})
				a := <-tail.answer
				if a.Status != tt.status || strings.Contains(a.HTML, "canary") {
					t.Errorf("status %d, want %d: %s", a.Status, tt.status, a.HTML)
				}
			})
		})
	}
}
