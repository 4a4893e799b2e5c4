package config

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/alecthomas/kong"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tomlfile"
)

// sources are where settings come from that the arguments do not have: the environment, and
// after it the file of -config. They are a kong.Resolver.
type sources struct {
	settings map[string]Setting // by name
	environ  map[string]string  // by variable
	file     map[string]any     // by name; nil until it is read
	used     map[string]string  // where the value of a setting came from, by its name
}

// newSources returns an error if the environment has a variable that is no setting.
func newSources(settings []Setting, environ []string) (_ *sources, unknown error) {
	s := &sources{settings: make(map[string]Setting), environ: make(map[string]string), used: make(map[string]string)}
	variables := make(map[string]bool)
	for _, set := range settings {
		s.settings[set.Name] = set
		variables[set.Variable], variables[set.Variable+fileSuffix] = true, true
	}
	for _, line := range environ {
		name, value, _ := strings.Cut(line, "=")
		switch {
		case !strings.HasPrefix(name, prefix), value == "":
		case variables[name]:
			s.environ[name] = value
		case !others.MatchString(name):
			unknown = fmt.Errorf("%s in the environment: there is no such setting", name)
		}
	}
	return s, unknown
}

// others matches the variables with our prefix that others make: the tests of this repository,
// and Kubernetes, which tells every pod of a service named rollbook its addresses.
var others = regexp.MustCompile(`^ROLLBOOK_(TESTS?(_|$)|([A-Z0-9_]+_)?(SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)|PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$)`)

func (s *sources) bind(parser *kong.Kong) {
	_ = kong.Resolvers(s).Apply(parser) // it has no way to fail
}

// Validate implements kong.Resolver.
func (s *sources) Validate(*kong.Application) error { return nil }

// Resolve implements kong.Resolver: it returns the value of a flag that is not among the
// arguments, or nil for its default.
func (s *sources) Resolve(ctx *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	set, ok := s.settings[flag.Name]
	if !ok {
		return nil, nil //nolint:nilnil // not a setting
	}
	text, from, err := s.variable(set)
	if err != nil {
		return nil, err
	}
	if from != "" {
		s.used[set.Name] = from
		if !set.List {
			return text, nil
		}
		return lines(text), nil
	}
	if set.NoFile {
		return nil, nil //nolint:nilnil // the default
	}
	path, err := s.readFile(ctx)
	if err != nil {
		return nil, err
	}
	value, ok := s.file[set.Name]
	if !ok {
		return nil, nil //nolint:nilnil // the default
	}
	s.used[set.Name] = path
	return typed(set, value)
}

// variable returns the value that the environment has for a setting, and where; "" for none.
func (s *sources) variable(set Setting) (text, from string, err error) {
	text, direct := s.environ[set.Variable]
	path, inFile := s.environ[set.Variable+fileSuffix]
	switch {
	case direct && inFile:
		return "", "", fmt.Errorf("%s and %s%s: only one can be given", set.Variable, set.Variable, fileSuffix)
	case direct:
		return text, set.Variable, nil
	case inFile && set.Path: // whoever writes ROLLBOOK_TLS_KEY_FILE means the file of the key
		return path, set.Variable + fileSuffix, nil
	case inFile:
		text, err := readValue(path, set.List)
		if err != nil {
			return "", "", fmt.Errorf("%s%s: %w", set.Variable, fileSuffix, err)
		}
		return text, set.Variable + fileSuffix, nil
	}
	return "", "", nil
}

// readValue reads the value of a setting.
func readValue(path string, list bool) (string, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimSpace(string(b))
	if !list && strings.ContainsFunc(text, unicode.IsControl) { // another file, which an error must not show
		return "", fmt.Errorf("%s must have the value alone, on one line", path)
	}
	return text, nil
}

// lines returns the values of a setting that may have several: one a line.
func lines(text string) []any {
	values := []any{}
	for line := range strings.Lines(text) {
		if line = strings.TrimRight(line, "\r\n"); line != "" {
			values = append(values, line)
		}
	}
	return values
}

// readFile reads the file of -config once, and returns its path.
func (s *sources) readFile(ctx *kong.Context) (string, error) {
	path := ""
	for _, p := range ctx.Path {
		if p.Flag != nil && p.Flag.Name == "config" {
			path, _ = ctx.FlagValue(p.Flag).(string)
		}
	}
	if path == "" {
		var err error
		if path, _, err = s.variable(s.settings["config"]); err != nil {
			return "", err
		}
	}
	if path == "" || s.file != nil {
		return path, nil
	}
	s.file = make(map[string]any)
	if err := tomlfile.Read(path, &s.file); err != nil {
		return path, fileError{err}
	}
	for _, name := range slices.Sorted(maps.Keys(s.file)) {
		set, ok := s.settings[name]
		if !ok || set.NoFile {
			return path, fileError{fmt.Errorf("%s: %s: there is no such setting", path, name)}
		}
		if set.Secret {
			if err := tomlfile.ReadPrivate(path, new(map[string]any)); err != nil {
				return path, fileError{fmt.Errorf("%s is secret: %w", name, err)}
			}
		}
	}
	return path, nil
}

// fileError is an error of the file of -config as a whole.
type fileError struct{ error }

// typed returns a value of the file in the form that kong takes.
func typed(set Setting, value any) (any, error) {
	if !set.List {
		if _, ok := value.([]any); ok {
			return nil, errors.New("it has one value, not a list")
		}
		return scalar(value)
	}
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	texts := []any{}
	for _, v := range list {
		text, err := scalar(v)
		if err != nil {
			return nil, err
		}
		texts = append(texts, text)
	}
	return texts, nil
}

func scalar(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64), nil
	case bool:
		return strconv.FormatBool(v), nil
	}
	return "", errors.New("it must be a string, a number, true or false")
}

// noValue matches kong's errors of a flag without a value, or with one that looks like a flag
// and may be secret.
var noValue = regexp.MustCompile(`^(-[a-z-]+): (?:missing value|expected \w+ value but got .*\((?:<EOL>|long flag|short flag)\))`)

// usage matches kong's errors of a call without a command, or with words that there are not.
var usage = regexp.MustCompile(`^(?:expected |unexpected argument|unknown flag|missing flags)`)

// seeHelp says where the words are that a call can have.
func seeHelp(err error) string {
	command := ""
	if parse, ok := errors.AsType[*kong.ParseError](err); ok {
		for _, p := range parse.Context.Path {
			if p.Command != nil {
				command = p.Command.Path() + " "
			}
		}
	}
	return fmt.Sprintf("; see rollbook %s-help", command)
}

// explain returns an error of kong in our words: with flags of one dash, with where the value
// came from, and without values that may be secret.
func (s *sources) explain(err error) error {
	if whole, ok := errors.AsType[fileError](err); ok {
		return fmt.Errorf("-config: %w", whole.error)
	}
	text := undoubled(err.Error())
	if parse, ok := errors.AsType[*kong.ParseError](err); ok && len(parse.Context.Path) > 1 {
		if selected := parse.Context.Selected(); selected != nil && len(selected.Children) == 0 && strings.HasPrefix(text, "unexpected argument") {
			return fmt.Errorf("unexpected argument behind %s and its flags", selected.Path())
		}
	}
	if missing := noValue.FindStringSubmatch(text); missing != nil {
		return fmt.Errorf("%s: its value is missing; one that begins with a dash is written %s=VALUE", missing[1], missing[1])
	}
	if usage.MatchString(text) {
		return errors.New(text + seeHelp(err))
	}
	name, _, _ := strings.Cut(strings.TrimPrefix(text, "-"), " ")
	name, _, _ = strings.Cut(strings.TrimSuffix(name, ":"), "=")
	if from := s.used[name]; from != "" {
		text += " (from " + from + ")"
	}
	return errors.New(text)
}
