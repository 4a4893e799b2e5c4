package cli

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
)

// every is how often a line is written where there is no terminal.
const every = 5 * time.Second

// Progress shows how far a piece of work is, on Stderr: a bar with rate and time left on a
// terminal, a line every few seconds elsewhere, JSON lines with [Env].JSON. It is safe for
// concurrent use.
type Progress struct {
	env  *Env
	what string

	mu           sync.Mutex
	done, total  int64
	begun, shown time.Time

	bars  *mpb.Progress // nil: lines
	bar   *mpb.Bar
	ended bool
}

// Progress begins to show how far a piece of work is, such as "importing". Total is 0 if it is
// not known.
func (e *Env) Progress(what string, total int64) *Progress {
	now := e.Now()
	p := &Progress{env: e, what: what, total: total, begun: now, shown: now}
	if e.Terminal && !e.JSON {
		p.bars = mpb.New(mpb.WithOutput(e.Stderr), mpb.WithAutoRefresh())
		p.bar = p.newBar()
	}
	return p
}

func (p *Progress) newBar() *mpb.Bar {
	bar := p.bars.New(0, mpb.BarStyle(), // 0: it is complete only when End says so
		mpb.BarFillerTrim(),
		mpb.PrependDecorators(decor.Name(p.what+" ")),
		mpb.AppendDecorators(decor.Any(func(s decor.Statistics) string {
			return " " + p.measure(s.Current, s.Total, p.env.Now()).String()
		})),
	)
	bar.SetTotal(p.total, false)
	return bar
}

// Set says how much is done.
func (p *Progress) Set(done int64) { p.SetOf(done, 0) }

// SetOf says how much is done, and of how much if total is not 0. The total may change: it can be
// an estimate.
func (p *Progress) SetOf(done, total int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.done = done
	if total > 0 && total != p.total {
		p.total = total
		if p.bar != nil {
			p.bar.SetTotal(total, false)
		}
	}
	if p.bar != nil {
		p.bar.SetCurrent(done)
		return
	}
	if now := p.env.Now(); now.Sub(p.shown) >= every {
		p.shown = now
		p.line(now)
	}
}

// Note writes a line between those of the progress, or behind them, or v with [Env].JSON.
func (p *Progress) Note(v any, line string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.env.JSON:
		_ = encoder(p.env.Stderr).Encode(v)
	case p.bars != nil && !p.ended:
		_, _ = fmt.Fprintln(p.bars, Printable(line))
	default:
		fmt.Fprintln(p.env.Stderr, Printable(line))
	}
}

// End shows the last state, once. Only notes may follow.
func (p *Progress) End() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ended {
		return
	}
	p.ended = true
	if p.bar == nil {
		if p.done > 0 || p.total > 0 {
			p.line(p.env.Now())
		}
		return
	}
	if p.total > 0 && p.done == p.total {
		p.bar.SetTotal(p.total, true)
	} else {
		p.bar.Abort(false)
	}
	p.bars.Wait()
}

// state is how far a piece of work is.
type state struct {
	Progress string  `json:"progress"`
	Done     int64   `json:"done"`
	Total    int64   `json:"total,omitempty"`
	Rate     float64 `json:"per_second,omitempty"`
	Left     float64 `json:"seconds_left,omitempty"`
}

// measure says nothing of rates before there has been time to measure one.
func (p *Progress) measure(done, total int64, now time.Time) state {
	s := state{Progress: p.what, Done: done, Total: total}
	if took := now.Sub(p.begun); took >= time.Second {
		s.Rate = float64(done) / took.Seconds()
	}
	if s.Rate > 0 && total > done {
		s.Left = float64(total-done) / s.Rate
	}
	return s
}

func (s state) String() string {
	text := strconv.FormatInt(s.Done, 10)
	if s.Total > 0 {
		text += fmt.Sprintf(" of %d", s.Total)
	}
	if s.Rate > 0 {
		text += fmt.Sprintf(", %.0f/s", s.Rate)
	}
	if s.Left > 0 {
		text += fmt.Sprintf(", %s left", time.Duration(s.Left*float64(time.Second)).Round(time.Second))
	}
	return text
}

func (p *Progress) line(now time.Time) {
	s := p.measure(p.done, p.total, now)
	if p.env.JSON {
		_ = json.NewEncoder(p.env.Stderr).Encode(s)
		return
	}
	fmt.Fprintf(p.env.Stderr, "%s: %s\n", s.Progress, s)
}
