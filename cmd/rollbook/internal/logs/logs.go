// Package logs has the logs of the server: its own, and that of requests.
package logs

import (
	"log/slog"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Flags are the flags of the logs. The command serve embeds them.
type Flags struct {
	Log       string `default:"text" enum:"text,json" help:"Form of the log on standard error: text or json."`
	AccessLog string `default:"off" enum:"on,off" help:"Log each request, without personal data: on or off."`
}

// Logger returns the log on standard error.
func (f *Flags) Logger(env *cli.Env) *slog.Logger {
	if f.Log == "json" || env.JSON {
		return slog.New(slog.NewJSONHandler(env.Stderr, nil))
	}
	return slog.New(slog.NewTextHandler(env.Stderr, nil))
}
