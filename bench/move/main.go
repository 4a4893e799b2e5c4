// Command move imports users with UpsertAll into SQLite (FULL), PostgreSQL and Redis, kills the
// importing process twice with SIGKILL, and goes on each time from the last row that was
// answered. At the end it reads the whole store.
//
//	go run ./move -rows 1000000
//
// It fails if a user is missing, is there twice or was created twice, or if the importing
// process grew by 100 MiB or more. Memory is RssAnon of /proc/PID/status: what the process has
// allocated, without the pages of files that it has mapped. Growth is the highest of it, read
// every 20 ms while rows are written, above what it was when the store was open. Where there is
// no /proc memory is not measured, and that is an error. Redis and PostgreSQL need their servers
// on PATH.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/pgtest"
	"github.com/rollbook-go/rollbook/internal/testing/redistest"
)

const (
	mostGrowth = 100 << 20 // bytes of the importing process
	kills      = 2
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "move:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "import" {
		return importRows(ctx, args[1:])
	}
	f := flag.NewFlagSet("move", flag.ContinueOnError)
	rows := f.Int("rows", 1_000_000, "users to import")
	only := f.String("backend", "", "sqlite, postgres or redis; all of them if empty")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *rows < 10_000 || f.NArg() > 0 {
		return errors.New("-rows must be 10,000 or more, so that there is something to kill")
	}
	var failed []error
	for _, b := range backends() {
		if *only != "" && *only != b.name {
			continue
		}
		if err := move(ctx, b, *rows); err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", b.name, err))
		}
	}
	return errors.Join(failed...)
}

// backend is a kind of store. start returns the argument that openStore takes.
type backend struct {
	name  string
	start func() (at string, end func(), err error)
}

func backends() []backend {
	return []backend{
		{"sqlite", func() (string, func(), error) {
			dir, err := os.MkdirTemp("", "move")
			return filepath.Join(dir, "users.db"), func() { _ = os.RemoveAll(dir) }, err
		}},
		{"postgres", func() (string, func(), error) {
			s, err := pgtest.Start()
			if err != nil {
				return "", nil, err
			}
			at, err := s.Create()
			if err != nil {
				s.Close()
			}
			return at, s.Close, err
		}},
		{"redis", func() (string, func(), error) {
			p, err := redistest.Start()
			if err != nil {
				return "", nil, err
			}
			return p.Addr, p.Close, nil
		}},
	}
}

// move imports the rows in three processes, of which two are killed, and counts.
func move(ctx context.Context, b backend, rows int) error {
	at, end, err := b.start()
	if err != nil {
		return err
	}
	defer end()
	answered, growth, again, begin := 0, 0, 0, time.Now()
	for part := range kills + 1 {
		until := rows * (part + 1) / (kills + 1)
		last := part == kills
		if last {
			until = rows + 1 // never
		}
		p := process{store: b.name, at: at, from: answered, rows: rows, until: until}
		if err := p.run(ctx); err != nil {
			return fmt.Errorf("part %d: %w", part+1, err)
		}
		if !last && !p.killed {
			return fmt.Errorf("part %d: the process ended before it was killed", part+1)
		}
		answered, growth, again = p.answered, max(growth, p.growth), again+p.known
	}
	took := time.Since(begin)
	if answered != rows {
		return fmt.Errorf("%d rows were answered, want %d", answered, rows)
	}
	if err := count(ctx, b.name, at, rows); err != nil {
		return err
	}
	fmt.Printf("%s: %d users in %.1f s, killed %d times; %d rows of them had been written and not answered; memory grew by %.1f MiB\n",
		b.name, rows, took.Seconds(), kills, again, float64(growth)/(1<<20))
	if growth >= mostGrowth {
		return fmt.Errorf("memory grew by %d bytes, want less than %d", growth, mostGrowth)
	}
	return nil
}

// process is a process that imports. It prints a line when the store is open, one for each
// thousand rows that are answered, and one at the end.
type process struct {
	store, at         string
	from, rows, until int // it is killed when as many rows are answered

	answered int // of all rows, by all processes
	known    int // that were there already
	growth   int // of its memory, in bytes
	killed   bool
}

func (p *process) run(ctx context.Context) error {
	exe, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, exe, "import", "-store", p.store, "-at", p.at, "-from", strconv.Itoa(p.from), "-rows", strconv.Itoa(p.rows))
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.answered = p.from
	memory := watch(cmd.Process.Pid)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if err := p.line(lines.Text(), memory); err != nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			return err
		}
		if p.answered >= p.until && !p.killed {
			p.killed = true
			if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
				return err
			}
		}
	}
	err = cmd.Wait()
	p.growth = memory.end()
	switch {
	case p.killed && cmd.ProcessState.Sys().(syscall.WaitStatus).Signal() == syscall.SIGKILL:
		return nil
	case err == nil && p.growth < 0:
		err = errors.New("its memory could not be read")
	}
	return err
}

// line takes a line of the process: "open", or how many rows are answered and how many of them
// were there already.
func (p *process) line(text string, memory *meter) error {
	if text == "open" {
		memory.begin()
		return nil
	}
	row, known, _ := strings.Cut(text, " ")
	var err error
	if p.answered, err = strconv.Atoi(row); err != nil {
		return err
	}
	p.known, err = strconv.Atoi(known)
	return err
}
