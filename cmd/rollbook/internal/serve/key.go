package serve

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// keyFile keeps the key that the server makes for itself.
const keyFile = "rollbook.key"

// ownKey returns the key in the file. If there is no file it makes one that only its owner
// may read. The file appears whole: another server may be starting in the same folder, and a
// disk may be full.
func ownKey(path string) (string, error) {
	key, err := readKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = "rbk_" + rand.Text()
	err = writeNew(path, key+"\n")
	if errors.Is(err, fs.ErrExist) {
		return readKey(path) // of the other server
	}
	return key, err
}

func readKey(path string) (string, error) {
	text, err := os.ReadFile(path)
	key := strings.TrimSpace(string(text))
	if err == nil && key == "" {
		err = fmt.Errorf("%s is empty: delete it", path)
	}
	return key, err
}

// writeNew makes a file that has the text as soon as it is there.
func writeNew(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".rollbook-*.key") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // it may have its name
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err = os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return os.Rename(f.Name(), path) // the file system has no links
	}
	return err
}
