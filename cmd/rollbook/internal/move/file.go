package move

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// newFile makes a file that only its owner can read, and lets fn write it. It has a temporary
// name until it is complete, so that there is never anything at path but the whole of it.
func newFile(path string, fn func(io.Writer) error) error {
	if _, err := os.Lstat(path); err == nil {
		return inTheWay(path)
	}
	f, err := os.CreateTemp(filepath.Dir(path), ".rollbook-*")
	if err != nil {
		return cli.Exit(cli.Usage, fmt.Errorf("-o: %w", err))
	}
	defer func() { _ = os.Remove(f.Name()) }() // it may have its name
	if err := errors.Join(fn(f), f.Sync(), f.Close()); err != nil {
		return err
	}
	switch err := os.Link(f.Name(), path); { // unlike Rename it replaces nothing
	case errors.Is(err, fs.ErrExist):
		return inTheWay(path)
	case err != nil: // not every file system has links
		return os.Rename(f.Name(), path)
	}
	return nil
}

func inTheWay(path string) error {
	return cli.Exit(cli.Refused, fmt.Errorf("there is a file %s", path))
}
