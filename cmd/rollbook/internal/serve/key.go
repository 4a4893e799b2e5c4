package serve

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
)

// keyFile keeps the key that the server makes for itself.
const keyFile = "rollbook.key"

// ownKey returns the key in the file. If there is no file it makes one that only its owner
// may read.
func ownKey(path string) (string, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		text, err := os.ReadFile(path)
		if err != nil {
			return "", err
		}
		key := strings.TrimSpace(string(text))
		if key == "" {
			return "", fmt.Errorf("%s is empty: delete it", path)
		}
		return key, nil
	}
	if err != nil {
		return "", err
	}
	key := "rbk_" + rand.Text()
	_, err = f.WriteString(key + "\n")
	return key, errors.Join(err, f.Sync(), f.Close())
}
