// Package tomlfile reads files in TOML strictly. Its errors name the file, lines and keys, and
// show no value: files may have secrets.
package tomlfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"strings"

	"github.com/BurntSushi/toml"
)

// Read reads a file into v, a pointer to a struct or map. It fails if the file has a key that v
// has no place for.
func Read(path string, v any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return decode(path, text, v)
}

// ReadPrivate is Read for a file with secrets. It refuses a file that others can read: one of
// this user must have the mode 0600 or less, one of root 0640 or less, which is how systemd and
// Kubernetes hand secrets to a program. It accepts no file of anyone else.
func ReadPrivate(path string, v any) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = fmt.Errorf("%s is no regular file", path)
	}
	if err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // nothing is written
	if info, err = f.Stat(); err != nil {
		return err
	}
	if !private(info) {
		return fmt.Errorf("%s has mode %#o: it must belong to the user of this program, with mode 0600, or to root, with mode 0640 at most",
			path, info.Mode().Perm())
	}
	text, err := io.ReadAll(f)
	if err != nil {
		return err
	}
	return decode(path, text, v)
}

// Completer is a document that decodes a part of itself, a toml.Primitive, after the rest.
type Completer interface {
	Complete(md *toml.MetaData) error
}

func decode(path string, text []byte, v any) error {
	md, err := toml.Decode(string(text), v)
	if err == nil {
		err = checkMaps(&md, v)
	}
	if c, ok := v.(Completer); ok && err == nil {
		err = c.Complete(&md)
	}
	if err != nil {
		return fmt.Errorf("%s: %w", path, explain(err))
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		names := make([]string, 0, len(unknown))
		for _, k := range unknown {
			names = append(names, k.String())
		}
		return fmt.Errorf("%s: unknown: %s", path, strings.Join(names, ", "))
	}
	return nil
}

// wrongType is the error of a key whose value has another type than its field.
type wrongType string

func (w wrongType) Error() string { return string(w) + " has a value of the wrong type" }

// checkMaps returns an error if a field that is a map got another value, which package toml
// leaves out in silence.
func checkMaps(md *toml.MetaData, v any) error {
	t := reflect.TypeOf(v).Elem()
	if t.Kind() != reflect.Struct {
		return nil
	}
	for f := range t.Fields() {
		name := strings.ToLower(f.Name)
		if got := md.Type(name); f.Type.Kind() == reflect.Map && got != "" && got != "Hash" {
			return wrongType(name)
		}
	}
	return nil
}

var lastKey = regexp.MustCompile(`^toml: .*?\(last key "([^"]*)"\)`)

// explain returns an error of package toml without what the file says.
func explain(err error) error {
	if parse, ok := errors.AsType[toml.ParseError](err); ok {
		return fmt.Errorf("line %d: not valid TOML", parse.Position.Line)
	}
	if key := lastKey.FindStringSubmatch(err.Error()); key != nil {
		return wrongType(key[1])
	}
	if strings.HasPrefix(err.Error(), "toml:") {
		return errors.New("not valid TOML")
	}
	return err // of ours
}
