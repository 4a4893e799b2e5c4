// Package tomlfile reads files in TOML strictly. Its errors name the file, lines and keys, and
// show no value: files may have secrets.
package tomlfile

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/BurntSushi/toml"
)

// Read reads a file into v, a pointer to a struct or map. It fails if the file has a key that v
// has no place for.
func Read(path string, v any) error {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	return decode(path, text, v)
}

// ReadPrivate is Read for a file with secrets. It refuses a file that others can read or
// replace: it must have the mode 0600 or less. A file of root that its group can read, and
// this process cannot write, is what Kubernetes mounts, and accepted, too.
func ReadPrivate(path string, v any) error {
	f, err := os.Open(path) //nolint:gosec // the operator names the file
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // nothing is written
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s: not a file", path)
	}
	if !private(info) {
		return fmt.Errorf("%s: others can read it: it has mode %#o and must have 0600", path, info.Mode().Perm())
	}
	text := make([]byte, info.Size())
	if _, err := f.ReadAt(text, 0); err != nil && len(text) > 0 {
		return err
	}
	return decode(path, text, v)
}

func decode(path string, text []byte, v any) error {
	md, err := toml.Decode(string(text), v)
	if err != nil {
		return fmt.Errorf("%s: %w", path, explain(err))
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("%s: %w", path, unknownKeys(unknown))
	}
	return nil
}

// explain returns an error of package toml without the text of the file.
func explain(err error) error {
	parse, ok := errors.AsType[toml.ParseError](err)
	if !ok {
		return errors.New("not valid TOML")
	}
	what := "not valid TOML"
	if strings.HasPrefix(parse.Message, "incompatible types") || strings.HasPrefix(parse.Message, "type mismatch") {
		what = fmt.Sprintf("%s has a value of the wrong type", parse.LastKey)
	}
	return fmt.Errorf("line %d: %s", parse.Position.Line, what)
}

func unknownKeys(keys []toml.Key) error {
	names := make([]string, 0, len(keys))
	for _, k := range keys {
		names = append(names, k.String())
	}
	return fmt.Errorf("unknown: %s", strings.Join(names, ", "))
}
