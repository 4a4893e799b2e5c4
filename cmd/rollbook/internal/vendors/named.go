package vendors

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// named is a Source: users that Sensay is asked for one by one.
type named struct {
	format Format
	client *client
	ids    io.Reader
	after  int // IDs that are not asked for again
	err    error
}

// Err implements Source.
func (s *named) Err() error { return s.err }

// Total implements Source. Who names the users does not say how many there are.
func (s *named) Total() int64 { return 0 }

// Rows implements Source.
func (s *named) Rows(ctx context.Context) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		lines := bufio.NewScanner(s.ids)
		line, n := 0, 0
		for lines.Scan() {
			line++
			id := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\ufeff"))
			if id == "" {
				continue
			}
			if n++; n <= s.after {
				continue
			}
			row, err := s.get(ctx, id)
			if s.err = err; err != nil {
				return
			}
			row.At, row.Position = "line "+strconv.Itoa(line), fmt.Sprintf("%s:row:%d", s.format, n)
			if !yield(row) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			s.err = fmt.Errorf("line %d: %w", line+1, err)
		}
	}
}

// get returns the user with an ID.
func (s *named) get(ctx context.Context, id string) (Row, error) {
	if id == "me" || id == "." || id == ".." {
		return Row{ID: id, Err: errors.New("no ID that a path can have")}, nil
	}
	body, err := s.client.get(ctx, "/v1/users/"+url.PathEscape(id))
	switch {
	case isStatus(err, http.StatusNotFound):
		return Row{ID: id, Err: fmt.Errorf("%s has no user with this ID", s.format)}, nil
	case isStatus(err, http.StatusBadRequest):
		return Row{ID: id, Err: fmt.Errorf("%s refuses this ID", s.format)}, nil
	case err != nil:
		return Row{}, err
	}
	row := s.format.row(body)
	row.ID = id
	return row, nil
}
