package httpapi_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// usersOf returns so many rows.
func usersOf(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "{\"external_id\":\"u%d\"}\n", i)
	}
	return b.String()
}

// TestBulkRates: rows are counted all at once, before one is written, and apart from requests.
func TestBulkRates(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, memory.New(nil), &httpapi.Options{
			Rates:     []httpapi.Rate{{Requests: 100, Per: time.Second}},
			BulkRates: []httpapi.Rate{{Requests: 100, Per: 10 * time.Second}, {Requests: 120, Per: time.Hour}},
		})
		lines := with("Content-Type", "application/x-ndjson")
		post := func(n int, options ...option) answer {
			return s.do(t, "POST", bulk, usersOf(n), append(options, lines)...)
		}
		a := post(60).want(t, 200)
		if got := a.Header.Get("RateLimit"); !strings.HasPrefix(got, `"default";r=99;t=`) || !strings.Contains(got, `, "rows";r=40;t=`) {
			t.Errorf("RateLimit %s", got)
		}
		if got := a.Header.Get("RateLimit-Policy"); got != `"default";q=100;w=1, "rows";q=100;w=10` {
			t.Errorf("RateLimit-Policy %s", got)
		}
		before := len(s.wholeFeed(t).Data)
		a = post(41)
		a.wantCode(t, 429, "rate-limited")
		if after := a.Header.Get("Retry-After"); after != "10" && after != "11" {
			t.Errorf("Retry-After %s", after)
		}
		p := post(101).wantCode(t, 413, "too-many-rows")
		if !strings.Contains(p.Detail, "at most 100 rows") {
			t.Errorf("%+v", p)
		}
		if after := len(s.wholeFeed(t).Data); after != before {
			t.Errorf("%d changes by requests that were refused", after-before)
		}
		post(100, as(apitest.Other)).want(t, 200)
		post(40).want(t, 200) // what was refused did not count
		post(0).want(t, 200)
		post(1).wantCode(t, 429, "rate-limited")
		s.do(t, "POST", many500, `{"refs":[{"id":"x"}]}`).want(t, 200)
		time.Sleep(11 * time.Second) //nolint:forbidigo // time of the bubble
		post(20).want(t, 200)
		post(1).wantCode(t, 429, "rate-limited")
	})
}

// TestBulkRatesByDefault: without a setting 20,000 rows in ten seconds are allowed, of which a
// request may have half; an empty list is no limit.
func TestBulkRatesByDefault(t *testing.T) {
	t.Parallel()
	counted := 0
	limiter := counting(func(_ string, n int, rates []httpapi.Rate) (httpapi.Decision, error) {
		if len(rates) != 1 || rates[0] != (httpapi.Rate{Requests: 20_000, Per: 10 * time.Second}) {
			t.Errorf("rates %v", rates)
		}
		counted += n
		return httpapi.Decision{Allowed: true, Limit: rates[0]}, nil
	})
	newServer(t, memory.New(nil), &httpapi.Options{Limiter: limiter}).bulk(t, "?dry_run=true", usersOf(7))
	if counted != 7 {
		t.Errorf("%d rows were counted", counted)
	}
	newServer(t, memory.New(nil), &httpapi.Options{Limiter: limiter, BulkRates: []httpapi.Rate{}}).bulk(t, "", usersOf(7))
	if counted != 7 {
		t.Errorf("%d rows were counted without a limit", counted)
	}
}

// counting is a Limiter that is a function.
type counting func(key string, n int, rates []httpapi.Rate) (httpapi.Decision, error)

func (f counting) Allow(_ context.Context, key string, n int, rates []httpapi.Rate) (httpapi.Decision, error) {
	return f(key, n, rates)
}

// lazy is a store whose writes take ten seconds each.
type lazy struct{ store.Store }

func (s lazy) Apply(ctx context.Context, tenant string, b store.Batch) (store.Revision, error) {
	select {
	case <-time.After(10 * time.Second):
		return s.Store.Apply(ctx, tenant, b)
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// TestBulkFor: when the time is over, rows without an answer say so, and a client that sends
// them again comes to the end. If no row has an answer, the request has none.
func TestBulkFor(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		st := memory.New(nil)
		s := newServer(t, lazy{st}, nil)
		const all = 10_000
		lines := strings.SplitAfter(strings.TrimSuffix(usersOf(all), "\n"), "\n")
		begin := time.Now()
		rows := s.bulk(t, "", strings.Join(lines, ""))
		took := time.Since(begin)
		answered := 0
		for answered < len(rows) && rows[answered].Error.Code == "" {
			answered++
		}
		if took > time.Minute || len(rows) != all {
			t.Errorf("%d rows after %v", len(rows), took)
		}
		for i, row := range rows[answered:] {
			if row.Error.Code != "unanswered" || row.Line != answered+i+1 {
				t.Fatalf("%+v", row)
			}
		}
		hasty := newServer(t, lazy{st}, &httpapi.Options{BulkFor: time.Second})
		begin = time.Now()
		hasty.do(t, "POST", bulk, `[{"external_id":"new"}]`).wantCode(t, 503, "unanswered")
		if took := time.Since(begin); took != time.Second {
			t.Errorf("ended after %v", took)
		}
		for _, row := range newServer(t, st, nil).bulk(t, "", strings.Join(lines[answered:], "")) {
			if row.Error.Code != "" {
				t.Fatalf("again: %+v", row)
			}
		}
	})
}

// TestBulkBodiesInFlight: parts of a body count as they come. Bulk requests have turns of their
// own: other large requests of the tenant do not wait for them.
func TestBulkBodiesInFlight(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := bodyServer(t, httpapi.Options{}) // 1 MiB for bodies, so 256 KiB a bulk body
		let, answers := make(chan struct{}), make(chan int, 10)
		row := `{"external_id":"a"}`
		stall := func(key string, came int) {
			go func() {
				answers <- s.do(t, "POST", bulk, "x", as(key), func(r *http.Request) {
					r.ContentLength = 250 << 10
					r.Body = io.NopCloser(io.MultiReader(
						strings.NewReader(strings.Repeat(" ", came)), gate(let), strings.NewReader(row+strings.Repeat(" ", 250<<10-came-len(row))),
					))
				}).Status
			}()
			synctest.Wait()
		}
		full := strings.Repeat(" ", 200<<10) + row
		stall("a-1", 1000)
		s.do(t, "POST", bulk, full, as("a-1")).want(t, 200)
		stall("a-1", 200<<10)
		s.do(t, "POST", bulk, full, as("a-1")).wantCode(t, 429, "bodies-in-flight")
		stall("a-2", 200<<10)
		s.do(t, "POST", bulk, full, as("a-3")).wantCode(t, 429, "bodies-in-flight") // of the tenant
		stall("b-1", 200<<10)
		stall("b-2", 200<<10)
		s.do(t, "POST", bulk, full, as("c-1")).wantCode(t, 503, "bodies-in-flight")
		s.do(t, "POST", bulk, strings.Repeat(" ", 256<<10)+row, as("d-1")).wantCode(t, 413, "too-large")
		close(let)
		for range 5 {
			if status := <-answers; status != 200 && status != 429 && status != 503 {
				t.Errorf("a body that came late: %d", status)
			}
		}
		for _, key := range []string{"a-1", "b-1", "c-1"} { // everything is given back
			s.do(t, "POST", bulk, strings.Repeat(" ", 256<<10-len(row))+row, as(key)).want(t, 200)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		st := &slowStore{memory.New(nil), make(chan struct{}, 1000), make(chan struct{})}
		s := newServer(t, st, nil)
		done := make(chan int, 20)
		for range 10 {
			go func() { done <- s.do(t, "POST", bulk, strings.Repeat(" ", 20<<10)+`{"external_id":"a"}`).Status }()
		}
		synctest.Wait()
		atWork := len(st.begun)
		go func() { done <- s.do(t, "POST", "/v1/end-users", bodyOf(20<<10)).Status }()
		synctest.Wait()
		if len(st.begun) != atWork+1 || atWork >= 10 {
			t.Errorf("%d of 10 bulk requests are worked on, and %d others", atWork, len(st.begun)-atWork)
		}
		close(st.let)
		for range 11 {
			if status := <-done; status/100 != 2 {
				t.Errorf("got %d", status)
			}
		}
	})
}

// manyRows is a bulk request whose answer is longer than the buffers on its way.
func manyRows() string {
	rows := strings.Repeat("{\"external_id\":\"<\"}\n", 3000)
	return "POST " + bulk + " HTTP/1.1\r\nHost: a\r\nContent-Type: application/jsonl\r\nAuthorization: Bearer " + apitest.Acme +
		"\r\nContent-Length: " + fmt.Sprint(len(rows)) + "\r\n\r\n" + rows
}

// TestBulkReaders: a client that does not read a long answer is cut off after half a minute, and
// one that reads at the slowest rate gets all of it. What comes is a part of the whole, which the
// client notices.
func TestBulkReaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, memory.New(nil), nil)
		dial, shutdown := serve(t, s.handler, 0)
		read := func(pace time.Duration, pause time.Duration) (int64, error) {
			c := dial()
			if _, err := io.WriteString(c, manyRows()); err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(paced{c, pace})
			r, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(pause)
			n, err := io.Copy(io.Discard, r.Body)
			_ = r.Body.Close()
			_ = c.Close()
			if r.ContentLength >= 0 {
				t.Errorf("the answer has a length: %d", r.ContentLength)
			}
			return n, err
		}
		whole, err := read(time.Microsecond, 0)
		if err != nil || whole < 500<<10 {
			t.Fatalf("%d bytes, %v", whole, err)
		}
		if n, err := read(60*time.Millisecond, 0); err != nil || n != whole { // for each 4 KiB
			t.Errorf("a slow reader got %d bytes of %d: %v", n, whole, err)
		}
		if n, err := read(time.Microsecond, time.Minute); err == nil || n >= whole {
			t.Errorf("a client that does not read got %d bytes, %v", n, err)
		}
		begin := time.Now()
		c := dial()
		if _, err := io.WriteString(c, manyRows()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if err := shutdown(); err != nil || time.Since(begin) > 40*time.Second {
			t.Errorf("the server shut down after %v: %v", time.Since(begin), err)
		}
	})
}
