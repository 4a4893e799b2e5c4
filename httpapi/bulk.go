package httpapi

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
	"github.com/rollbook-go/rollbook/internal/ndjson"
)

// maxRows is how many rows a bulk request may have.
const maxRows = 10_000

// refusePreconditions is the Before of routes that are about many users: to ignore a condition
// would write or show what the client does not want.
func refusePreconditions(c *call) error {
	if p := c.Preconditions(); p.IfMatch.Given || p.IfNoneMatch.Given {
		return rest.BadRequest("unsupported-precondition", "This route is about many users, and takes neither If-Match nor If-None-Match.")
	}
	return nil
}

// bulk writes the users of many rows. All rows are read and counted before the first is written.
func (a *api) bulk(c *call) error {
	q, err := c.Query()
	if err != nil {
		return err
	}
	is := func(name string) bool { return q.OneOf(name, "false", "true") == "true" }
	importing := is("import")
	opts := &enduser.BulkOptions{DryRun: is("dry_run"), Atomic: is("atomic")}
	if err := q.Strict(); err != nil {
		return err
	}
	if importing {
		if err := a.Allow(c, "importEndUsers", true); err != nil {
			return err
		}
	}
	lines, isArray, err := a.countRows(c)
	if err == nil {
		err = a.AllowRows(c, len(lines))
	}
	if err != nil {
		return err
	}
	ctx, end := context.WithTimeout(c.Request.Context(), a.BulkFor)
	defer end()
	out := newBulkAnswer(a, c, lines, isArray)
	for result, err := range a.Tenant(c).ImportAll(ctx, a.imports(c, importing), opts) {
		if err = out.add(&result, err); err != nil {
			return err
		}
	}
	return out.end()
}

// countRows returns on which line each row begins, and whether the rows are an array.
func (a *api) countRows(c *call) (lines []int32, isArray bool, err error) {
	r := a.rows(c)
	for row := range r.Rows() {
		if len(lines) == maxRows {
			return nil, false, rest.TooManyRows(maxRows)
		}
		lines = append(lines, int32(min(row.Line, 1<<31-1))) //nolint:gosec // a body has fewer lines
	}
	err = r.Err()
	if err == nil && len(lines) == 0 && !r.Array() && isJSON(c.Request.Header) {
		err = errors.New("there is nothing")
	}
	if err != nil {
		return nil, false, rest.BadRequest("malformed-json", "The body has no rows of JSON: "+err.Error()+".")
	}
	return lines, r.Array(), nil
}

// isJSON reports whether a body says that it is one JSON value.
func isJSON(h http.Header) bool { return rest.MediaType(h) == "application/json" }

// rows returns a reader of the rows of a body. A row may be as long as a body of one user.
func (a *api) rows(c *call) *ndjson.Reader { return ndjson.NewReader(c.Rows(), int(a.MaxBody)) }

// imports returns the users of the rows.
func (a *api) imports(c *call, importing bool) iter.Seq[enduser.Import] {
	return func(yield func(enduser.Import) bool) {
		for row := range a.rows(c).Rows() {
			if !yield(a.readRow(c, &row, importing)) {
				return
			}
		}
	}
}

// bulkAnswer is the answer to a bulk request. It is sent while it is made.
type bulkAnswer struct {
	*rest.Long[family.Principal]
	problems

	lines   []int32 // of all rows
	isArray bool
	rows    int // that are answered
}

func newBulkAnswer(a *api, c *call, lines []int32, isArray bool) *bulkAnswer {
	media := "application/x-ndjson"
	if isArray {
		media = "application/json"
	}
	return &bulkAnswer{Long: c.Long(media), problems: problems{api: a, call: c}, lines: lines, isArray: isArray}
}

// add adds the result of a row. An error that is not about the row alone is that of the request
// if it has no answer yet, and otherwise of all rows that are left. It returns an error if there
// is nothing more to do.
func (o *bulkAnswer) add(result *enduser.BulkResult, err error) error {
	p := o.problem(err)
	if err != nil && !result.Answered {
		p = unanswered(p, err)
		if o.rows == 0 {
			return p
		}
	}
	return o.row(result, p)
}

// unanswered returns the problem of the first row that has no answer, given the one that its
// error would have by itself.
func unanswered(p *rest.Problem, err error) *rest.Problem {
	said := *p
	if errors.Is(err, context.DeadlineExceeded) {
		said = *rest.Unavailable("unanswered", "").Because(err)
	}
	if said.Status == http.StatusServiceUnavailable {
		said.Detail = "The request ended before this row had an answer. It may be written or not, and so may those after it. Send them again."
	}
	return &said
}

func (o *bulkAnswer) row(result *enduser.BulkResult, p *rest.Problem) error {
	line := int(o.lines[result.Row])
	o.rows++
	return o.Add(func(b []byte) []byte {
		switch {
		case !o.isArray:
		case o.rows == 1:
			b = append(b, '[')
		default:
			b = append(b, ',')
		}
		b = appendResult(b, result, line, p)
		if !o.isArray {
			b = append(b, '\n')
		}
		return b
	})
}

// end answers the rows that have no answer, and ends the answer.
func (o *bulkAnswer) end() error {
	o.log()
	for p := unanswered(rest.Unavailable("unanswered", ""), nil); o.rows < len(o.lines); {
		if err := o.row(&enduser.BulkResult{Row: o.rows}, p); err != nil {
			return err
		}
	}
	if o.isArray {
		if err := o.Add(func(b []byte) []byte {
			if o.rows == 0 {
				b = append(b, '[')
			}
			return append(b, ']')
		}); err != nil {
			return err
		}
	}
	return o.End()
}

// problems are those of parts of an answer, such as rows.
type problems struct {
	api  *api
	call *call

	holders map[string]bool // by kind: whether the credential may see them
	failed  int             // parts that failed by the server's fault
	why     error           // the first of them
}

// maxRowFaults is how many faults of one row an answer names.
const maxRowFaults = 8

// problem returns the problem of a part, nil without an error.
func (s *problems) problem(err error) *rest.Problem {
	if err == nil {
		return nil
	}
	p := family.Explain(err)
	if p == nil {
		p = rest.Internal().Because(err)
	}
	if p.Status >= http.StatusInternalServerError {
		if s.failed++; s.why == nil {
			s.why = err
		}
	}
	said := *p
	said.Errors = said.Errors[:min(len(said.Errors), maxRowFaults)]
	if said.HolderID != "" && !s.showsHolder(said.Kind) {
		said.HolderID = ""
	}
	return &said
}

// showsHolder asks once for each kind whether the credential may see the holders of what is
// taken.
func (s *problems) showsHolder(kind string) bool {
	shows, known := s.holders[kind]
	if !known {
		if s.holders == nil {
			s.holders = make(map[string]bool)
		}
		shows = s.api.ShowsHolder(s.call, kind)
		s.holders[kind] = shows
	}
	return shows
}

// log writes one line about what failed by the server's fault.
func (s *problems) log() {
	if s.failed > 0 && s.call.Request.Context().Err() == nil {
		s.call.Log(slog.LevelError, "a part of a request failed", slog.Int("parts", s.failed), slog.Any("error", s.why))
	}
}
