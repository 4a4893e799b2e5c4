package httpapi_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// startRaw serves the routes as a real server does, with shorter deadlines, and
// returns its address.
func startRaw(t *testing.T) string {
	t.Helper()
	s := newServer(t, nil, &httpapi.Options{BodyTimeout: 300 * time.Millisecond})
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{
		Handler:           s.handler,
		ReadHeaderTimeout: 300 * time.Millisecond,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(slog.DiscardHandler, slog.LevelError),
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-served; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

// exchange writes bytes to a new connection and returns the statuses of what
// comes back until the server ends it.
func exchange(t *testing.T, address, request string) []int {
	t.Helper()
	conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(2 * time.Minute)); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = io.WriteString(conn, request) }() // the server may not read all of it
	statuses := []int{}
	for r := bufio.NewReader(conn); ; {
		response, err := http.ReadResponse(r, nil)
		if err != nil {
			if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
				t.Error("the server keeps the connection")
			}
			return statuses
		}
		if _, err := io.Copy(io.Discard, response.Body); err != nil {
			t.Errorf("%d has a body that ends early: %v", response.StatusCode, err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusContinue {
			statuses = append(statuses, response.StatusCode)
		}
	}
}

// TestRawHTTP sends bytes that no client library would. After each row the server
// serves a normal request.
func TestRawHTTP(t *testing.T) {
	t.Parallel()
	address := startRaw(t)
	const (
		auth = "Authorization: Bearer " + apitest.Acme + "\r\n"
		base = "Host: a\r\n" + auth + "Connection: close\r\n"
		post = "POST /v1/end-users HTTP/1.1\r\n" + base + "Content-Type: application/json\r\n"
		get  = "GET /v1/end-users HTTP/1.1\r\n"
	)
	many := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "X-%d: y\r\n", i)
		}
		return b.String()
	}
	tests := []struct {
		name, request string
		want          []int
	}{
		{"plain", get + base + "\r\n", []int{200}},
		{"two on one connection", get + "Host: a\r\n" + auth + "\r\n" + get + base + "\r\n", []int{200, 200}},
		{"pipelined behind a body", strings.Replace(post, "Connection: close\r\n", "", 1) + "Content-Length: 2\r\n\r\n{}" + get + base + "\r\n", []int{201, 200}},
		{"HTTP/1.0", "GET /v1/end-users HTTP/1.0\r\n" + auth + "\r\n", []int{200}},

		// what frames a body
		{"differing lengths", post + "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", []int{400}},
		{"equal lengths", post + "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", []int{201}},
		{"list of lengths", post + "Content-Length: 2, 2\r\n\r\n{}", []int{400}},
		{"negative length", post + "Content-Length: -2\r\n\r\n{}", []int{400}},
		{"signed length", post + "Content-Length: +2\r\n\r\n{}", []int{400}},
		{"length in hex", post + "Content-Length: 0x2\r\n\r\n{}", []int{400}},
		{"huge length", post + "Content-Length: 99999999999999999999\r\n\r\n{}", []int{400}},
		{"length over the limit", post + "Content-Length: 1048577\r\n\r\n{}", []int{413}},
		{"largest length", post + "Content-Length: 9223372036854775807\r\n\r\n{}", []int{413}},
		{"no length", post + "\r\n{}", []int{400}},
		{"chunked", post + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", []int{201}},
		{"chunked with a length", post + "Content-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", []int{201}},
		{"unknown coding", post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", []int{501}},
		{"two codings", post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", []int{501}},
		{"chunked twice", post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", []int{501}},
		{"coding identity", post + "Transfer-Encoding: identity\r\n\r\n{}", []int{501}},
		{"space before the colon", post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n", []int{400}},
		{"bare LF in a chunk line", post + "Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n0\r\n\r\n", []int{400}},
		{"bad chunk size", post + "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n", []int{400}},
		{"negative chunk size", post + "Transfer-Encoding: chunked\r\n\r\n-2\r\n{}\r\n0\r\n\r\n", []int{400}},
		{"huge chunk size", post + "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n{}\r\n0\r\n\r\n", []int{400}},
		{"chunk longer than it says", post + "Transfer-Encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n", []int{400}},
		{"long chunk extension", post + "Transfer-Encoding: chunked\r\n\r\n2;" + strings.Repeat("x", 8192) + "\r\n{}\r\n0\r\n\r\n", []int{400}},
		{"chunked over the limit", post + "Transfer-Encoding: chunked\r\n\r\n100001\r\n" + strings.Repeat(" ", 0x100001) + "\r\n0\r\n\r\n", []int{413}},
		{"credential in a trailer", post + "Transfer-Encoding: chunked\r\nTrailer: Authorization\r\n\r\n2\r\n{}\r\n0\r\nAuthorization: Bearer x\r\n\r\n", []int{201}},
		{"a request smuggled in a GET", get + "Host: a\r\n" + auth + "Content-Length: 5\r\n\r\nHELLO" + get + base + "\r\n", []int{200, 200}},

		// the request line
		{"no version", "GET /v1/end-users\r\n" + base + "\r\n", []int{400}},
		{"version 3", "GET /v1/end-users HTTP/3.0\r\n" + base + "\r\n", []int{505}},
		{"bad version", "GET /v1/end-users HTTP/1.x\r\n" + base + "\r\n", []int{400}},
		{"bad method", "G@T /v1/end-users HTTP/1.1\r\n" + base + "\r\n", []int{400}},
		{"unknown method", "BREW /v1/end-users HTTP/1.1\r\n" + base + "\r\n", []int{405}},
		{"space in the path", "GET /v1/end users HTTP/1.1\r\n" + base + "\r\n", []int{400}},
		{"bad escape", "GET /v1/end-users/%zz HTTP/1.1\r\n" + base + "\r\n", []int{400}},
		{"control character in the path", "GET /v1/\x01 HTTP/1.1\r\n" + base + "\r\n", []int{400}},
		{"no path", "GET  HTTP/1.1\r\n" + base + "\r\n", []int{400}},
		{"star", "OPTIONS * HTTP/1.1\r\n" + base + "\r\n", []int{200}},
		{"star for GET", "GET * HTTP/1.1\r\n" + base + "\r\n", []int{404}},
		{"CONNECT", "CONNECT a:443 HTTP/1.1\r\n" + base + "\r\n", []int{404}},
		{"absolute target", "GET http://other.example.com/v1/end-users HTTP/1.1\r\n" + base + "\r\n", []int{200}},
		{"absolute target without path", "GET http://other.example.com HTTP/1.1\r\n" + base + "\r\n", []int{404}},
		{"empty", "\r\n\r\n", []int{400}},
		{"garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", []int{400}},
		{"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", []int{404}},

		// headers
		{"no host", get + auth + "\r\n", []int{400}},
		{"two hosts", get + "Host: b\r\n" + base + "\r\n", []int{400}},
		{"bad host", get + "Host: a b\r\n" + auth + "\r\n", []int{400}},
		{"20 KB header", get + base + "X: " + strings.Repeat("x", 21<<10) + "\r\n\r\n", []int{431}},
		{"10,000 headers", get + base + many(10_000) + "\r\n", []int{431}},
		{"long path", "GET /v1/end-users/" + strings.Repeat("a", 30<<10) + " HTTP/1.1\r\n" + base + "\r\n", []int{431}},
		{"header without a name", get + base + ": x\r\n\r\n", []int{400}},
		{"header without a colon", get + base + "nonsense\r\n\r\n", []int{400}},
		{"NUL in a header", get + base + "X: a\x00b\r\n\r\n", []int{400}},
		{"control byte in the credential", get + "Host: a\r\nConnection: close\r\nAuthorization: Bearer " + apitest.Acme + "\x01\r\n\r\n", []int{400}},
		{"two credentials", get + base + auth + "\r\n", []int{401}},
		{"expectation", post + "Expect: foo\r\nContent-Length: 2\r\n\r\n{}", []int{417}},
		{"continue", post + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}", []int{201}},
		{"continue refused", strings.Replace(post, apitest.Acme, "wrong-key", 1) + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", []int{401}},
		{"upgrade", get + base + "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n", []int{200}},

		// stalls
		{"nothing", "", []int{}},
		{"half a request line", "GET /v1/end", []int{400}},
		{"half a header", get + "Host: a\r\nAuthor", []int{400}},
		{"body never sent", post + "Content-Length: 100\r\n\r\n", []int{400}},
		{"body half sent", post + "Content-Length: 100\r\n\r\n{\"name\":", []int{400}},
		{"chunk never sent", post + "Transfer-Encoding: chunked\r\n\r\n64\r\n{", []int{400}},
		{"continue and nothing", post + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", []int{400}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := exchange(t, address, tt.request); fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := exchange(t, address, get+base+"\r\n"); fmt.Sprint(got) != "[200]" {
				t.Errorf("a normal request after it: %v", got)
			}
		})
	}
}

// TestDisconnect: a client that leaves in the middle of a body leaves nothing behind.
func TestDisconnect(t *testing.T) {
	t.Parallel()
	address := startRaw(t)
	for range 20 {
		conn, err := new(net.Dialer).DialContext(t.Context(), "tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.WriteString(conn, "POST /v1/end-users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer "+apitest.Acme+
			"\r\nContent-Type: application/json\r\nContent-Length: 30\r\n\r\n{\"external_id\":\"half\"")
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close()
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/v1/end-users", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer "+apitest.Acme)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if err != nil || !strings.HasPrefix(string(body), `{"data":[],`) {
		t.Errorf("got %s, %v", body, err)
	}
}
