//go:build !unix || aix || solaris

package keyfile_test

import (
	"errors"
	"path/filepath"
	"testing"

	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

func TestUnsupported(t *testing.T) {
	k, err := keyfile.Open(t.Context(), filepath.Join(t.TempDir(), "rollbook.keys"), nil)
	if k != nil || !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("Open: %v, %v; want ErrUnsupported", k, err)
	}
}
