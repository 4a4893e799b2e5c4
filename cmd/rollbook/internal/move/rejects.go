package move

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
)

// maxNamed is how many rejected rows are named on the standard error.
const maxNamed = 100

// rejects is the file of the rows that were rejected.
type rejects struct {
	file  *os.File // nil: none
	named int
}

// openRejects opens the file, and empties it unless an import goes on. It must not be one of the
// inputs, or of the files of the store.
func openRejects(path string, goesOn bool, in inputs, of *backend.Registry) (*rejects, error) {
	if path == "" {
		return new(rejects), nil
	}
	if info, err := os.Stat(path); err == nil {
		for _, other := range in {
			if other.is(info) {
				return nil, cli.Exit(cli.Usage, errors.New("-rejects: is one of the files to import"))
			}
		}
		database, _ := of.Store.File()
		ring, _ := of.Keyring.File(&of.Store)
		for _, name := range []string{database, ring} {
			if own, err := os.Stat(name); err == nil && os.SameFile(own, info) {
				return nil, cli.Exit(cli.Usage, errors.New("-rejects: is a file of the store"))
			}
		}
	}
	flag := os.O_WRONLY | os.O_CREATE | os.O_TRUNC
	if goesOn {
		flag = os.O_WRONLY | os.O_CREATE | os.O_APPEND
	}
	file, err := os.OpenFile(path, flag, 0o600)
	if err != nil {
		return nil, cli.Exit(cli.Usage, fmt.Errorf("-rejects: %w", err))
	}
	return &rejects{file: file}, nil
}

// begin writes a first line if there is none.
func (r *rejects) begin(header string) error {
	if r.file == nil {
		return nil
	}
	if info, err := r.file.Stat(); err != nil || info.Size() > 0 {
		return err
	}
	return r.write(header)
}

func (r *rejects) write(lines ...string) error {
	if r.file == nil {
		return nil
	}
	_, err := r.file.WriteString(strings.Join(lines, "\n") + "\n")
	return err
}

func (r *rejects) close() error {
	if r.file == nil {
		return nil
	}
	return errors.Join(r.file.Sync(), r.file.Close())
}

// named names a rejected row.
func (i *importing) named(file, at, reason string) {
	note := struct {
		Rejected string `json:"rejected"`
		File     string `json:"file,omitempty"`
		Error    string `json:"error"`
	}{at, file, reason}
	line := fmt.Sprintf("rejected: %s: %s", strings.TrimSpace(file+" "+at), reason)
	if i.rejects.named++; i.rejects.named == maxNamed {
		note.Error = "further rows are only in the file of -rejects"
		line = "rejected: " + note.Error
	}
	if i.rejects.named <= maxNamed {
		i.progress.Note(note, line)
	}
}

// archiveRejects gets the rejected rows of an archive, each behind a line that says why.
type archiveRejects struct {
	i    *importing
	file string
	part []byte // of a line
}

// Write implements io.Writer.
func (w *archiveRejects) Write(p []byte) (int, error) {
	w.part = append(w.part, p...)
	for {
		line, rest, whole := bytes.Cut(w.part, []byte("\n"))
		if !whole {
			break
		}
		var note struct {
			Type  string `json:"type"`
			Line  int    `json:"line"`
			Error string `json:"error"`
		}
		if bytes.HasPrefix(line, []byte(`{"type":"rejected"`)) && json.Unmarshal(line, &note) == nil {
			w.i.named(w.file, fmt.Sprintf("line %d", note.Line), note.Error)
		}
		w.part = rest
	}
	if w.i.rejects.file == nil {
		return len(p), nil
	}
	return w.i.rejects.file.Write(p)
}
