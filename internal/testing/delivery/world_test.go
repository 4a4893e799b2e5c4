package delivery

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/webhook"
)

// world is a store with a tenant, seen by the test, and a receiver.
type world struct {
	*receiver
	kind    kind
	address string
	place   *place
	users   *enduser.Manager
	acme    enduser.Tenant
	still   sync.RWMutex // held while the clock is moved: nothing is sent meanwhile
	ahead   atomic.Int64 // how far the clocks of processes are, in nanoseconds
	written atomic.Int64

	wereAhead []time.Duration // all that ahead has been
	ledger    ledger
}

func newWorld(t *testing.T, k kind) *world {
	t.Helper()
	w := &world{receiver: newReceiver(t), kind: k, address: k.setup(t), wereAhead: []time.Duration{0}}
	var err error
	if w.place, err = k.open(t.Context(), w.address); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.place.close(); err != nil {
			t.Error(err)
		}
	})
	w.users = enduser.New(w.place.store, options(w.now))
	w.acme = w.users.Tenant("acme")
	return w
}

// hook makes a webhook at a path of the receiver.
func (w *world) hook(t *testing.T, path string) enduser.Webhook {
	t.Helper()
	h, secret, err := w.acme.Webhooks().Create(t.Context(), enduser.WebhookSpec{URL: w.url + path})
	if err != nil {
		t.Fatal(err)
	}
	w.set(func(r *receiver) { r.secrets[path] = []string{secret} })
	return h
}

// node is a process.
type node struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	lines *bufio.Scanner // what it reports
	sent  string         // how many events it has sent, at its end
}

// start starts a process of the world, and waits until it works.
func (w *world) start(t *testing.T, j job) *node {
	t.Helper()
	j.Kind, j.Address, j.Ahead = w.kind.name, w.address, w.clocks()
	text, err := json.Marshal(j)
	if err != nil {
		t.Fatal(err)
	}
	n := &node{cmd: exec.Command(os.Args[0])}
	n.cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	n.cmd.Stderr = os.Stderr
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if n.stdin, err = n.cmd.StdinPipe(); err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	n.lines = bufio.NewScanner(out)
	t.Cleanup(func() { // if the test has failed; a process that was waited for is not signaled
		_ = n.cmd.Process.Kill()
		_ = n.cmd.Wait()
	})
	if !n.lines.Scan() || n.lines.Text() != "up" {
		t.Fatalf("the process begins with %q", n.lines.Text())
	}
	return n
}

// died reads what a process reports until it is dead, and fails the test if it was not killed.
func (w *world) died(t *testing.T, n *node) {
	t.Helper()
	w.listen(t, n, -1)
	var exit *exec.ExitError
	if err := n.cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the process was not killed but ended: %v", err)
	}
}

// listen reads what a process reports: some lines, or all until its end.
func (w *world) listen(t *testing.T, n *node, lines int) {
	t.Helper()
	for ; lines != 0 && n.lines.Scan(); lines-- {
		how, what, _ := strings.Cut(n.lines.Text(), " ")
		switch how {
		case "done":
			w.ledger.done = append(w.ledger.done, what)
		case "undone":
			id, _, _ := strings.Cut(what, " ")
			w.ledger.undone = append(w.ledger.undone, id)
		case "sent":
			n.sent = what
		default:
			t.Fatalf("the process wrote %q", n.lines.Text())
		}
	}
}

// kill kills a process.
func (w *world) kill(t *testing.T, n *node) {
	t.Helper()
	if err := n.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	w.died(t, n)
}

// stop ends a process in good order.
func (w *world) stop(t *testing.T, n *node) {
	t.Helper()
	_ = n.stdin.Close()
	w.listen(t, n, -1)
	if err := n.cmd.Wait(); err != nil {
		t.Errorf("the process: %v", err)
	}
}

// now is the time of the test.
func (w *world) now() time.Time { return time.Now().Add(w.clocks()) }

func (w *world) clocks() time.Duration { return time.Duration(w.ahead.Load()) }

// setClocks tells processes how far their clocks are ahead.
func (w *world) setClocks(ahead time.Duration, nodes ...*node) {
	w.ahead.Store(int64(ahead))
	w.wereAhead = append(w.wereAhead, ahead)
	for _, n := range nodes {
		_, _ = fmt.Fprintln(n.stdin, int64(ahead)) // it may be dead
	}
}

// advance moves the clock of the test on, between two attempts.
func (w *world) advance(d time.Duration) {
	w.still.Lock()
	defer w.still.Unlock()
	w.ahead.Add(int64(d))
}

// deliver delivers in this process until the test ends. A Sender may be put before the real one.
func (w *world) deliver(t *testing.T, before func(enduser.Sender) enduser.Sender) {
	t.Helper()
	s := webhook.New(w.users, insecure()).Sender()
	if before != nil {
		s = before(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- w.users.Deliver(ctx, sends(func(ctx context.Context, d *enduser.Delivery) enduser.Result {
			w.still.RLock()
			defer w.still.RUnlock()
			return s.Send(ctx, d)
		}), &enduser.DeliverOptions{Rate: 1_000_000, Poll: time.Millisecond})
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("deliver: %v", err)
		}
	})
}

// sends is a function as a Sender.
type sends func(context.Context, *enduser.Delivery) enduser.Result

func (s sends) Send(ctx context.Context, d *enduser.Delivery) enduser.Result { return s(ctx, d) }

// await waits until a webhook's state is as it should be. In between it calls step.
func (w *world) awaitState(t *testing.T, h enduser.Webhook, step func(), is func(enduser.WebhookState) bool) {
	t.Helper()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for began := time.Now(); ; step() {
		s, err := w.acme.Webhooks().State(t.Context(), h.ID)
		if err != nil {
			t.Fatal(err)
		}
		if is(s) {
			return
		}
		if time.Since(began) > patience {
			t.Fatalf("not within %v: %+v", patience, s)
		}
		<-ticker.C
	}
}

// settle waits until webhooks have nothing left to do. Somebody must deliver meanwhile.
func (w *world) settle(t *testing.T, hooks ...enduser.Webhook) {
	t.Helper()
	for _, h := range hooks {
		w.awaitState(t, h, func() {}, w.settled(t))
	}
}

// settleThrough is settle for events that have failed: the clocks of the processes go on, by an
// hour at a time, until their attempts are due.
func (w *world) settleThrough(t *testing.T, hooks []enduser.Webhook, nodes ...*node) {
	t.Helper()
	for _, h := range hooks {
		looked := 0
		w.awaitState(t, h, func() {
			if looked++; looked%100 == 0 { // meanwhile they deliver
				w.setClocks(w.clocks()+time.Hour, nodes...)
			}
		}, w.settled(t))
	}
}

// settled returns what is true of a webhook that has nothing left to do.
func (w *world) settled(t *testing.T) func(enduser.WebhookState) bool {
	t.Helper()
	latest, err := w.acme.Latest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func(s enduser.WebhookState) bool { return s.Position == latest && s.Parked == 0 && s.Queued == 0 }
}
