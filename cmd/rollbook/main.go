// Command rollbook runs a registry of end users, and fills, moves, backs up and watches it.
//
//	go run ./cmd/rollbook serve
//
// docs/cli.md shows every command, docs/configuration.md every setting, docs/operate.md how
// it is operated.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/config"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/manage"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/move"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/serve"
)

// program is all commands.
type program struct {
	Serve serve.Serve `cmd:"" settings:"" help:"Serve the registry over HTTP."`

	Import  move.Import  `cmd:"" help:"Import users from files, or from a vendor's API."`
	Export  move.Export  `cmd:"" help:"Export tenants."`
	Copy    move.Copy    `cmd:"" help:"Copy a whole store into another one."`
	Backup  move.Backup  `cmd:"" help:"Back up an SQLite store while it is in use."`
	Restore move.Restore `cmd:"" help:"Put a backup in the place of an SQLite store."`
	Verify  move.Verify  `cmd:"" help:"Read a whole store and report what is damaged."`

	Tenants manage.Tenants `cmd:"" help:"List, reindex and delete tenants."`
	Users   manage.Users   `cmd:"" help:"Get, list and delete users."`
	Groups  manage.Groups  `cmd:"" help:"Create, get and list groups, and rotate their tokens."`
	Keyring manage.Keyring `cmd:"" help:"Manage the keys that secrets are sealed under."`
	Version manage.Version `cmd:"" help:"Print the version."`
}

func main() {
	ctx, cancel := context.WithCancelCause(context.Background())
	end := func(by os.Signal) { cancel(ended(by)) }
	onSignals(ctx, end)
	env := &cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal: isTerminal(os.Stderr),
		Now:      time.Now,
		OnHangup: hangups(ctx, end),
	}
	status := config.Main(ctx, new(program), os.Args[1:], os.Environ(), env)
	cancel(nil)
	os.Exit(status)
}

// isTerminal reports whether a file is a terminal on which a bar has room.
func isTerminal(f *os.File) bool {
	width, height, err := term.GetSize(int(f.Fd()))
	return err == nil && width > 0 && height > 0
}

// ended returns the cause of a context that a signal has ended, with the exit status that a shell
// gives such a program. It is a context.Canceled: some packages return the cause instead.
func ended(by os.Signal) error {
	status := cli.Interrupted
	if s, ok := by.(syscall.Signal); ok {
		status = 128 + int(s)
	}
	return cli.Exit(status, fmt.Errorf("%v: %w", by, context.Canceled))
}

// onSignals calls end on SIGINT and SIGTERM. A second signal has its usual effect.
func onSignals(ctx context.Context, end func(by os.Signal)) {
	came := make(chan os.Signal, 1)
	notify(came, os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, func() { signal.Stop(came) })
	go func() { end(<-came) }()
}

// hangups calls end on SIGHUP, as onSignals does. It returns a function that has another
// function called instead, each time.
func hangups(ctx context.Context, end func(by os.Signal)) func(func()) {
	came := make(chan os.Signal, 1)
	notify(came, syscall.SIGHUP)
	var instead atomic.Pointer[func()]
	context.AfterFunc(ctx, func() {
		if instead.Load() == nil {
			signal.Stop(came)
		}
	})
	go func() {
		for range came {
			if f := instead.Load(); f != nil {
				(*f)()
			} else {
				end(syscall.SIGHUP)
			}
		}
	}()
	return func(f func()) {
		instead.Store(&f)
		signal.Notify(came, syscall.SIGHUP)
	}
}

// notify is signal.Notify without the signals that the program inherited as ignored: nohup
// starts it so.
func notify(came chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(came, s)
		}
	}
}
