// Command neighbours measures what one tenant at its worst, or somebody without any
// credential, does to another tenant: how long a lookup by ID takes beside it, and how
// much memory the server needs.
//
//	go run ./neighbours -backend sqlite -seconds 5
//
// The server, the load and the lookups are processes of their own, so that they share
// processors and nothing else. The measure is the load called "burner": it asks for
// nothing, and only keeps the processors busy. The loads:
//
//	lists           60 connections ask for the largest lists
//	filters         60 connections send filters that match no user but many index entries
//	writes          60 connections write users of the largest size
//	unread lists    60 connections ask for the largest lists and never read
//	stalled bodies  75 connections send 10 MiB to Ada's routes but for the last byte
//	stalled logins  200 connections without a credential do so with 1 MiB to MagickMind's login
//	due vaults      256 users get 128 sensitive values of 4 KiB, which are due, and are swept
//	deletion        a tenant of 250,000 users is deleted
//
// It prints whether each reached the target, and fails if a lookup did. PostgreSQL,
// Redis and the Cluster need their servers on PATH. Memory is read from /proc, and is 0 where there is
// none. The store in memory has fewer users: they are part of what is measured.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

const (
	wholeRun  = 8 * time.Minute
	lookups   = 200 // beside each load
	warmUp    = time.Second
	lastWords = 20 * time.Second // for a process that was told to end

	// The target.
	mostRatio  = 5         // p99 of lookups to that beside the burner
	mostMemory = 300 << 20 // bytes of the server
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "neighbours:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "serve":
			return serve(ctx, args[1:])
		case "load":
			return apply(ctx, args[1:])
		}
	}
	f := flag.NewFlagSet("neighbours", flag.ContinueOnError)
	only := f.String("backend", "", "memory, sqlite, postgres, redis or cluster; all of them if empty")
	seconds := f.Int("seconds", 4, "how long to look up beside each load, 1 to 20")
	small := f.Int("users", 60_000, "users that the worst filter walks through; a quarter of that in memory")
	vaults := f.Int("vaults", 256, "users whose sensitive values are all due; a quarter of that in memory")
	leaving := f.Int("leaving", 250_000, "users of the tenant that is deleted; a quarter of that in memory")
	load := f.String("load", "", "only the burner and this load; all of them if empty")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *seconds < 1 || *seconds > 20 || f.NArg() > 0 {
		f.Usage()
		return flag.ErrHelp
	}
	ctx, cancel := context.WithTimeout(ctx, wholeRun)
	defer cancel()
	var failed []error
	for _, b := range backends() {
		if *only != "" && *only != b.name {
			continue
		}
		note("%s", b.name)
		if err := measure(ctx, b, sizes{*small / b.part, *vaults / b.part, *leaving / b.part}, *load, time.Duration(*seconds)*time.Second); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", b.name, err))
		}
	}
	return errors.Join(failed...)
}

func note(format string, args ...any) { fmt.Fprintf(os.Stderr, "neighbours: "+format+"\n", args...) }

// backend is a kind of store. start returns the argument that openStore takes.
type backend struct {
	name  string
	part  int // of the users that others have, one in so many
	start func() (store string, end func(), err error)
}

func backends() []backend {
	return []backend{
		{"memory", 4, func() (string, func(), error) { return "memory:", func() {}, nil }},
		{"sqlite", 1, func() (string, func(), error) {
			dir, err := os.MkdirTemp("", "neighbours")
			return "sqlite:" + filepath.Join(dir, "users.db"), func() { _ = os.RemoveAll(dir) }, err
		}},
		{"postgres", 1, func() (string, func(), error) {
			s, err := pgtest.Start()
			if err != nil {
				return "", nil, err
			}
			at, err := s.Create()
			if err != nil {
				s.Close()
			}
			return "postgres:" + at, s.Close, err
		}},
		{"redis", 1, func() (string, func(), error) {
			p, err := redistest.Start()
			if err != nil {
				return "", nil, err
			}
			return "redis:" + p.Addr, p.Close, nil
		}},
		{"cluster", 1, func() (string, func(), error) {
			g, err := redistest.StartCluster()
			if err != nil {
				return "", nil, err
			}
			return "cluster:" + strings.Join(g.Addrs(), ","), g.Close, nil
		}},
	}
}

// sizes are how many users tenants have.
type sizes struct{ small, vaults, leaving int }

// measure fills a store, walks through its lists, and prints a line for each load.
func measure(ctx context.Context, b backend, n sizes, only string, span time.Duration) (err error) {
	store, end, err := b.start()
	if err != nil {
		return err
	}
	defer end()
	server, err := start(ctx, "serve", store, fmt.Sprint(n.small), fmt.Sprint(n.vaults), fmt.Sprint(n.leaving))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.end(nil)) }()
	var at filled
	if err := server.out.Decode(&at); err != nil {
		return err
	}
	c := newClient(at.Addr, 1)
	if err := walks(ctx, c, largeUsers+n.small); err != nil {
		return err
	}
	ids, err := idsOf(ctx, c)
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stdout, "\n%s: %d + %d users; the server's heap before the first request: %d MiB\n", b.name, largeUsers, n.small, at.Data>>20)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "beside\tp50 ms\tp99 ms\tmax ms\terrors\tp99/burner\tserver MiB\tdone\trefused\ttarget\t")
	defer t.Flush() //nolint:errcheck // of a terminal
	var burner time.Duration
	wrong := 0
	for _, l := range loads() {
		if only != "" && l.name != only && l.name != "burner" {
			continue
		}
		note("%s: beside %s", b.name, l.name)
		if err := server.order("rest", new(tally)); err != nil {
			return err
		}
		server.forgetPeak()
		s, done, err := beside(ctx, l, server, at.Addr, c, ids, span)
		if err != nil {
			return fmt.Errorf("beside %s: %w", l.name, err)
		}
		if l.name == "burner" {
			burner = s.at(99)
		}
		row := result{s, server.peak(), burner}
		wrong += s.errors
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%d\t%.1f\t%d\t%d\t%d\t%s\t\n", l.name,
			ms(s.at(50)), ms(s.at(99)), ms(s.at(100)), s.errors, row.ratio(), row.memory>>20, done.Done, done.Refused, row.verdict())
	}
	if wrong > 0 {
		return fmt.Errorf("%d lookups failed", wrong)
	}
	return nil
}

// result is what was measured beside one load.
type result struct {
	samples
	memory int64
	burner time.Duration // p99
}

func (r *result) ratio() float64 {
	if r.burner == 0 {
		return 0
	}
	return float64(r.at(99)) / float64(r.burner)
}

// verdict says what of the target was missed.
func (r *result) verdict() string {
	missed := ""
	if r.errors > 0 {
		missed += " errors"
	}
	if r.ratio() > mostRatio {
		missed += fmt.Sprintf(" p99>%dx", mostRatio)
	}
	if r.memory > mostMemory {
		missed += fmt.Sprintf(" RSS>%dMiB", mostMemory>>20)
	}
	if missed == "" {
		return "reached"
	}
	return "missed:" + missed
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// beside looks up users of one tenant while a load runs.
func beside(ctx context.Context, l load, server *process, addr string, c *client, ids []string, span time.Duration) (s samples, done tally, err error) {
	end := func() error { return server.order("end", &done) }
	if l.run == nil {
		err = server.order("begin "+l.name, &done)
	} else {
		var p *process
		p, err = start(ctx, "load", l.name, addr)
		end = func() error { return p.end(&done) }
	}
	if err != nil {
		return s, done, err
	}
	defer func() { err = errors.Join(err, end()) }()
	if err := pause(ctx, warmUp); err != nil {
		return s, done, err
	}
	s, err = lookUp(ctx, c, ids, span)
	return s, done, err
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// process is this program in another role. It ends when its standard input does, and
// so also if this process dies.
type process struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func start(ctx context.Context, args ...string) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	return &process{cmd, in, json.NewDecoder(out)}, cmd.Start()
}

// order sends the server a line and reads its answer.
func (p *process) order(what string, t *tally) error {
	if _, err := io.WriteString(p.in, what+"\n"); err != nil {
		return err
	}
	return p.out.Decode(t)
}

// end ends the process and reads its last words into v, if it has any.
func (p *process) end(v any) error {
	kill := time.AfterFunc(lastWords, func() { _ = p.cmd.Process.Kill() })
	defer kill.Stop()
	err := p.in.Close()
	if v != nil {
		err = errors.Join(err, p.out.Decode(v))
	}
	return errors.Join(err, p.cmd.Wait())
}

func (p *process) proc(name string) string {
	return filepath.Join("/proc", fmt.Sprint(p.cmd.Process.Pid), name)
}

// forgetPeak begins a new peak.
func (p *process) forgetPeak() { _ = os.WriteFile(p.proc("clear_refs"), []byte("5"), 0o600) }

// peak returns the largest resident size of the process since forgetPeak, in bytes.
func (p *process) peak() int64 {
	status, _ := os.ReadFile(p.proc("status"))
	for line := range strings.Lines(string(status)) {
		var kib int64
		if n, _ := fmt.Sscanf(line, "VmHWM: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
