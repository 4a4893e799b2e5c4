package bench_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// peer is a server under test.
type peer struct {
	addr   string
	ids    []string
	next   *atomic.Int64
	create request
	get    request
	list   request

	created int // status of a create
}

const (
	key   = "a-key-for-the-bench"
	users = 2000 // that there are before the measuring begins
)

func body(n int64) string {
	return fmt.Sprintf(`"external_id":"crm-%08d","name":"Ann Example %d","email":"ann%d@example.com","language":"en-GB",`+
		`"avatar":"https://example.com/avatars/%d.png","metadata":{"plan":"pro","seats":12,"beta":true,"note":"%0200d"}`, n, n, n, n, n)
}

// start runs a program until the test ends and returns its lines of output.
func start(b *testing.B, dir, program string, args ...string) *bufio.Scanner {
	b.Helper()
	cmd := exec.CommandContext(b.Context(), program, args...)
	cmd.Dir = dir
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	return bufio.NewScanner(out)
}

// build compiles a program of the module in a folder.
func build(b *testing.B, module, pkg string) string {
	b.Helper()
	program := filepath.Join(b.TempDir(), "program")
	cmd := exec.CommandContext(b.Context(), "go", "build", "-buildvcs=false", "-o", program, pkg)
	cmd.Dir = module
	out, err := cmd.CombinedOutput()
	if err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	return program
}

func freeAddr(b *testing.B) string {
	b.Helper()
	l, err := (&net.ListenConfig{}).Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

func await(b *testing.B, addr string) {
	b.Helper()
	for range 500 {
		ctx, cancel := context.WithTimeout(b.Context(), 20*time.Millisecond)
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", addr)
		if err == nil {
			_ = conn.Close()
			cancel()
			return
		}
		<-ctx.Done()
		cancel()
	}
	b.Fatalf("%s does not listen", addr)
}

func rollbook(b *testing.B) *peer {
	b.Helper()
	dir := b.TempDir()
	lines := start(b, dir, build(b, "../cmd/rollbook", "."),
		"serve", "-addr", "127.0.0.1:0", "-sync", "normal", "-rate", "off", "-key", key+"=acme@bench")
	if !lines.Scan() {
		b.Fatal("no line of output")
	}
	p := &peer{
		addr: strings.TrimPrefix(lines.Text(), "listening on http://"), next: new(atomic.Int64), created: http.StatusCreated,
		create: func(n int64) string { return text("POST", "/v1/end-users", "Bearer "+key, "{"+body(n)+"}") },
		list:   func(int64) string { return text("GET", "/v1/end-users?limit=50", "Bearer "+key, "") },
	}
	p.fill(b)
	p.get = func(n int64) string {
		return text("GET", "/v1/end-users/"+p.ids[n%int64(len(p.ids))], "Bearer "+key, "")
	}
	return p
}

func pocketbase(b *testing.B) *peer {
	b.Helper()
	addr := freeAddr(b)
	lines := start(b, b.TempDir(), build(b, ".", "./pocketbase"), addr, b.TempDir())
	token := ""
	for token == "" && lines.Scan() {
		token, _ = strings.CutPrefix(lines.Text(), "token ")
		if token == lines.Text() {
			token = ""
		}
	}
	await(b, addr)
	const path = "/api/collections/endusers/records"
	p := &peer{
		addr: addr, next: new(atomic.Int64), created: http.StatusOK,
		create: func(n int64) string { return text("POST", path, token, `{"tenant":"acme",`+body(n)+"}") },
		list:   func(int64) string { return text("GET", path+"?perPage=50&skipTotal=1", token, "") },
	}
	p.fill(b)
	p.get = func(n int64) string { return text("GET", path+"/"+p.ids[n%int64(len(p.ids))], token, "") }
	return p
}

// empty returns a peer whose answers have no body, and one whose lists have as many bytes as
// those of another.
func empty(b *testing.B, other *peer) (nothing, asMuch *peer) {
	b.Helper()
	addr := freeAddr(b)
	start(b, b.TempDir(), build(b, ".", "./empty"), addr, strconv.Itoa(other.listSize(b)))
	await(b, addr)
	get := func(int64) string { return text("GET", "/", "Bearer "+key, "") }
	nothing = &peer{
		addr: addr, next: new(atomic.Int64), created: http.StatusOK, get: get, list: get,
		create: func(n int64) string { return text("POST", "/", "Bearer "+key, "{"+body(n)+"}") },
	}
	asMuch = &peer{
		addr: addr, next: nothing.next,
		list: func(int64) string { return text("GET", "/list", "Bearer "+key, "") },
	}
	return nothing, asMuch
}

// fill makes the users that are there before the measuring begins.
func (p *peer) fill(b *testing.B) {
	b.Helper()
	conn := p.dial(b)
	defer func() { _ = conn.Close() }()
	r := bufio.NewReader(conn)
	for range users {
		if _, err := io.WriteString(conn, p.create(p.next.Add(1))); err != nil {
			b.Fatal(err)
		}
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			b.Fatal(err)
		}
		var user struct{ ID string }
		err = json.NewDecoder(resp.Body).Decode(&user)
		_ = resp.Body.Close()
		if err != nil || resp.StatusCode != p.created {
			b.Fatalf("status %d, %v", resp.StatusCode, err)
		}
		p.ids = append(p.ids, user.ID)
	}
}

// listSize returns how many bytes the body of a list has.
func (p *peer) listSize(b *testing.B) int {
	b.Helper()
	conn := p.dial(b)
	defer func() { _ = conn.Close() }()
	if _, err := io.WriteString(conn, p.list(0)); err != nil {
		b.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(io.Discard, resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		b.Fatalf("status %d, %v", resp.StatusCode, err)
	}
	return int(n)
}

func (p *peer) dial(b *testing.B) net.Conn {
	b.Helper()
	conn, err := (&net.Dialer{}).DialContext(b.Context(), "tcp", p.addr)
	if err != nil {
		b.Fatal(err)
	}
	return conn
}
