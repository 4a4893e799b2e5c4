package vendors

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// rate is how often an API may be asked: requests in any window of that unit.
type rate struct {
	requests int
	unit     string // s, m or h
}

func (r rate) window() time.Duration {
	return map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[r.unit]
}

// rates returns the rates that the flag says, the vendor's if it says none.
func (a *API) rates(vendor []rate) ([]rate, error) {
	switch a.APIRate {
	case "":
		return vendor, nil
	case "off":
		return nil, nil
	}
	count, unit, _ := strings.Cut(a.APIRate, "/")
	n, err := strconv.Atoi(count)
	r := rate{n, unit}
	if err != nil || n < 1 || n > 10_000 || r.window() == 0 {
		return nil, errors.New("-api-rate: not 10/s, 180/m, 1000/h or off")
	}
	return []rate{r}, nil
}

// pace lets requests through at some rates.
type pace struct {
	rates []rate
	sent  [][]time.Time // of each rate: when its last requests were sent, a ring
	next  []int         // the oldest of each ring
}

func newPace(rates []rate) *pace {
	p := &pace{rates: rates, next: make([]int, len(rates))}
	for _, r := range rates {
		p.sent = append(p.sent, make([]time.Time, r.requests))
	}
	return p
}

// wait waits until a request may be sent, and counts it.
func (p *pace) wait(ctx context.Context) error {
	for i, r := range p.rates {
		if d := time.Until(p.sent[i][p.next[i]].Add(r.window())); d > 0 {
			if err := sleep(ctx, d); err != nil {
				return err
			}
		}
	}
	now := time.Now()
	for i := range p.rates {
		p.sent[i][p.next[i]] = now
		p.next[i] = (p.next[i] + 1) % len(p.sent[i])
	}
	return nil
}
