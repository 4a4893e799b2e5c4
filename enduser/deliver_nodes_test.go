package enduser_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// nodes are processes that deliver from one store, each with a Manager of its own.
type nodes struct {
	*deliveries
	sender enduser.Sender
	open   func() store.Store // the store as a process sees it
	speed  time.Duration      // how many seconds of the Managers' clocks are one second; 0: 1

	stopped atomic.Bool // nothing fails any more
	work    sync.WaitGroup
}

var errKilled = errors.New("the process was killed")

// life is one process: it delivers until it is killed in a call of the store, or the context
// ends. A kill lets nothing be written afterwards.
func (n *nodes) life(ctx context.Context, rng *rand.Rand, killable bool) {
	ctx, kill := context.WithCancel(ctx)
	defer kill()
	st := &faultstore.Store{Store: n.open()}
	dead := false
	var mu sync.Mutex
	left := 20 + rng.IntN(300) // calls
	call := func() error {
		mu.Lock()
		defer mu.Unlock()
		if left--; killable && left <= 0 && !n.stopped.Load() && !dead {
			dead = true
			st.Fail(errKilled)
			kill()
			return errKilled
		}
		return nil
	}
	unlucky := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return killable && !n.stopped.Load() && rng.IntN(30) == 0
	}
	st.OnGet, st.OnDue = call, call
	st.OnApply = func(int64, []store.Op) error {
		if unlucky() {
			return store.ErrUnavailable
		}
		return call()
	}
	st.OnApplied = func(int64, []store.Op) error {
		if unlucky() || call() != nil {
			return store.ErrUnknown
		}
		return nil
	}
	skew := time.Duration(rng.IntN(121)-60) * time.Second
	begin := time.Now()
	now := func() time.Time { return time.Now().Add(skew) }
	poll := time.Duration(0)
	if n.speed > 0 {
		now = func() time.Time { return begin.Add(time.Since(epochOfTests) * n.speed).Add(skew) }
		poll = 10 * time.Millisecond
	}
	users := enduser.New(st, &enduser.Options{Now: now, Keyring: enduser.NewKeyring(testKey("k1"))})
	_ = users.Deliver(ctx, n.sender, &enduser.DeliverOptions{Poll: poll})
}

// epochOfTests is when the fast clocks began.
var epochOfTests = time.Now()

// start starts processes, each of which is started again after its death.
func (n *nodes) start(ctx context.Context, count int, seed uint64, killable bool) {
	for i := range count {
		rng := rand.New(rand.NewPCG(seed, uint64(i)))
		n.work.Go(func() {
			for ctx.Err() == nil {
				n.life(ctx, rng, killable)
				select {
				case <-time.After(time.Duration(rng.IntN(2000)) * time.Millisecond / max(n.speed/60, 1)):
				case <-ctx.Done():
				}
			}
		})
	}
}

// everyday makes changes of all kinds, and asks for this and that.
func (d *deliveries) everyday(t testing.TB, rng *rand.Rand, changes int, h enduser.Webhook, wait func(time.Duration)) {
	t.Helper()
	ctx := context.Background()
	hooks := d.acme.Webhooks()
	var users []string
	for i := range changes {
		switch k := rng.IntN(20); {
		case k < 5 || len(users) == 0:
			users = append(users, d.user(t))
		case k == 5 && len(users) > 3:
			if err := d.acme.Delete(ctx, enduser.ByID(users[0])); err != nil {
				t.Error(err)
			}
			users = users[1:]
		case k == 6:
			made(d.acme.Groups().Create(ctx, enduser.GroupSpec{ExternalID: fmt.Sprint("g", i)}))(t)
		case k == 7:
			_, _ = hooks.Ping(ctx, h.ID)
		default:
			d.change(t, users[rng.IntN(len(users))])
		}
		wait(time.Duration(rng.IntN(20_000)) * time.Millisecond)
	}
}

// moody returns a receiver's answers: most are good; some fail, are late, or get lost. No event
// fails more than twice if patient is not set.
func (d *deliveries) moody(rng *rand.Rand, patient bool) {
	var mu sync.Mutex
	taking(d.receiver, func(*enduser.Delivery) time.Duration {
		mu.Lock()
		defer mu.Unlock()
		if !patient || rng.IntN(4) > 0 {
			return 0
		}
		return time.Duration(rng.IntN(18_000)) * time.Millisecond
	})
	answering(d.receiver, func(a *enduser.Delivery) enduser.Result {
		mu.Lock()
		defer mu.Unlock()
		switch k := rng.IntN(10); {
		case a.Attempt > 2 && !patient:
		case k == 0:
			return answer(500)
		case k == 1:
			return lostAnswer
		case k == 2 && patient:
			return enduser.Result{Status: 429, RetryAfter: time.Duration(rng.IntN(300)) * time.Second}
		}
		return answer(200)
	})
}

// deadLetters returns the events that are dead letters.
func (d *deliveries) deadLetters(t testing.TB, h enduser.Webhook) map[string]bool {
	t.Helper()
	lost := make(map[string]bool)
	for _, l := range must(d.acme.Webhooks().DeadLetters(context.Background(), h.ID, enduser.DeadLetterQuery{Limit: 100}))(t).DeadLetters {
		lost[l.EventID] = true
	}
	return lost
}

// done reports whether everything was sent that is to be sent.
func (d *deliveries) done(t testing.TB, h enduser.Webhook) bool {
	t.Helper()
	s := d.state(t, h)
	return s.Parked == 0 && s.Queued == 0 && s.Position == must(d.acme.Latest(context.Background()))(t)
}

// chaos lets several processes deliver that die in calls of the store, lose answers, and have
// clocks up to two minutes apart, to a moody receiver. It returns what is wrong.
func chaos(t *testing.T, seed uint64, st store.Store, wrap func(enduser.Sender) enduser.Sender) []string {
	t.Helper()
	rng := rand.New(rand.NewPCG(seed, 0))
	n := &nodes{deliveries: newDeliveries(st), open: func() store.Store { return st }}
	n.sender = n.deliveries
	if wrap != nil {
		n.sender = wrap(n.sender)
	}
	h := n.hook(t)
	n.moody(rand.New(rand.NewPCG(seed, 1)), true)
	ctx, stop := context.WithCancel(context.Background())
	n.start(ctx, 1+rng.IntN(4), seed, true)
	n.everyday(t, rng, size.Pick(t, 150, 400, 1000), h, func(d time.Duration) { <-time.After(d) })
	n.stopped.Store(true)
	for range 48 { // the last attempt comes after more than a day
		sleep(time.Hour)
		if n.done(t, h) {
			break
		}
	}
	stop()
	n.work.Wait()
	if s := n.state(t, h); !s.GappedAt.IsZero() || !n.done(t, h) {
		return []string{fmt.Sprintf("state %+v", s)}
	}
	return n.problems(t, h, n.all(), false, n.deadLetters(t, h))
}

// Every change arrives, in the order of its user's, whatever dies when.
func TestDeliverThroughCrashes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(size.Pick(t, 4, 25, 250)) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, p := range chaos(t, seed, memory.New(nil), nil) {
					t.Error(p)
				}
			})
		})
	}
}

// calm lets several processes deliver while nothing fails, and returns what is wrong.
func calm(t *testing.T, seed uint64, count int, st store.Store) []string {
	t.Helper()
	n := &nodes{deliveries: newDeliveries(st), open: func() store.Store { return st }}
	n.sender = n.deliveries
	h := n.hook(t)
	n.set(func() { n.takes = func(*enduser.Delivery) time.Duration { return 300 * time.Millisecond } })
	ctx, stop := context.WithCancel(context.Background())
	for range count {
		users := enduser.New(st, &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1"))})
		n.work.Go(func() { _ = users.Deliver(ctx, n, nil) })
	}
	n.everyday(t, rand.New(rand.NewPCG(seed, 0)), size.Pick(t, 300, 1000, 3000), h, func(d time.Duration) { <-time.After(d / 10) })
	sleep(time.Hour)
	stop()
	n.work.Wait()
	return n.problems(t, h, n.all(), true, nil)
}

// While nothing fails everything is sent once, however many processes there are.
func TestDeliverOnceByManyNodes(t *testing.T) {
	for _, count := range []int{1, 2, 4} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				for _, p := range calm(t, 1, count, memory.New(nil)) {
					t.Error(p)
				}
			})
		})
	}
}

// open is a store in which nobody sees that a turn has an owner.
type open struct{ store.Store }

var ownerMember = regexp.MustCompile(`"owner":"[^"]*",`)

func (o open) Get(ctx context.Context, tenant string, key store.Key) (store.Record, error) {
	r, err := o.Store.Get(ctx, tenant, key)
	r.Data = ownerMember.ReplaceAll(r.Data, nil)
	return r, err
}

// hasty is a store that moves a turn to the end of the feed when it is claimed, before anything
// is sent.
type hasty struct{ store.Store }

var positionMember = regexp.MustCompile(`"position":"[^"]*"`)

func (s hasty) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	if op := b.Ops[0]; op.New != nil && op.New.Kind == "webhook-turn" && ownerMember.Match(op.New.Data) {
		latest, err := enduser.New(s.Store, nil).Tenant(tenant).Latest(ctx)
		if err == nil {
			op.New.Data = positionMember.ReplaceAll(op.New.Data, []byte(`"position":"`+latest.String()+`"`))
		}
	}
	return s.Store.Apply(ctx, tenant, b)
}

// liar reports that what it does not send was accepted, one time in fifty.
type liar struct {
	enduser.Sender
	n atomic.Int64
}

func (l *liar) Send(ctx context.Context, d *enduser.Delivery) enduser.Result {
	if l.n.Add(1)%50 == 0 {
		return answer(200)
	}
	return l.Sender.Send(ctx, d)
}

// impatient reports success before the receiver has answered.
type impatient struct{ enduser.Sender }

func (s impatient) Send(_ context.Context, d *enduser.Delivery) enduser.Result {
	go s.Sender.Send(context.Background(), d) //nolint:gosec // it is a mistake on purpose
	return answer(200)
}

// The checks above notice engines, stores and senders that break the promises.
func TestDeliverChecksNotice(t *testing.T) {
	t.Parallel()
	for name, broken := range map[string]func(t *testing.T, seed uint64) []string{
		"leases that nobody sees": func(t *testing.T, seed uint64) []string { return calm(t, seed, 4, open{memory.New(nil)}) },
		"a position ahead of what was sent": func(t *testing.T, seed uint64) []string {
			return chaos(t, seed, hasty{memory.New(nil)}, nil)
		},
		"events that are not sent": func(t *testing.T, seed uint64) []string {
			return chaos(t, seed, memory.New(nil), func(s enduser.Sender) enduser.Sender { return &liar{Sender: s} })
		},
		"answers that are not waited for": func(t *testing.T, seed uint64) []string {
			return chaos(t, seed, memory.New(nil), func(s enduser.Sender) enduser.Sender { return impatient{s} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			for seed := range uint64(20) {
				var found []string
				synctest.Test(t, func(t *testing.T) {
					found = broken(t, seed)
					sleep(time.Minute)
				})
				if len(found) > 0 {
					return
				}
			}
			t.Error("nothing was noticed")
		})
	}
}

// On real stores several processes deliver everything, while they die in calls of the store. The
// clocks of their Managers run 600 times as fast as the processes: leases end in the middle of
// rounds.
func TestDeliverFromStores(t *testing.T) {
	for _, kind := range []struct {
		name string
		open func(testing.TB) (ours store.Store, theirs func() store.Store)
	}{
		{"sqlite", func(tb testing.TB) (store.Store, func() store.Store) {
			tb.Helper()
			path := filepath.Join(tb.TempDir(), "users.db")
			st, other := backends.OpenSQLite(tb, path), backends.OpenSQLite(tb, path)
			return st, func() store.Store { return other }
		}},
		{"redis", func(tb testing.TB) (store.Store, func() store.Store) {
			tb.Helper()
			addr := miniredis.RunT(tb).Addr()
			st, other := backends.OpenRedis(tb, addr, redisstore.DefaultPrefix), backends.OpenRedis(tb, addr, redisstore.DefaultPrefix)
			return st, func() store.Store { return other }
		}},
	} {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			st, theirs := kind.open(t)
			n := &nodes{deliveries: newDeliveries(st), open: theirs, speed: 600}
			n.sender = n.deliveries
			h := n.hook(t)
			n.moody(rand.New(rand.NewPCG(1, 1)), false)
			ctx, stop := context.WithCancel(context.Background())
			defer n.work.Wait()
			defer stop()
			n.start(ctx, 3, 1, true)
			n.everyday(t, rand.New(rand.NewPCG(1, 0)), size.Pick(t, 100, 1000, 5000), h, func(d time.Duration) { <-time.After(d / 2000) })
			n.stopped.Store(true)
			for n.state(t, h).Position != must(n.acme.Latest(ctx))(t) || n.state(t, h).Parked > 0 {
				<-time.After(10 * time.Millisecond)
			}
			stop()
			n.work.Wait()
			for _, p := range n.problems(t, h, n.all(), false, nil) {
				t.Error(p)
			}
		})
	}
}

// A tenant with many webhooks, all of them slow and far behind, does not keep another waiting.
func TestDeliverFairly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDeliveries(memory.New(nil))
		for range 40 {
			d.hook(t)
		}
		other := *d
		other.acme = d.users.Tenant("small")
		h := other.hook(t)
		taking(d.receiver, func(a *enduser.Delivery) time.Duration {
			if a.Event.Tenant == "acme" {
				return 10 * time.Second
			}
			return 0
		})
		for range 500 {
			d.user(t)
		}
		d.run(t, &enduser.DeliverOptions{Endpoints: 4})
		for range 20 {
			sleep(time.Minute)
			other.user(t)
		}
		sleep(time.Minute)
		n := 0
		for _, a := range d.all() {
			if a.Webhook.ID == h.ID {
				if n++; a.at.Sub(a.Event.Time) > 50*time.Second {
					t.Errorf("an event waited %v", a.at.Sub(a.Event.Time))
				}
			}
		}
		if n != 20 {
			t.Errorf("%d events", n)
		}
	})
}
