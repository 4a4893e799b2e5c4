// Package cli has what all commands share: where they read and write, how they show progress,
// and what their exit status means.
package cli

import (
	"io"
	"log/slog"
	"time"
)

// Env is what a command works with beside its settings.
type Env struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	Terminal       bool   // Stderr is a terminal
	JSON           bool   // the results go to Stdout as JSON, and progress and errors to Stderr
	Config         string // the file with settings; empty: none
	Now            func() time.Time

	// OnHangup has a function called on each SIGHUP, which then does not end the program. It is
	// nil where there are no signals.
	OnHangup func(func())
}

// Log returns a log on Stderr.
func (e *Env) Log() *slog.Logger { return e.log(slog.LevelInfo) }

// Warnings returns a log on Stderr of warnings and errors alone, for commands that people run.
func (e *Env) Warnings() *slog.Logger { return e.log(slog.LevelWarn) }

func (e *Env) log(level slog.Level) *slog.Logger {
	opts := &slog.HandlerOptions{Level: level}
	if e.JSON {
		return slog.New(slog.NewJSONHandler(e.Stderr, opts))
	}
	return slog.New(slog.NewTextHandler(e.Stderr, opts))
}
