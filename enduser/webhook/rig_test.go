package webhook

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/rollbook-go/rollbook/enduser"
)

// rig is a sender whose guard is the real one, while nothing leaves this machine: what the
// guard lets through to a public address ends at a receiver here.
type rig struct {
	sender   *sender
	receiver *httptest.Server // TLS; for whatever passes the guard
	to       string           // its address
	passed   atomic.Int64     // addresses that the guard let through
	names    func(name string) []netip.Addr
}

// errDiverted ends a dial behind the guard.
var errDiverted = errors.New("diverted")

func newRig(t *testing.T, opts *Options, h http.HandlerFunc) *rig {
	t.Helper()
	r := &rig{sender: newSender(time.Now, opts), receiver: httptest.NewUnstartedServer(h)}
	r.receiver.EnableHTTP2 = true
	r.receiver.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError) // it sees handshakes that fail on purpose
	r.receiver.StartTLS()
	r.to = r.receiver.Listener.Addr().String()
	t.Cleanup(r.receiver.Close)
	t.Cleanup(r.sender.transport.CloseIdleConnections)
	s := r.sender
	guard := s.dialer.Control
	s.dialer.Control = func(network, address string, c syscall.RawConn) error {
		if err := guard(network, address, c); err != nil {
			return err
		}
		r.passed.Add(1)
		if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().IsLoopback() {
			return errDiverted
		}
		return nil
	}
	s.dialer.Resolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		here, there := net.Pipe()
		go serveDNS(there, func(name string) []netip.Addr { return r.names(name) })
		return here, nil
	}}
	s.transport.DialContext = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := s.dialer.DialContext(ctx, network, address)
		if errors.Is(err, errDiverted) {
			return new(net.Dialer).DialContext(ctx, network, r.to)
		}
		return conn, err
	}
	s.transport.TLSClientConfig.InsecureSkipVerify = true // the certificate has other names; TestTLS verifies
	return r
}

// send sends an event to a URL.
func (r *rig) send(t *testing.T, to string) enduser.Result {
	t.Helper()
	return r.sender.Send(t.Context(), delivery(to))
}

// serveDNS answers the queries of one connection.
func serveDNS(conn net.Conn, lookup func(name string) []netip.Addr) {
	defer conn.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(conn, size[:]); err != nil {
			return
		}
		text := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(conn, text); err != nil {
			return
		}
		var query dnsmessage.Message
		if query.Unpack(text) != nil || len(query.Questions) != 1 {
			return
		}
		answer := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: query.ID, Response: true, RecursionAvailable: true, RCode: dnsmessage.RCodeNameError},
			Questions: query.Questions,
		}
		q := query.Questions[0]
		for _, addr := range lookup(strings.TrimSuffix(q.Name.String(), ".")) {
			answer.RCode = dnsmessage.RCodeSuccess
			head := dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}
			switch {
			case addr.Is4() && q.Type == dnsmessage.TypeA:
				answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AResource{A: addr.As4()}})
			case addr.Is6() && q.Type == dnsmessage.TypeAAAA:
				answer.Answers = append(answer.Answers, dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}})
			}
		}
		text, err := answer.AppendPack(make([]byte, 2))
		if err != nil {
			return
		}
		binary.BigEndian.PutUint16(text, uint16(len(text)-2))
		if _, err := conn.Write(text); err != nil {
			return
		}
	}
}

// delivery returns an event for a webhook with a URL.
func delivery(to string) *enduser.Delivery {
	d := &enduser.Delivery{
		ID: "msg_p5jXN8AQM9LWM0D4loKWxJek", Attempt: 1,
		Webhook: enduser.Webhook{ID: "w1", Tenant: "acme", Environment: enduser.Customer, URL: to},
		Event: enduser.Event{
			Type: "end_user.updated", Time: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), Kind: kindUser, ID: "u1", Revision: 7,
			Actor: "crm", Fields: []string{"name", "metadata.plan"}, User: &enduser.User{ID: "u1", Tenant: "acme", Name: "Ada Lovelace"},
		},
	}
	d.Open(nil, secret(1))
	return d
}

// secret returns one of many secrets.
func secret(n int) string {
	key := make([]byte, 32)
	binary.BigEndian.PutUint64(key, uint64(n)*0x9e3779b97f4a7c15)
	return "whsec_" + base64.StdEncoding.EncodeToString(key)
}

// counted listens on loopback and counts connections.
type counted struct {
	net.Listener
	n atomic.Int64
}

func listen(t *testing.T) *counted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &counted{Listener: l}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			c.n.Add(1)
			_ = conn.Close()
		}
	}()
	return c
}

func (c *counted) port() string {
	_, port, _ := net.SplitHostPort(c.Addr().String())
	return port
}
