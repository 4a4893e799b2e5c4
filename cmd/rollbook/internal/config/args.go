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

// meant returns the arguments in place of those that people know from other programs:
// "rollbook help export" and "rollbook -version".
func meant(args []string) []string {
	if len(args) == 0 {
		return args
	}
	switch args[0] {
	case "help":
		return append(args[1:len(args):len(args)], "-help")
	case "-version", "--version":
		return append([]string{"version"}, args[1:]...)
	}
	return args
}

// undoubled writes the flags in a text of kong with one dash.
func undoubled(text string) string { return double.ReplaceAllString(text, "$1-$2") }

// described returns the help of a flag, with the default that its placeholder hides.
func described(v *kong.Value) string {
	if v.Flag != nil && v.Flag.PlaceHolder != "" && v.Default != "" {
		return v.Help + " By default " + v.Default + "."
	}
	return v.Help
}

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
