package bench_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
)

// BenchmarkHTTP reports how many times as many requests a second the example server
// answers as PocketBase (x-pocketbase), and as a handler that does nothing, or sends as
// many bytes of a list (x-empty).
func BenchmarkHTTP(b *testing.B) {
	const callers, length, rounds = 64, 2 * time.Second, 4
	ours, theirs := rollbook(b), pocketbase(b)
	nothing := empty(b, ours)
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
					var rates [3]float64
					for range rounds { // short turns, so that all meet the same noise
						for i, p := range []*peer{ours, theirs, nothing} {
							status := http.StatusOK
							if kind.made {
								status = p.created
							}
							rates[i] += load(b, p.addr, callers, length/rounds, p.next, status, kind.of(p)) / rounds
						}
					}
					r.Add("requests/s", rates[0])
					r.Add("x-pocketbase", rates[0]/rates[1])
					r.Add("x-empty", rates[0]/rates[2])
				}
			}
			r.Report(b)
		})
	}
}
