// Command neighbours measures what one tenant's worst requests do to another tenant:
// how long a lookup by ID takes beside them, and how much memory the server needs.
//
//	go run ./neighbours -backend sqlite -seconds 5
//
// The server, the load and the lookups are processes of their own, so that they share
// processors and nothing else. The measure is the load called "burner": it asks for
// nothing, and only keeps the processors busy. Redis and the Cluster need redis-server
// on PATH. Memory is read from /proc, and is 0 where there is none.
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

	"github.com/rollbook-go/rollbook/internal/redistest"
)

const (
	wholeRun  = 4 * time.Minute
	lookups   = 200 // beside each load
	warmUp    = time.Second
	lastWords = 20 * time.Second // for a process that was told to end
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
	only := f.String("backend", "", "memory, sqlite, redis or cluster; all of them if empty")
	seconds := f.Int("seconds", 4, "how long to look up beside each load, 1 to 20")
	small := f.Int("users", 60_000, "users that the worst filter walks through")
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
		if err := measure(ctx, b, *small, time.Duration(*seconds)*time.Second); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", b.name, err))
		}
	}
	return errors.Join(failed...)
}

func note(format string, args ...any) { fmt.Fprintf(os.Stderr, "neighbours: "+format+"\n", args...) }

// backend is a kind of store. start returns the argument that openStore takes.
type backend struct {
	name  string
	start func() (store string, end func(), err error)
}

func backends() []backend {
	return []backend{
		{"memory", func() (string, func(), error) { return "memory:", func() {}, nil }},
		{"sqlite", func() (string, func(), error) {
			dir, err := os.MkdirTemp("", "neighbours")
			return "sqlite:" + filepath.Join(dir, "users.db"), func() { _ = os.RemoveAll(dir) }, err
		}},
		{"redis", func() (string, func(), error) {
			p, err := redistest.Start()
			if err != nil {
				return "", nil, err
			}
			return "redis:" + p.Addr, p.Close, nil
		}},
		{"cluster", func() (string, func(), error) {
			g, err := redistest.StartCluster()
			if err != nil {
				return "", nil, err
			}
			return "cluster:" + strings.Join(g.Addrs(), ","), g.Close, nil
		}},
	}
}

// measure fills a store, walks through its lists, and prints a line for each load.
func measure(ctx context.Context, b backend, small int, span time.Duration) (err error) {
	store, end, err := b.start()
	if err != nil {
		return err
	}
	defer end()
	server, err := start(ctx, "serve", store, fmt.Sprint(small))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.end(nil)) }()
	addr, err := server.line()
	if err != nil {
		return err
	}
	c := newClient(addr, 1)
	if err := walks(ctx, c, largeUsers+small); err != nil {
		return err
	}
	ids, err := idsOf(ctx, c)
	if err != nil {
		return err
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(t, "%s\tp50 ms\tp99 ms\tmax ms\terrors\tp99/burner\tserver MiB\tanswers\trefused\tlargest KiB\t\n", b.name)
	var burner time.Duration
	wrong := 0
	for _, l := range loads() {
		note("%s: beside %s", b.name, l.name)
		server.forgetPeak()
		s, done, err := beside(ctx, l.name, addr, c, ids, span)
		if err != nil {
			return fmt.Errorf("beside %s: %w", l.name, err)
		}
		if l.name == "burner" {
			burner = s.at(99)
		}
		ratio := "-"
		if burner > 0 {
			ratio = fmt.Sprintf("%.1f", float64(s.at(99))/float64(burner))
		}
		wrong += s.errors
		fmt.Fprintf(t, "%s\t%.2f\t%.2f\t%.2f\t%d\t%s\t%d\t%d\t%d\t%d\t\n", l.name,
			ms(s.at(50)), ms(s.at(99)), ms(s.at(100)), s.errors, ratio,
			server.peak()>>20, done.Answers, done.Refused, done.Largest>>10)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if wrong > 0 {
		return fmt.Errorf("%d lookups failed", wrong)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// beside looks up users of one tenant while a load runs.
func beside(ctx context.Context, name, addr string, c *client, ids []string, span time.Duration) (s samples, done tally, err error) {
	load, err := start(ctx, "load", name, addr)
	if err != nil {
		return s, done, err
	}
	defer func() { err = errors.Join(err, load.end(&done)) }()
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
	in  io.Closer
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

// line returns the text that the process says.
func (p *process) line() (s string, err error) { return s, p.out.Decode(&s) }

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
