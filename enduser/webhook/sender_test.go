package webhook

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// TestRequest: what arrives at a receiver.
func TestRequest(t *testing.T) {
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		t.Run(proto, func(t *testing.T) {
			var got *http.Request
			var body []byte
			r := newRig(t, new(Options), func(_ http.ResponseWriter, r *http.Request) {
				got = r
				body, _ = io.ReadAll(r.Body)
			})
			r.names = names
			r.sender.transport.ForceAttemptHTTP2 = proto == "HTTP/2.0"
			d := delivery("https://public.example/hook?key=1")
			d.Open(map[string]string{
				"X-Api-Key": "s3cr3t", "user-agent": "mine", "Host": "other.example", "Content-Type": "text/plain", "Content-Encoding": "gzip", "Content-Length": "1",
				"Connection": "close", "Keep-Alive": "1", "Transfer-Encoding": "chunked", "Te": "trailers", "Trailer": "X", "Upgrade": "h2c", "Expect": "100-continue",
				"Proxy-Authorization": "x", "webhook-id": "x", "Webhook-Signature": "x", "Webhook-Else": "x", "svix-id": "x",
			}, secret(2), secret(1))
			if result := r.sender.Send(t.Context(), d); result.Status != http.StatusOK || result.Fault != "" {
				t.Fatalf("%+v", result)
			}
			if got.Proto != proto || got.Method != http.MethodPost || got.URL.RequestURI() != "/hook?key=1" || got.Host != "public.example" || got.ContentLength != int64(len(body)) {
				t.Errorf("%s %s %s at %s, %d bytes of %d", got.Proto, got.Method, got.URL.RequestURI(), got.Host, got.ContentLength, len(body))
			}
			want := map[string]string{
				"Content-Type": contentType, "User-Agent": "mine", "X-Api-Key": "s3cr3t", "Webhook-Id": d.ID,
				"Webhook-Timestamp": got.Header.Get("Webhook-Timestamp"), "Webhook-Signature": got.Header.Get("Webhook-Signature"),
				"Content-Length": fmt.Sprint(len(body)),
			}
			for name := range got.Header {
				if len(got.Header[name]) != 1 || got.Header.Get(name) != want[name] {
					t.Errorf("%s: %q, want %q", name, got.Header[name], want[name])
				}
			}
			for _, secrets := range [][]string{{secret(1)}, {secret(2)}} {
				if err := Verify(got.Header, body, secrets...); err != nil {
					t.Error(err)
				}
			}
			if string(body) != string(bodyOf(d)) || !json.Valid(body) {
				t.Errorf("%s", body)
			}
			d.Open(nil, secret(1))
			if r.sender.Send(t.Context(), d); got.UserAgent() != userAgent {
				t.Errorf("User-Agent %q", got.UserAgent())
			}
		})
	}
}

// TestAnswers: what becomes of a status, and of what comes with it.
func TestAnswers(t *testing.T) {
	var answer func(http.ResponseWriter)
	rigs := make(map[string]*rig)
	for _, proto := range []string{"HTTP/1.1", "HTTP/2.0"} {
		r := newRig(t, new(Options), func(w http.ResponseWriter, _ *http.Request) { answer(w) })
		r.names = names
		r.sender.transport.ForceAttemptHTTP2 = proto == "HTTP/2.0"
		rigs[proto] = r
	}
	for _, test := range []struct {
		name   string
		answer func(http.ResponseWriter)
		want   enduser.Result
	}{
		{"200", func(http.ResponseWriter) {}, enduser.Result{Status: 200}},
		{"204", func(w http.ResponseWriter) { w.WriteHeader(http.StatusNoContent) }, enduser.Result{Status: 204}},
		{"299", func(w http.ResponseWriter) { w.WriteHeader(299) }, enduser.Result{Status: 299}},
		{"410", func(w http.ResponseWriter) { w.WriteHeader(http.StatusGone) }, enduser.Result{Status: 410}},
		{"early hints", func(w http.ResponseWriter) { w.WriteHeader(http.StatusEarlyHints); w.WriteHeader(http.StatusOK) }, enduser.Result{Status: 200}},
		{"a success that says when to retry", func(w http.ResponseWriter) { w.Header().Set("Retry-After", "7") }, enduser.Result{Status: 200}},
		{"503", func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusServiceUnavailable)
		}, enduser.Result{Status: 503, RetryAfter: 7 * time.Second}},
		{"an answer that breaks off", func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "100")
			_, _ = io.WriteString(w, "half")
		}, enduser.Result{Status: 200}},
		{"no answer", func(http.ResponseWriter) {
			panic(http.ErrAbortHandler) //nolint:forbidigo // a handler breaks off in this way
		}, enduser.Result{Fault: FaultAnswer}},
		{"a header without end", func(w http.ResponseWriter) { w.Header().Set("X", strings.Repeat("x", 2*maxHeader)) }, enduser.Result{Fault: FaultAnswer}},
	} {
		for proto, r := range rigs {
			answer = test.answer
			got := r.send(t, "https://public.example/")
			if got.Took < 0 {
				t.Errorf("%s: took %v", test.name, got.Took)
			}
			if got.Took = 0; got != test.want {
				t.Errorf("%s, %s: %+v, want %+v", test.name, proto, got, test.want)
			}
		}
	}
}

// TestLargeAnswer: of a body without end, little is read.
func TestLargeAnswer(t *testing.T) {
	here, there := net.Pipe()
	s := plainSender(func(context.Context) (net.Conn, error) { return here, nil })
	wrote := make(chan int)
	go func() {
		n := 0
		defer func() { wrote <- n }()
		if _, err := http.ReadRequest(bufio.NewReader(there)); err != nil {
			return
		}
		_, _ = io.WriteString(there, "HTTP/1.1 200 OK\r\n\r\n")
		for {
			m, err := there.Write(bytes.Repeat([]byte("x"), 1000))
			n += m
			if err != nil {
				return
			}
		}
	}()
	if got := s.Send(t.Context(), delivery("http://public.example/")); got.Status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	if n := <-wrote; n < maxAnswer || n > 2*maxAnswer {
		t.Errorf("%d bytes were read", n)
	}
}

// plainSender returns a sender for http URLs whose connections are made by a function.
func plainSender(dial func(context.Context) (net.Conn, error)) *sender {
	s := newSender(time.Now, &Options{AllowHTTP: true})
	s.transport.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) { return dial(ctx) }
	return s
}

// TestSlow: a receiver that takes its time, at whatever, has 15 seconds.
func TestSlow(t *testing.T) {
	slowly := func(conn net.Conn, text string) {
		for _, c := range []byte(text) {
			<-time.After(time.Second)
			if _, err := conn.Write([]byte{c}); err != nil {
				return
			}
		}
	}
	request := func(conn net.Conn) error {
		r, err := http.ReadRequest(bufio.NewReader(conn))
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
		}
		return err
	}
	const ok = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n"
	for _, test := range []struct {
		name string
		dial bool // never ends
		peer func(net.Conn)
		want enduser.Result
	}{
		{"accepts nothing", true, nil, enduser.Result{Fault: FaultTimeout, Took: timeout}},
		{"reads nothing", false, func(net.Conn) {}, enduser.Result{Fault: FaultTimeout, Took: timeout}},
		{"says nothing", false, func(c net.Conn) { _ = request(c) }, enduser.Result{Fault: FaultTimeout, Took: timeout}},
		{"a byte a second", false, func(c net.Conn) {
			if request(c) == nil {
				slowly(c, ok)
			}
		}, enduser.Result{Fault: FaultTimeout, Took: timeout}},
		{"early hints for ever", false, func(c net.Conn) {
			for err := request(c); err == nil; <-time.After(time.Second) {
				_, err = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n")
			}
		}, enduser.Result{Fault: FaultTimeout, Took: timeout}},
		{"a body, a byte a second", false, func(c net.Conn) {
			if request(c) == nil {
				_, _ = io.WriteString(c, ok+"\r\n")
				slowly(c, strings.Repeat("x", 100))
			}
		}, enduser.Result{Status: 200, Took: timeout}},
		{"another protocol, for ever", false, func(c net.Conn) {
			if request(c) == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
			}
		}, enduser.Result{Status: 101}},
		{"in time", false, func(c net.Conn) {
			if request(c) == nil {
				<-time.After(timeout - time.Second)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
			}
		}, enduser.Result{Status: 200, Took: timeout - time.Second}},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				here, there := net.Pipe()
				s := plainSender(func(ctx context.Context) (net.Conn, error) {
					if test.dial {
						<-ctx.Done()
						return nil, ctx.Err()
					}
					return here, nil
				})
				var peer sync.WaitGroup
				defer peer.Wait()
				if test.peer != nil {
					peer.Go(func() { test.peer(there) })
				}
				if got := s.Send(t.Context(), delivery("http://public.example/")); got != test.want {
					t.Errorf("%+v, want %+v", got, test.want)
				}
				s.transport.CloseIdleConnections()
				_ = here.Close()
				_ = there.Close()
			})
		})
	}
}

// TestInterrupted: an attempt ends with the context, and its end is not the receiver's fault.
func TestInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := plainSender(func(ctx context.Context) (net.Conn, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		defer s.transport.CloseIdleConnections()
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if got := s.Send(ctx, delivery("http://public.example/")); got.Fault != FaultInterrupted || got.Took != time.Second {
			t.Errorf("%+v", got)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if got := s.Send(ctx, delivery("http://public.example/")); got.Fault != FaultTimeout || got.Took != time.Second {
			t.Errorf("%+v", got)
		}
	})
}

func TestFaults(t *testing.T) {
	r := newRig(t, new(Options), func(http.ResponseWriter, *http.Request) {})
	r.names = func(string) []netip.Addr { return nil }
	if got := r.send(t, "https://unknown.example/"); got.Fault != FaultHost {
		t.Errorf("an unknown name: %+v", got)
	}
	d := delivery("https://public.example/")
	d.Open(nil)
	if got := r.sender.Send(t.Context(), d); got.Fault != FaultSecret || r.passed.Load() > 0 {
		t.Errorf("without a secret: %+v", got)
	}
	r.names = names
	d.Open(map[string]string{"X-Key": "a\r\nb"}, secret(1))
	if got := r.sender.Send(t.Context(), d); got.Status != 0 || r.passed.Load() > 0 {
		t.Errorf("a header of two lines: %+v", got)
	}
	r.receiver.Close()
	if got := r.send(t, "https://public.example/"); got.Fault != FaultConnect {
		t.Errorf("nobody accepts: %+v", got)
	}
}

// TestTLS: certificates are verified, and old versions refused.
func TestTLS(t *testing.T) {
	var arrived atomic.Int64
	r := newRig(t, new(Options), func(http.ResponseWriter, *http.Request) { arrived.Add(1) })
	r.names = func(string) []netip.Addr { return []netip.Addr{netip.MustParseAddr("93.184.216.34")} }
	r.sender.transport.TLSClientConfig = newSender(time.Now, new(Options)).transport.TLSClientConfig
	if got := r.send(t, "https://example.com/"); got.Fault != FaultTLS {
		t.Errorf("an unknown issuer: %+v", got)
	}
	r.sender.transport = r.sender.transport.Clone()
	r.sender.transport.DisableKeepAlives = true // each attempt connects
	r.sender.transport.TLSClientConfig.RootCAs = r.receiver.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if got := r.send(t, "https://other.test/"); got.Fault != FaultTLS {
		t.Errorf("another name's certificate: %+v", got)
	}
	if got := r.send(t, "https://example.com/"); got.Status != http.StatusOK {
		t.Errorf("a valid certificate: %+v", got)
	}
	old := httptest.NewUnstartedServer(r.receiver.Config.Handler)
	old.Config.ErrorLog = r.receiver.Config.ErrorLog
	old.TLS = &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // that is the case
	old.StartTLS()
	defer old.Close()
	r.to = old.Listener.Addr().String()
	if got := r.send(t, "https://example.com/"); got.Fault != FaultTLS || arrived.Load() != 1 {
		t.Errorf("TLS 1.1: %+v, %d requests", got, arrived.Load())
	}
	plain := listen(t)
	r.to = plain.Addr().String()
	if got := r.send(t, "https://example.com/"); got.Fault != FaultTLS {
		t.Errorf("a connection that closes: %+v", got)
	}
}

// TestConnections: connections are used again, and there are not many to one host.
func TestConnections(t *testing.T) {
	for _, h2 := range []bool{true, false} {
		r := newRig(t, new(Options), func(http.ResponseWriter, *http.Request) {})
		r.names = names
		r.sender.transport.ForceAttemptHTTP2 = h2
		r.sender.transport.IdleConnTimeout = 0 // however slow this machine is
		for range 10 {
			r.send(t, "https://public.example/")
		}
		if n := r.passed.Load(); n != 1 {
			t.Errorf("HTTP/2 %v: %d connections for ten events in a row", h2, n)
		}
		var all sync.WaitGroup
		for range 200 {
			all.Go(func() {
				if got := r.sender.Send(t.Context(), delivery("https://public.example/")); got.Status != http.StatusOK {
					t.Errorf("%+v", got)
				}
			})
		}
		all.Wait()
		if n := r.passed.Load(); n > maxPerHost {
			t.Errorf("HTTP/2 %v: %d connections for 200 events at once", h2, n)
		}
	}
}

// TestSharedHost: receivers of many tenants may be at one host. Those that are slow do not hold up
// the others.
func TestSharedHost(t *testing.T) {
	over := make(chan struct{})
	var waiting atomic.Int64
	r := newRig(t, new(Options), func(_ http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			waiting.Add(1)
			<-over
		}
	})
	r.names = names
	r.sender.transport.ForceAttemptHTTP2 = false
	var all sync.WaitGroup
	defer all.Wait()
	defer close(over)
	const slow = 5 * 8 // the attempts at five webhooks
	for range slow {
		all.Go(func() { r.send(t, "https://public.example/slow") })
	}
	for waiting.Load() < min(slow, maxPerHost) {
		runtime.Gosched()
	}
	if got := r.send(t, "https://public.example/fast"); got.Status != http.StatusOK {
		t.Errorf("%+v", got)
	}
}

func TestRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, "0120": 2 * time.Minute, "86400": maxRetryIn, "86401": maxRetryIn, "99999999999999999999": maxRetryIn,
		"-1": 0, "+1": 0, "1.5": 0, "1s": 0, "soon": 0, "1, 2": 0,
		"Fri, 02 Jan 2026 03:05:05 GMT": time.Minute, "Fri, 02 Jan 2026 03:03:05 GMT": 0, "Friday, 02-Jan-26 03:05:05 GMT": time.Minute,
		"Fri Jan  2 03:05:05 2026": time.Minute, "Sat, 02 Jan 2027 03:05:05 GMT": maxRetryIn, "2026-01-02T03:05:05Z": 0,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v, want %v", value, got, want)
		}
	}
}
