package redis_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync/atomic"
	"testing"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// lossyNetwork loses the reply to a script: the server has run it, and the connection
// breaks before the client has the reply.
type lossyNetwork struct {
	armed     atomic.Bool // the next script's reply is lost
	lost      atomic.Int64
	meanwhile func() // is called between the loss and its being noticed; may be nil
}

func (n *lossyNetwork) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	return &lossyConn{Conn: c, network: n}, nil
}

type lossyConn struct {
	net.Conn
	network *lossyNetwork
	lose    atomic.Bool
}

func (c *lossyConn) Write(b []byte) (int, error) {
	if bytes.Contains(b, []byte("\r\neval")) && c.network.armed.CompareAndSwap(true, false) {
		c.lose.Store(true)
	}
	return c.Conn.Write(b)
}

func (c *lossyConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if err == nil && c.lose.CompareAndSwap(true, false) {
		c.network.lost.Add(1)
		if c.network.meanwhile != nil {
			c.network.meanwhile()
		}
		_ = c.Close()
		return 0, io.EOF
	}
	return n, err
}

// openLossy opens a store on the network.
func (b backend) openLossy(tb testing.TB, n *lossyNetwork, opts *redisstore.Options) *redisstore.Store {
	tb.Helper()
	return newStore(tb, b.clientWith(tb, goredis.UniversalOptions{Dialer: n.dial}), opts)
}

func TestLostReplies(t *testing.T) {
	clients := map[string]func(*goredis.UniversalOptions) goredis.UniversalClient{
		"NewClient": redisstore.NewClient,
		// With the defaults of go-redis, which repeats everything by itself.
		"defaults": goredis.NewUniversalClient,
	}
	everywhere(t, func(t *testing.T, b backend) {
		for name, newClient := range clients {
			t.Run(name, func(t *testing.T) {
				rounds(t, func(t *testing.T) {
					t.Helper()
					var network lossyNetwork
					client := newClient(b.options(goredis.UniversalOptions{Dialer: network.dial}))
					defer func() { _ = client.Close() }()
					loseReplies(t, newStore(t, client, &redisstore.Options{Prefix: b.prefix(t)}), &network)
				})
			})
		}
	})
}

// A record may be deleted again before the store repeats the write that made it. The write
// was done once, is answered as done, and does not bring the record back.
func TestLostReplyAndDeleted(t *testing.T) {
	everywhere(t, func(t *testing.T, b backend) {
		var network lossyNetwork
		opts := &redisstore.Options{Prefix: b.prefix(t)}
		st, other := b.openLossy(t, &network, opts), b.open(t, opts)
		teachScript(t, st)
		r := store.Record{ID: "id", Kind: "user", Unique: []store.Key{{Kind: "name", Value: "n"}}}
		network.meanwhile = func() {
			old, err := other.Get(context.Background(), "tenant", store.ID("id"))
			if err != nil {
				t.Errorf("the write was not done: %v", err)
				return
			}
			if _, err := other.Apply(context.Background(), "tenant", store.Ops(store.Delete(old, nil))); err != nil {
				t.Error(err)
			}
		}
		network.armed.Store(true)
		rev, err := st.Apply(t.Context(), "tenant", store.Ops(store.Create(r, []byte("note"))))
		if err != nil || rev != 2 {
			t.Errorf("revision %d, %v; want what the first try did", rev, err)
		}
		if _, err := st.Get(t.Context(), "tenant", store.ID("id")); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("a deleted record: %v, want that it stays deleted", err)
		}
		page, err := st.Changes(t.Context(), "tenant", store.ChangeQuery{})
		if err != nil || len(page.Changes) != 1 {
			t.Errorf("%d changes, %v; want the one of the create", len(page.Changes), err)
		}
	})
}

func loseReplies(t *testing.T, st store.Store, network *lossyNetwork) {
	t.Helper()
	writes := size.Pick(t, 20, 200, 200)
	teachScript(t, st)
	var old store.Record
	for i := range writes {
		r := store.Record{ID: "id", Kind: "user", Data: fmt.Append(nil, i)}
		op := store.Create(r, []byte("note"))
		if i > 0 {
			op = store.Replace(old, r, []byte("note"))
		}
		network.armed.Store(true)
		rev, err := st.Apply(t.Context(), "tenant", store.Ops(op))
		if err != nil {
			t.Fatalf("write %d: %v", i, err)
		}
		if rev != store.Revision(i+2) {
			t.Fatalf("write %d has revision %d: executed more than once", i, rev)
		}
		if old, err = st.Get(t.Context(), "tenant", store.ID("id")); err != nil {
			t.Fatal(err)
		}
	}
	page, err := st.Changes(t.Context(), "tenant", store.ChangeQuery{Limit: store.MaxLimit})
	if err != nil || len(page.Changes) != writes {
		t.Errorf("%d changes, %v; want %d", len(page.Changes), err, writes)
	}
	if lost := network.lost.Load(); lost != int64(writes) {
		t.Errorf("%d replies were lost, want %d", lost, writes)
	}
}

// teachScript makes the server know the script, so that a reply that is lost afterwards is
// that of a write and not NOSCRIPT.
func teachScript(t *testing.T, st store.Store) {
	t.Helper()
	r := store.Record{ID: "first", Kind: "first"}
	put(t, st, "tenant", store.Create(r, nil))
}

// Without repetition the outcome is unknown.
func TestLostReplyIsUnknown(t *testing.T) {
	b := onMini(t)
	var network lossyNetwork
	st := b.openLossy(t, &network, &redisstore.Options{RetryFor: -1})
	teachScript(t, st)
	network.armed.Store(true)
	_, err := st.Apply(t.Context(), "tenant", store.Ops(store.Create(store.Record{ID: "id", Kind: "user"}, nil)))
	wantError(t, err, store.ErrUnknown)
	if _, err := st.Get(t.Context(), "tenant", store.ID("id")); err != nil {
		t.Errorf("the write was done, but: %v", err)
	}
}
