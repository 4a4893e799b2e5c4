package bench_test

import (
	"flag"
	"net/http"
	"slices"
	"testing"
	"time"
)

var (
	passes  = flag.Int("passes", 5, "passes, of which the median counts")
	span    = flag.Duration("span", 2*time.Second, "how long each server is under load in a pass")
	callers = flag.Int("callers", 64, "callers at once")
)

// BenchmarkHTTP reports how many times as many requests a second the example server
// answers as PocketBase (x-pocketbase), and as a handler that does nothing
// (x-empty).
func BenchmarkHTTP(b *testing.B) {
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
			for b.Loop() {
				var rate, toTheirs, toNothing []float64
				for range *passes {
					measure := func(p *peer) float64 {
						status := http.StatusOK
						if kind.made {
							status = p.created
						}
						return load(b, p.addr, *callers, *span, p.next, status, kind.of(p))
					}
					we, they, none := measure(ours), measure(theirs), measure(nothing)
					rate = append(rate, we)
					toTheirs = append(toTheirs, we/they)
					toNothing = append(toNothing, we/none)
				}
				b.ReportMetric(median(rate), "requests/s")
				b.ReportMetric(median(toTheirs), "x-pocketbase")
				b.ReportMetric(median(toNothing), "x-empty")
			}
		})
	}
}

func median(list []float64) float64 {
	slices.Sort(list)
	return list[len(list)/2]
}
