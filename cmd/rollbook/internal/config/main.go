// Package config makes the settings of a command from its arguments, the environment and a
// file.
//
// Settings say how the program is set up: all flags of a command tagged settings:"", the flags
// of the program itself, and flags of other commands tagged setting:"". Each can also be given
// as an environment variable, as a file that such a variable names, and in the file of -config;
// see [Setting]. All other flags say what one call of a command does.
package config

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// global is the flags that every command has.
type global struct {
	Config string `placeholder:"FILE" help:"TOML file with settings, named as their flags are. The environment can have them, too: ROLLBOOK_STORE is -store."`
	JSON   bool   `name:"json" help:"Print results, progress and errors as JSON."`
}

// Main runs the command that the arguments name, and returns the exit status. The program is a
// pointer to a struct of commands, as kong wants it; each has a method
// Run(context.Context, *cli.Env) error.
func Main(ctx context.Context, program any, args, environ []string, env *cli.Env) int {
	err := run(ctx, program, args, environ, env)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		if status := cli.Status(context.Cause(ctx)); status > 128 {
			return status // of the signal
		}
		return cli.Interrupted
	}
	if err != nil {
		report(env, err)
	}
	return cli.Status(err)
}

func run(ctx context.Context, program any, args, environ []string, env *cli.Env) error {
	// Also for errors before all settings are known.
	env.JSON = slices.Contains(args, "-json") || slices.Contains(args, "--json") || slices.Contains(environ, "ROLLBOOK_JSON=true")
	selected, err := parse(program, args, environ, env.Stdout, kong.BindTo(ctx, (*context.Context)(nil)), kong.Bind(env))
	if err != nil || selected == nil {
		return cli.Exit(cli.Usage, err)
	}
	env.JSON, env.Config = selected.global.JSON, selected.global.Config
	return selected.Run()
}

// Parse sets the fields of a program, as [Main] does before it runs a command. It is for tests.
func Parse(program any, args, environ []string) error {
	_, err := parse(program, args, environ, io.Discard)
	return err
}

// command is the command that was selected, with its settings.
type command struct {
	*kong.Context
	global *global
}

// parse returns nil if the arguments ask for help, which it has printed then.
func parse(program any, args, environ []string, stdout io.Writer, options ...kong.Option) (*command, error) {
	helped := false
	g := new(global)
	parser, err := newParser(program, append(options,
		kong.Embed(g),
		kong.Writers(stdout, io.Discard),
		kong.Exit(func(int) { helped = true }),
	)...)
	if err != nil {
		return nil, err
	}
	from, unknown := newSources(settings(parser.Model), environ)
	from.bind(parser)
	parsed, err := parser.Parse(doubled(meant(args)))
	switch {
	case helped:
		return nil, nil //nolint:nilnil // nothing is to be run
	case unknown != nil:
		return nil, unknown
	case err != nil:
		return nil, from.explain(err)
	}
	if err := from.checkEmpty(parsed); err != nil {
		return nil, err
	}
	return &command{parsed, g}, nil
}

func newParser(program any, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(program, append(options,
		kong.Name("rollbook"),
		kong.Description("A registry of end users."),
		kong.Help(help),
		kong.ValueFormatter(described),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}),
	)...)
}

// report writes an error as one line.
func report(env *cli.Env, err error) {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if env.JSON {
		_ = json.NewEncoder(env.Stderr).Encode(map[string]any{"error": text, "status": cli.Status(err)})
		return
	}
	fmt.Fprintln(env.Stderr, "rollbook:", cli.Printable(text))
}
