package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// The words of [enduser.Result].Fault: why there was no answer.
const (
	FaultTimeout     = "timeout"         // none within 15 seconds
	FaultInterrupted = "interrupted"     // this process stops
	FaultURL         = "refused URL"     // not https, or with a user name in it
	FaultAddress     = "refused address" // the host is no public address, or the port is not allowed
	FaultHost        = "unknown host"    // the name does not resolve
	FaultConnect     = "no connection"   // nobody accepts one
	FaultTLS         = "no TLS"          // no handshake, or no valid certificate
	FaultAnswer      = "no answer"       // the connection broke, or what came is not HTTP
	FaultSecret      = "no secret"       // to sign with
)

const (
	timeout     = 15 * time.Second // of an attempt, from the resolution of the name to the answer
	maxHeader   = 64 << 10         // bytes of an answer
	maxAnswer   = 64 << 10         // bytes of its body
	maxPerHost  = 16 * 8           // connections: enough for all attempts of 16 webhooks, which may share a host
	maxRetryIn  = 24 * time.Hour
	userAgent   = "Rollbook-Webhook/1 (+https://github.com/rollbook-go/rollbook)"
	contentType = "application/json"

	// Servers close idle connections after five seconds (Node.js) or later. A request that
	// is sent meanwhile would be a failed attempt.
	keepIdle = 4 * time.Second
)

// sender is the [enduser.Sender] for HTTP.
type sender struct {
	now       func() time.Time
	schemes   []string
	dialer    *net.Dialer
	transport *http.Transport
}

func newSender(now func() time.Time, opts *Options) *sender {
	s := &sender{now: now, schemes: []string{"https"}}
	if opts.AllowHTTP {
		s.schemes = append(s.schemes, "http")
	}
	// A dial goes on for a while after the attempt that wanted it, so it has an end of its own.
	s.dialer = &net.Dialer{Timeout: timeout, Control: newGuard(opts).control}
	// Redirects are for http.Client, and there is none here. Nor is there a proxy: it would
	// be the proxy that connects, and the guard would see the proxy's address.
	s.transport = &http.Transport{
		Proxy:                  nil,
		DialContext:            s.dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    timeout,
		ForceAttemptHTTP2:      true,
		DisableCompression:     true,
		MaxConnsPerHost:        maxPerHost,
		MaxIdleConnsPerHost:    maxPerHost,
		IdleConnTimeout:        keepIdle,
		MaxResponseHeaderBytes: maxHeader,
	}
	return s
}

// Send implements [enduser.Sender].
func (s *sender) Send(ctx context.Context, d *enduser.Delivery) enduser.Result {
	began := s.now()
	result := s.send(ctx, began, d)
	result.Took = max(s.now().Sub(began), 0)
	return result
}

func (s *sender) send(ctx context.Context, began time.Time, d *enduser.Delivery) enduser.Result {
	if !s.allows(d.Webhook.URL) {
		return enduser.Result{Fault: FaultURL}
	}
	attempt, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	var at stage
	body := bodyOf(d)
	request, err := http.NewRequestWithContext(at.watch(attempt), http.MethodPost, d.Webhook.URL, bytes.NewReader(body))
	if err != nil {
		return enduser.Result{Fault: FaultURL}
	}
	if err := setHeaders(request.Header, d, began, body); err != nil {
		return enduser.Result{Fault: FaultSecret}
	}
	answer, err := s.transport.RoundTrip(request)
	if err != nil {
		if errors.Is(ctx.Err(), context.Canceled) {
			return enduser.Result{Fault: FaultInterrupted}
		}
		return enduser.Result{Fault: at.fault(err)}
	}
	// The status is the answer. The body is read so that the connection can be used again. After
	// 101 it is the connection itself, which no context ends.
	if answer.StatusCode != http.StatusSwitchingProtocols {
		_, _ = io.CopyN(io.Discard, answer.Body, maxAnswer)
	}
	_ = answer.Body.Close()
	result := enduser.Result{Status: answer.StatusCode}
	if result.Status < 200 || result.Status > 299 {
		result.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), s.now())
	}
	return result
}

// allows reports whether requests may be sent to a URL, as far as its text shows.
func (s *sender) allows(text string) bool {
	u, err := url.Parse(text)
	if err != nil || u.User != nil || u.Hostname() == "" || strings.Contains(u.Host, "%") {
		return false
	}
	return slices.Contains(s.schemes, u.Scheme)
}

// setHeaders sets the headers of a request: the webhook's own, then those that it cannot have.
func setHeaders(h http.Header, d *enduser.Delivery, at time.Time, body []byte) error {
	for name, value := range d.Headers() {
		if !reserved(name) {
			h.Set(name, value)
		}
	}
	if len(h["User-Agent"]) == 0 {
		h.Set("User-Agent", userAgent)
	}
	h.Set("Content-Type", contentType)
	return sign(h, d, at, body)
}

// reserved reports whether a header is never the webhook's: what frames and routes a request
// (RFC 9110 and 9112), describes its body, or signs it.
func reserved(name string) bool {
	name = http.CanonicalHeaderKey(name)
	switch name {
	case "Host", "Connection", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding", "Upgrade", "Expect":
		return true
	}
	for _, prefix := range []string{"Content-", "Proxy-", "Webhook-", "Svix-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// stage is how far a request came.
type stage struct{ at atomic.Int32 }

const (
	dialing int32 = iota
	handshaking
	connected
)

// watch returns a context with which a request tells its stage.
func (s *stage) watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		TLSHandshakeStart: func() { s.at.CompareAndSwap(dialing, handshaking) },
		GotConn:           func(httptrace.GotConnInfo) { s.at.Store(connected) },
	})
}

// fault returns the word for an error of a request.
func (s *stage) fault(err error) string {
	var timed net.Error
	_, isName := errors.AsType[*net.DNSError](err)
	switch {
	case errors.Is(err, errRefused):
		return FaultAddress
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timed) && timed.Timeout():
		return FaultTimeout
	case isName:
		return FaultHost
	}
	switch s.at.Load() {
	case dialing:
		return FaultConnect
	case handshaking:
		return FaultTLS
	default:
		return FaultAnswer
	}
}

// retryAfter returns the time that an answer asks to wait for: a number of seconds or a date
// (RFC 9110 section 10.2.3), at most a day. It is 0 if the header says nothing of use.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if strings.Trim(value, "0123456789") == "" {
		seconds, err := strconv.Atoi(value)
		if err != nil || seconds > int(maxRetryIn/time.Second) {
			return maxRetryIn
		}
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return min(max(date.Sub(now), 0), maxRetryIn)
}
