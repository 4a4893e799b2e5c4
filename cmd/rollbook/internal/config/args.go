package config

import (
	"bytes"
	"regexp"

	"github.com/alecthomas/kong"
)

var (
	single = regexp.MustCompile(`^-[a-z]`)
	double = regexp.MustCompile(`(^|[\s"(\[])--([a-z])`)
	column = regexp.MustCompile(`(--[a-z]\S*  +)`) // before a flag's help
)

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

// undoubled writes the flags in a text of kong with one dash.
func undoubled(text string) string { return double.ReplaceAllString(text, "$1-$2") }

// help prints the help of kong, with the flags as they are documented.
func help(options kong.HelpOptions, ctx *kong.Context) error {
	out := ctx.Stdout
	defer func() { ctx.Stdout = out }()
	var text bytes.Buffer
	ctx.Stdout = &text
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	_, err := out.Write([]byte(undoubled(column.ReplaceAllString(text.String(), "$1 "))))
	return err
}
