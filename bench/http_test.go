package bench_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
)

// BenchmarkHTTP reports how many times as many requests a second the example server
// answers as PocketBase (x-pocketbase), and as a handler that does nothing
// (x-empty).
func BenchmarkHTTP(b *testing.B) {
	const callers, length = 64, 2 * time.Second
	ours, theirs, nothing := rollbook(b), pocketbase(b), empty(b)
	for _, kind := range []struct {
		name string
		of   func(*peer) request
		made bool
	}{
		{"create", func(p *peer) request { return p.create }, true},
		{"get", func(p *peer) request { return p.get }, false},
		{"list50", func(p *peer) request { return p.list }, false},
	} {
		b.Run(kind.name, func(b *testing.B) {
			var r ratios.Set
			for b.Loop() {
				for range ratios.Passes(b) {
					measure := func(p *peer) float64 {
						status := http.StatusOK
						if kind.made {
							status = p.created
						}
						return load(b, p.addr, callers, length, p.next, status, kind.of(p))
					}
					we, they, none := measure(ours), measure(theirs), measure(nothing)
					r.Add("requests/s", we)
					r.Add("x-pocketbase", we/they)
					r.Add("x-empty", we/none)
				}
			}
			r.Report(b)
		})
	}
}
