package postgres

import (
	"context"
	"fmt"
	"hash/fnv"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rollbook-go/rollbook/store"
)

// pollEvery is how often the feeds are looked at that calls wait for: other stores and hosts
// may have written them without a notification that reached us.
const pollEvery = 200 * time.Millisecond

// lingerFor is how long the work for calls that wait goes on after the last: a reader that
// follows a feed calls again at once, and would connect each time.
const lingerFor = time.Second

// Wait implements [store.Waiter]. A write of this Store wakes it at once. One of another
// store wakes it within milliseconds if both have Options.Notify, else within about 200 ms,
// as does a transaction of a host that used [Store.In].
//
// However many calls wait, the store looks at the feeds with one query every 200 ms, and
// listens on one connection, which is not of the pool. Both end soon after the last call.
func (s *Store) Wait(ctx context.Context, tenant string, after store.Revision) error {
	c := s.observer.BeginCall("Wait")
	err := s.wait(ctx, tenant, after)
	c.End(store.CallInfo{}, err)
	return err
}

func (s *Store) wait(ctx context.Context, tenant string, after store.Revision) error {
	if err := store.CheckTrim(tenant, after); err != nil {
		return err
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	c := s.watch.begin(tenant, after) //nolint:contextcheck // what it starts works for other calls, too
	if c == nil {
		return errClosed
	}
	defer s.watch.end(c)
	select {
	case err := <-c.woken:
		return err
	case <-ctx.Done():
		return ctx.Err()
	case <-s.closed:
		return errClosed
	}
}

// watch looks at the feeds that calls of Wait wait for, while there are any.
type watch struct {
	look   func(ctx context.Context, waiters []*waiter) ([]int, error) // which have news
	listen func(ctx context.Context, w *watch)                         // nil: no notifications
	every  time.Duration
	linger time.Duration

	mu      sync.Mutex
	closed  bool
	waiters map[*waiter]bool   // whether it is to be looked at before the next poll
	changed chan struct{}      // some are
	stop    context.CancelFunc // ends the work; nil: there is none
	work    sync.WaitGroup
}

func newWatch(s *Store) *watch {
	w := &watch{look: s.news, every: pollEvery, linger: lingerFor, waiters: make(map[*waiter]bool)}
	if s.opts.Notify {
		w.listen = s.hear
	}
	return w
}

// waiter is a call of Wait.
type waiter struct {
	tenant string
	after  store.Revision
	hash   string
	woken  chan error // has room for one
}

// begin adds a call, which is looked at at once. The first starts the work. It returns nil
// after close.
func (w *watch) begin(tenant string, after store.Revision) *waiter {
	c := &waiter{tenant, after, hashOf(tenant), make(chan error, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return nil
	}
	if w.stop == nil {
		w.start()
	}
	w.waiters[c] = true
	w.signal()
	return c
}

func (w *watch) start() {
	ctx, stop := context.WithCancel(context.Background())
	changed := make(chan struct{}, 1)
	w.changed, w.stop = changed, stop
	w.work.Go(func() { w.poll(ctx, changed) })
	if w.listen != nil {
		w.work.Go(func() { w.listen(ctx, w) })
	}
}

// end removes a call. The work ends if none comes for a while.
func (w *watch) end(c *waiter) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if delete(w.waiters, c); len(w.waiters) == 0 {
		time.AfterFunc(w.linger, w.rest)
	}
}

// rest ends the work if no call waits. It does not wait for its end.
func (w *watch) rest() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stop != nil && len(w.waiters) == 0 {
		w.stop()
		w.stop = nil
	}
}

// close ends the work, and waits for its end.
func (w *watch) close() {
	w.mu.Lock()
	w.closed = true
	if w.stop != nil {
		w.stop()
		w.stop = nil
	}
	w.mu.Unlock()
	w.work.Wait()
}

// signal is called with the lock.
func (w *watch) signal() {
	select {
	case w.changed <- struct{}{}:
	default: // it is known
	}
}

// ring has the calls looked at that wait for a tenant, which was written by this store.
func (w *watch) ring(tenant string) {
	w.mark(func(c *waiter) bool { return c.tenant == tenant })
}

// heard has the calls looked at that a notification is about.
func (w *watch) heard(payload string) {
	w.mark(func(c *waiter) bool { return payload == everyTenant || strings.Contains(payload, c.hash) })
}

func (w *watch) mark(about func(*waiter) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.waiters {
		if about(c) {
			w.waiters[c] = true
			w.signal()
		}
	}
}

// marked returns the calls to look at, or all, until the work that is asking has ended.
func (w *watch) marked(ctx context.Context, all bool) []*waiter {
	w.mu.Lock()
	defer w.mu.Unlock()
	if ctx.Err() != nil { // other work may have begun
		return nil
	}
	var calls []*waiter
	for c, marked := range w.waiters {
		if marked || all {
			calls = append(calls, c)
			w.waiters[c] = false
		}
	}
	return calls
}

func (w *watch) poll(ctx context.Context, changed <-chan struct{}) {
	ticker := time.NewTicker(w.every)
	defer ticker.Stop()
	for all := false; ; {
		if calls := w.marked(ctx, all); len(calls) > 0 {
			news, err := w.look(ctx, calls)
			if ctx.Err() != nil {
				return
			}
			if err != nil {
				wake(calls, err)
			}
			for _, i := range news {
				wake(calls[i:i+1], nil)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			all = false
		case <-ticker.C:
			all = true
		}
	}
}

func wake(calls []*waiter, err error) {
	for _, c := range calls {
		select {
		case c.woken <- err:
		default: // it is awake
		}
	}
}

const sqlNews = `SELECT w.i FROM unnest($1::bytea[], $2::int8[]) WITH ORDINALITY AS w (name, after, i)
	JOIN rollbook.tenant t ON t.name = w.name
	WHERE t.trimmed > w.after OR EXISTS (SELECT FROM rollbook.change c WHERE c.tenant = t.n AND c.revision > w.after)`

// news returns which of the calls have something to read.
func (s *Store) news(ctx context.Context, calls []*waiter) (news []int, err error) {
	var a args
	a.array(oidBytea)
	for _, c := range calls {
		a.elemString(c.tenant)
	}
	a.endArray()
	a.array(oidInt8)
	for _, c := range calls {
		a.elemInt8(int64(c.after))
	}
	a.endArray()
	err = s.step(ctx, readTurn{method: "Wait"}, func(ctx context.Context, c session) error {
		news = nil
		return c.rows(ctx, sqlNews, &a, func(row *reply) { news = append(news, int(row.int8())-1) })
	})
	return news, err
}

// committed wakes the calls that wait for a tenant's feed, which this store has written.
func (s *Store) committed(tenant string) { s.watch.ring(tenant) }

// channel returns where notifications are sent, and notifyPayload what the one notification
// of a transaction says that changes the feeds of tenants; "": none is sent.
func (s *Store) channel() string { return s.opts.Schema }

func (s *Store) notifyPayload(tenants []string) string {
	if !s.opts.Notify || len(tenants) == 0 {
		return ""
	}
	return notification(tenants)
}

// everyTenant is the payload of a notification about more tenants than it has room for.
const everyTenant = "*"

// hashOf returns what names a tenant in a notification: any user of the database may listen.
func hashOf(tenant string) string {
	h := fnv.New64a()
	_, _ = h.Write([]byte(tenant))
	return fmt.Sprintf("%016x ", h.Sum64())
}

// notification returns the payload of a notification about tenants.
func notification(tenants []string) string {
	const room = 7999 // bytes that PostgreSQL lets a payload have
	var b strings.Builder
	for _, t := range tenants {
		b.WriteString(hashOf(t))
	}
	if b.Len() > room {
		return everyTenant
	}
	return b.String()
}

// hear listens for notifications until its context ends. Where it cannot, calls are woken by
// polls.
func (s *Store) hear(ctx context.Context, w *watch) {
	pause := time.NewTicker(pollEvery)
	defer pause.Stop()
	for told := false; ctx.Err() == nil; {
		err := s.hearOn(ctx, w)
		if ctx.Err() == nil && !told {
			s.opts.Logger.WarnContext(ctx, "postgres: the connection that listens was lost: Wait polls meanwhile", "err", err)
		}
		told = true
		select {
		case <-ctx.Done():
		case <-pause.C:
		}
	}
}

// hearOn listens on one connection until it breaks.
func (s *Store) hearOn(ctx context.Context, w *watch) error {
	conn, err := s.listener(ctx)
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx) // which may be broken
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{s.channel()}.Sanitize()); err != nil {
		return err
	}
	w.heard(everyTenant) // what was written before we listened
	for {
		n, err := conn.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		w.heard(n.Payload)
	}
}

// listener connects to where the notifications are.
func (s *Store) listener(ctx context.Context) (*pgx.Conn, error) {
	if s.opts.ListenDSN != "" {
		return pgx.Connect(ctx, s.opts.ListenDSN)
	}
	pool := s.pool.Config()
	if pool.BeforeConnect != nil { // it may know the password
		if err := pool.BeforeConnect(ctx, pool.ConnConfig); err != nil {
			return nil, err
		}
	}
	return pgx.ConnectConfig(ctx, pool.ConnConfig)
}
