package enduser_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// A list of 50 on SQLite allocates six times a user at most.
func TestListAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of the whole process
	if size.Race {
		t.Skip("the race detector allocates too")
	}
	acme := enduser.New(backends.SQLite(t), nil).Tenant("acme")
	for i := range 60 {
		must(acme.Create(t.Context(), person(i)))(t)
	}
	const users = 50
	got := testing.AllocsPerRun(50, func() {
		if n := len(must(acme.List(t.Context(), enduser.Query{Limit: users}))(t).Users); n != users {
			t.Fatalf("%d users", n)
		}
	}) / users
	if got > 6 {
		t.Errorf("a list allocates %v times a user, want at most 6", got)
	}
}

// BenchmarkList reads a page of 50 users out of the middle of 2,000: one caller, no filter.
//
//	go test ./enduser -run '^$' -bench 'List$'
func BenchmarkList(b *testing.B) {
	for _, backend := range allBackends() {
		b.Run(backend.name, func(b *testing.B) {
			r := load(b, enduser.New(backend.open(b), nil).Tenant("acme"), 2000)
			var before, after runtime.MemStats
			users := 0.0
			runtime.ReadMemStats(&before)
			begin := time.Now()
			for b.Loop() {
				p := must(r.List(b.Context(), enduser.Query{Limit: 50, After: r.cursor(0.5)}))(b)
				if len(p.Users) == 0 {
					b.Fatal("no users")
				}
				users += float64(len(p.Users))
			}
			took := time.Since(begin)
			runtime.ReadMemStats(&after)
			b.ReportMetric(float64(took.Nanoseconds())/users, "ns/user")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/users, "allocs/user")
			b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/users, "B/user")
		})
	}
}
