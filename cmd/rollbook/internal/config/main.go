// Package config makes the settings of a command from its arguments, the environment and a
// file.
package config

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/alecthomas/kong"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// Main runs the command that the arguments name, and returns the exit status. The program is a
// pointer to a struct of commands, as kong wants it; each has a method
// Run(context.Context, *cli.Env) error.
func Main(ctx context.Context, program any, args, environ []string, env *cli.Env) int {
	ended := -1
	parser, err := kong.New(program,
		kong.Name("rollbook"),
		kong.Description("A registry of end users."),
		kong.Writers(env.Stdout, env.Stderr),
		kong.Exit(func(status int) { ended = status }), // after -help
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(env),
	)
	if err == nil {
		var parsed *kong.Context
		parsed, err = parser.Parse(doubled(args))
		switch {
		case ended >= 0:
			return ended
		case err == nil:
			err = parsed.Run()
		default:
			err = cli.Exit(cli.Usage, err)
		}
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return cli.Interrupted
	}
	if err != nil {
		fmt.Fprintln(env.Stderr, "rollbook:", err)
	}
	return cli.Status(err)
}

var single = regexp.MustCompile(`^-[a-z]`)

// doubled writes flags with two dashes: kong takes -addr for many flags of one letter.
func doubled(args []string) []string {
	out := make([]string, len(args))
	for i, a := range args {
		if a == "--" {
			copy(out[i:], args[i:])
			break
		}
		if single.MatchString(a) {
			a = "-" + a
		}
		out[i] = a
	}
	return out
}
