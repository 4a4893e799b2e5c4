package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

// load is what runs beside the lookups until the context ends: in a process of its
// own, or with a nil run in the server, by what it is told.
type load struct {
	name string
	run  func(ctx context.Context, addr string) tally
}

// tally is what a load came to.
type tally struct {
	Done    int // answers with a status below 300; of the server's own loads, rounds, or records that are deleted
	Refused int // all other outcomes, but for those cut off at the end
}

func loads() []load {
	return []load{
		{"nothing", func(ctx context.Context, _ string) tally { <-ctx.Done(); return tally{} }},
		{"burner", burn},
		{"lists", repeated(60, "GET", func(int) string { return largestLists }, "")},
		{"filters", repeated(60, "GET", func(int) string { return worstFilter() }, "")},
		{"writes", repeated(60, "PUT", func(i int) string { return fmt.Sprint("/v1/end-users/by-external-id/written-", i) }, largestBody())},
		{"unread lists", stalled(60, "GET", largestLists, busyKey, 0)},
		{"stalled bodies", stalled(75, "POST", "/ada/api/v2/end-users/", busyKey, 10<<20)},
		{"stalled logins", stalled(200, "POST", "/magickmind/v1/auth/login", "", 1<<20)},
		{"due vaults", nil},
		{"deletion", nil},
	}
}

// largestBody returns the most that a request may say of a user: that user's own
// members, and metadata of many keys.
func largestBody() string {
	u := largest(0)
	body, _ := json.Marshal(map[string]any{
		"name": u.Name, "first_name": u.FirstName, "last_name": u.LastName, "email": u.Email,
		"avatar": u.Avatar, "metadata": u.Metadata, "groups": u.Groups,
	})
	return string(body)
}

// apply runs a load until standard input ends, and then says what it came to.
func apply(ctx context.Context, args []string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	for _, l := range loads() {
		if len(args) == 2 && l.name == args[0] && l.run != nil {
			return json.NewEncoder(os.Stdout).Encode(l.run(ctx, args[1]))
		}
	}
	return errors.New("load NAME ADDR")
}

// burn keeps two processors busy.
func burn(ctx context.Context, _ string) tally {
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			var sum [sha256.Size]byte
			for ctx.Err() == nil {
				sum = sha256.Sum256(sum[:])
			}
		})
	}
	wg.Wait()
	return tally{}
}

// counted is a tally of many.
type counted struct {
	mu  sync.Mutex
	sum tally
}

func (c *counted) add(done bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if done {
		c.sum.Done++
	} else {
		c.sum.Refused++
	}
}

// repeated makes a request over each of so many connections, again and again.
func repeated(connections int, method string, path func(int) string, body string) func(context.Context, string) tally {
	return func(ctx context.Context, addr string) tally {
		c := newClient(addr, connections)
		var n counted
		var wg sync.WaitGroup
		for i := range connections {
			wg.Go(func() {
				for ctx.Err() == nil {
					status, _, err := c.do(ctx, method, busyKey, path(i), body, io.Discard)
					if ctx.Err() == nil {
						n.add(err == nil && status < http.StatusMultipleChoices)
					}
				}
			})
		}
		wg.Wait()
		return n.sum
	}
}

// stalled opens so many connections and sends on each a request but for the last byte
// of its body. An answer, or the end of the connection, is counted as refused, and the
// connection opened anew. A request without a body is sent, and its answer never read.
func stalled(connections int, method, path, key string, length int) func(context.Context, string) tally {
	text := method + " " + path + " HTTP/1.1\r\nHost: neighbours\r\n"
	if key != "" {
		text += "Authorization: Bearer " + key + "\r\n"
	}
	if length > 0 {
		text += fmt.Sprintf("Content-Type: application/json\r\nContent-Length: %d\r\n\r\n", length)
		const begin = `{"name":"`
		text += begin + strings.Repeat("a", length-len(begin)-1)
	} else {
		text += "\r\n"
	}
	return func(ctx context.Context, addr string) tally {
		var n counted
		var wg sync.WaitGroup
		for range connections {
			wg.Go(func() {
				for ctx.Err() == nil {
					hold(ctx, addr, text, length > 0)
					if ctx.Err() == nil {
						n.add(false)
					}
					_ = pause(ctx, 10*time.Millisecond)
				}
			})
		}
		wg.Wait()
		return n.sum
	}
}

// hold holds one connection until an answer begins, if it is to be read, or the
// context ends.
func hold(ctx context.Context, addr, text string, read bool) {
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }()
	if !read {
		if tcp, ok := conn.(*net.TCPConn); ok {
			_ = tcp.SetReadBuffer(4 << 10)
		}
		_, _ = io.WriteString(conn, text)
		<-ctx.Done() // whatever the server does with the connection
		return
	}
	go func() { _, _ = io.WriteString(conn, text) }() // the answer may come before its end
	_, _ = bufio.NewReader(conn).ReadByte()
}
