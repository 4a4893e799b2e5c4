// Command rollbook runs a registry of end users, and fills, moves, backs up and watches it.
//
//	go run ./cmd/rollbook serve
//
// docs/cli.md shows every command, docs/configuration.md every setting, docs/operate.md how
// it is operated.
package main

import (
	"context"
	"os"
	"os/signal"
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

	Tenants manage.Tenants `cmd:"" help:"List and delete tenants."`
	Users   manage.Users   `cmd:"" help:"Get, list and delete users."`
	Groups  manage.Groups  `cmd:"" help:"Show groups, and rotate their tokens."`
	Keyring manage.Keyring `cmd:"" help:"Manage the keys that secrets are sealed under."`
	Version manage.Version `cmd:"" help:"Print the version."`
}

func main() {
	// A closed log is no reason to end.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), endings()...)
	context.AfterFunc(ctx, stop) // a second signal has its usual effect
	env := &cli.Env{
		Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal: term.IsTerminal(int(os.Stderr.Fd())),
		Now:      time.Now,
	}
	status := config.Main(ctx, new(program), os.Args[1:], os.Environ(), env)
	stop()
	os.Exit(status)
}

// endings returns the signals that end the program, except those that it inherited as
// ignored: nohup starts it so.
func endings() []os.Signal {
	var signals []os.Signal
	for _, s := range []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGHUP} {
		if !signal.Ignored(s) {
			signals = append(signals, s)
		}
	}
	return signals
}
