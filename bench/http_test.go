package bench_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/ratios"
)

// BenchmarkHTTP reports how many times as many requests a second the example server
// answers as PocketBase (x-pocketbase), as a handler that does nothing (x-empty), and of
// lists as one that only sends as many bytes (x-as-much).
func BenchmarkHTTP(b *testing.B) {
	ours, theirs := rollbook(b), pocketbase(b)
	nothing, asMuch := empty(b, ours)
	for _, kind := range []struct {
		name string
		of   func(*peer) request
		made bool
		than map[string]*peer
	}{
		{"create", func(p *peer) request { return p.create }, true, map[string]*peer{"x-pocketbase": theirs, "x-empty": nothing}},
		{"get", func(p *peer) request { return p.get }, false, map[string]*peer{"x-pocketbase": theirs, "x-empty": nothing}},
		{"list50", func(p *peer) request { return p.list }, false, map[string]*peer{"x-pocketbase": theirs, "x-empty": nothing, "x-as-much": asMuch}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			measure := func(p *peer) float64 {
				const callers, length = 64, time.Second / 2 // short turns, so that all meet the same noise
				status := http.StatusOK
				if kind.made {
					status = p.created
				}
				return load(b, p.addr, callers, length, p.next, status, kind.of(p))
			}
			var r ratios.Set
			for b.Loop() {
				for range ratios.Passes(b) {
					we, they := 0.0, make(map[string]float64)
					for range 4 {
						we += measure(ours)
						for unit, p := range kind.than {
							they[unit] += measure(p)
						}
					}
					r.Add("requests/s", we/4)
					for unit, rate := range they {
						r.Add(unit, we/rate)
					}
				}
			}
			r.Report(b)
		})
	}
}
