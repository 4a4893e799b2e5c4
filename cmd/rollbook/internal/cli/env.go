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
	Terminal       bool // Stderr is a terminal
	JSON           bool // the results go to Stdout as JSON, and progress and errors to Stderr
	Now            func() time.Time
}

// Log returns a log on Stderr.
func (e *Env) Log() *slog.Logger {
	if e.JSON {
		return slog.New(slog.NewJSONHandler(e.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(e.Stderr, nil))
}
