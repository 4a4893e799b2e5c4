package config

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// Setting is a setting, under the names that it has.
type Setting struct {
	Name        string   // of the flag, without dashes, and of the key in the file of -config
	Variable    string   // in the environment; with _FILE behind it, it names a file with the value, or is the value if Path
	Default     string   //
	Placeholder string   // what the value is
	Help        string   //
	Commands    []string // that have it; none: all
	List        bool     // it may have several values
	Bool        bool     // it is true or false
	Secret      bool     // its value is not to be shown
	Path        bool     // its value is the path of a file
	NoFile      bool     // it cannot be in the file of -config
}

const (
	prefix     = "ROLLBOOK_"
	fileSuffix = "_FILE"
)

// Settings returns the settings of a program, as [Main] takes it, in the order of its help.
func Settings(program any) ([]Setting, error) {
	parser, err := newParser(program, kong.Embed(new(global)))
	if err != nil {
		return nil, err
	}
	return settings(parser.Model), nil
}

func settings(app *kong.Application) []Setting {
	var all []Setting
	for _, f := range app.Flags {
		if f.Name != "help" {
			s := setting(f)
			s.NoFile = f.Name == "config"
			all = append(all, s)
		}
	}
	// Two walks, so that the settings of the server come before those of other commands.
	for _, whole := range []bool{true, false} {
		for _, c := range app.Leaves(false) {
			if c.Tag.Has("settings") != whole {
				continue
			}
			for _, f := range flagsOf(c) {
				if whole || f.Tag.Has("setting") {
					all = add(all, setting(f))
				}
			}
		}
	}
	for i := range all {
		all[i].Commands = commandsWith(app, all[i].Name)
	}
	return all
}

func setting(f *kong.Flag) Setting {
	s := Setting{
		Name:     f.Name,
		Variable: prefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_")),
		Default:  f.Default, Placeholder: f.PlaceHolder, Help: f.Help,
		List: f.IsSlice(), Bool: f.IsBool(), Secret: f.Tag.Has("secret"), Path: f.PlaceHolder == "FILE" || f.Tag.Has("path"),
	}
	if f.Enum != "" {
		s.Placeholder = strings.Join(f.EnumSlice(), "|")
	}
	return s
}

// flagsOf returns the flags of a command, without those that all commands have.
func flagsOf(n *kong.Node) (flags []*kong.Flag) {
	for ; n.Parent != nil; n = n.Parent {
		flags = append(flags, n.Flags...)
	}
	return flags
}

// add adds a setting, unless it is there.
func add(all []Setting, s Setting) []Setting {
	if slices.ContainsFunc(all, func(other Setting) bool { return other.Name == s.Name }) {
		return all
	}
	return append(all, s)
}

func commandsWith(app *kong.Application, flag string) (names []string) {
	for _, c := range app.Leaves(false) {
		if slices.ContainsFunc(flagsOf(c), func(f *kong.Flag) bool { return f.Name == flag }) {
			names = append(names, c.Path())
		}
	}
	return names
}

// Flag is a flag of a command, a setting or not.
type Flag struct {
	Name, Help string
	Commands   []string // the one that has it
	Split      bool     // it takes a value with commas for several
}

// Flags returns the flags of every command. It is for tests.
func Flags(program any) (all []Flag, err error) {
	parser, err := newParser(program)
	if err != nil {
		return nil, err
	}
	for _, c := range parser.Model.Leaves(false) {
		for _, f := range flagsOf(c) {
			all = append(all, Flag{f.Name, f.Help, []string{c.Path()}, f.IsSlice() && f.Tag.Sep != -1})
		}
	}
	return all, nil
}
