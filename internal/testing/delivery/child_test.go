package delivery

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/enduser/webhook"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/store"
)

// jobVariable has the job of a process that the test binary starts.
const jobVariable = "ROLLBOOK_DELIVERY_TEST_JOB"

// job is what a process does until it is killed, or its standard input ends. A line there is how
// far its clock is ahead, in nanoseconds.
type job struct {
	Kind, Address string
	Ahead         time.Duration
	Writes        bool // it also writes users, besides that it delivers
	Seed          uint64
	Point         point // where it kills itself
	Nth           int64 // the how manieth time that it comes there
}

// point is a moment at which a process kills itself.
type point string

const (
	nowhere  point = ""
	before   point = "before a commit"
	between  point = "between commit and send" // and before the caller knows
	claimed  point = "after a claim"
	sending  point = "before a send"
	answered point = "between answer and record"
	inside   point = "inside a transaction of the host"
)

func TestMain(m *testing.M) {
	if text := os.Getenv(jobVariable); text != "" {
		var j job
		err := json.Unmarshal([]byte(text), &j)
		if err == nil {
			err = j.run(context.Background())
		}
		if err != nil && !errors.Is(err, context.Canceled) {
			fmt.Fprintln(os.Stderr, "process:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// process is the process itself.
type process struct {
	job
	place *place
	users *enduser.Manager
	ahead atomic.Int64
	times atomic.Int64 // that it came to its point
	txs   atomic.Int64 // transactions of the host
	sends atomic.Int64
	sent  chan struct{} // a token for every event that was sent
}

func (j job) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := &process{job: j, sent: make(chan struct{}, 1000)}
	for _, k := range kinds() {
		if k.name == j.Kind {
			var err error
			if p.place, err = k.open(ctx, j.Address); err != nil {
				return err
			}
		}
	}
	defer func() { _ = p.place.close() }()
	p.ahead.Store(int64(j.Ahead))
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			if n, err := strconv.ParseInt(lines.Text(), 10, 64); err == nil {
				p.ahead.Store(n)
			}
		}
		cancel()
	}()
	now := func() time.Time { return time.Now().Add(time.Duration(p.ahead.Load())) }
	st := &faultstore.Store{Store: p.place.store, OnApply: p.onApply, OnApplied: p.onApplied}
	opts := options(now)
	opts.Logger = slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))
	p.users = enduser.New(st, opts)
	_, _ = fmt.Fprintln(os.Stdout, "up")
	var writers sync.WaitGroup
	if j.Writes {
		for i := range 4 {
			writers.Go(func() {
				if err := p.write(ctx, rand.New(rand.NewPCG(j.Seed, uint64(i)))); err != nil && ctx.Err() == nil {
					fmt.Fprintln(os.Stderr, "process: write:", err)
					os.Exit(1)
				}
			})
		}
	}
	s := webhook.New(p.users, insecure()).Sender()
	err := p.users.Deliver(ctx, killing{p, s}, &enduser.DeliverOptions{Poll: 20 * time.Millisecond})
	writers.Wait()
	_, _ = fmt.Fprintln(os.Stdout, "sent", p.sends.Load())
	return err
}

// at kills the process if this is its moment.
func (p *process) at(here point) {
	if p.Point == here && p.times.Add(1) == p.Nth {
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		select {} // until the signal is there
	}
}

func (p *process) onApply(_ int64, ops []store.Op) error {
	if isUsers(ops) {
		p.at(before)
	}
	return nil
}

func (p *process) onApplied(_ int64, ops []store.Op) error {
	if isUsers(ops) {
		p.at(between)
	} else {
		p.at(claimed)
	}
	return nil
}

// isUsers reports whether a batch writes users, and not what deliveries keep.
func isUsers(ops []store.Op) bool {
	for _, op := range ops {
		if op.Note != nil {
			return true
		}
	}
	return false
}

// killing is a Sender that may kill its process.
type killing struct {
	p *process
	enduser.Sender
}

func (k killing) Send(ctx context.Context, d *enduser.Delivery) enduser.Result {
	k.p.at(sending)
	r := k.Sender.Send(ctx, d)
	k.p.at(answered)
	k.p.sends.Add(1)
	select {
	case k.p.sent <- struct{}{}:
	default:
	}
	return r
}

// write writes users: a few at once, then one for every event that was sent.
func (p *process) write(ctx context.Context, rng *rand.Rand) error {
	acme := p.users.Tenant("acme")
	for n := 0; ctx.Err() == nil; n++ {
		if n >= 8 {
			select {
			case <-p.sent:
			case <-ctx.Done():
				return nil
			}
		}
		if p.place.begin != nil && (n == 3 || rng.IntN(5) == 0) {
			if err := p.transact(ctx); err != nil {
				return err
			}
			continue
		}
		ref := enduser.ByExternalID(fmt.Sprint("crm-", rng.IntN(30)))
		if rng.IntN(8) == 0 {
			if err := acme.Delete(ctx, ref); err != nil && !errors.Is(err, enduser.ErrNotFound) {
				return err
			}
			continue
		}
		u, _, err := acme.Upsert(ctx, enduser.Spec{ExternalID: fmt.Sprint("crm-", rng.IntN(30)), Name: fmt.Sprint("Ann ", rng.Uint64())})
		if err != nil {
			return err
		}
		report("done", &u)
	}
	return nil
}

// report tells the test in one write, so that no line is cut by a kill.
func report(what string, u *enduser.User) {
	_, _ = fmt.Fprintf(os.Stdout, "%s %s %d\n", what, u.ID, u.Revision)
}

// transact makes two users in a transaction of the host, which commits or rolls back.
func (p *process) transact(ctx context.Context) error {
	tx, err := p.place.begin(ctx)
	if err != nil {
		return err
	}
	acme := p.users.On(tx.store).Tenant("acme")
	var made [2]enduser.User
	for i := range made {
		if made[i], err = acme.Create(ctx, enduser.Spec{Name: "of the host"}); err != nil {
			return errors.Join(err, tx.rollback(ctx))
		}
		p.at(inside)
	}
	how, end := "done", tx.commit
	if p.txs.Add(1)%2 == 0 {
		how, end = "undone", tx.rollback
	}
	if err := end(ctx); err != nil {
		return err
	}
	for i := range made {
		report(how, &made[i])
	}
	return nil
}

// options are those of all Managers of these tests.
func options(now func() time.Time) *enduser.Options {
	key, err := enduser.NewKey("k1", [32]byte{1})
	if err != nil {
		panic(err) //nolint:forbidigo // the key is always the same
	}
	return &enduser.Options{Keyring: enduser.NewKeyring(key), InsecureWebhooks: true, Now: now}
}

// insecure lets requests go to a receiver on loopback.
func insecure() *webhook.Options { return &webhook.Options{AllowPrivate: true, AllowHTTP: true} }
