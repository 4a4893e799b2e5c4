package vendors

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// pages is a Source: the pages of a route that lists.
type pages struct {
	format Format
	client *client
	turn   func(p *page) (string, error)
	path   string // path and query of the next page, "" behind the last
	total  int64
	err    error
}

// page is an answer of a route that lists.
type page struct {
	path string // path and query of its request
	body []byte
	rows int
	size int // rows of the first page that was read
}

// Err implements Source.
func (s *pages) Err() error { return s.err }

// Total implements Source.
func (s *pages) Total() int64 { return s.total }

// Rows implements Source.
func (s *pages) Rows(ctx context.Context) iter.Seq[Row] {
	return func(yield func(Row) bool) {
		size := 0
		for n := 1; s.path != ""; n++ {
			p := page{path: s.path, size: size}
			rows, err := s.read(ctx, &p)
			if s.err = err; err != nil {
				return
			}
			size = p.size
			for i := range rows {
				rows[i].At = fmt.Sprintf("page %d, row %d", n, i+1)
				if !yield(rows[i]) {
					return
				}
			}
		}
	}
}

// read reads a page. Afterwards s.path is that of the next.
func (s *pages) read(ctx context.Context, p *page) ([]Row, error) {
	body, err := s.client.get(ctx, p.path)
	if s.format == Explo && isStatus(err, http.StatusNotFound) && p.size > 0 {
		s.path = "" // no page behind the last
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	p.body = body
	if list, _ := member(body, s.format.envelopes()); list == nil {
		return nil, fmt.Errorf("the API of %s answered with something that is no list", s.format)
	}
	var rows []Row
	s.format.unwrap(body, 0, func(row []byte, _ int) bool {
		rows = append(rows, s.format.row(row))
		return true
	})
	if p.rows = len(rows); p.size == 0 {
		p.size = p.rows
	}
	next, err := s.turn(p)
	if err == nil && next == p.path {
		err = fmt.Errorf("the API of %s names the same page again as the next one", s.format)
	}
	if err != nil {
		return nil, err
	}
	var total struct {
		Count int64 `json:"total_count"`
	}
	_ = json.Unmarshal(body, &total) // it is JSON, and a count of another type is none
	s.total, s.path = total.Count, next
	for i := range rows {
		rows[i].Position = positionOf(s.format, p.path)
	}
	if next != "" && len(rows) > 0 {
		rows[len(rows)-1].Position = positionOf(s.format, next)
	}
	return rows, nil
}

const pagePosition = ":page:"

// positionOf returns the position of a page, in characters that mean nothing to a shell.
func positionOf(f Format, path string) string {
	return string(f) + pagePosition + url.QueryEscape(path)
}

// afterPage returns the path of the page to begin with.
func afterPage(f Format, first, after string) (string, error) {
	if after == "" {
		return first, nil
	}
	text, ok := strings.CutPrefix(after, string(f)+pagePosition)
	path, err := url.QueryUnescape(text)
	if !ok || err != nil || !strings.HasPrefix(path, "/") {
		return "", errPosition
	}
	return path, nil
}

// nextOfAda follows next_page_url. Only its query counts, so that the token goes nowhere else.
func nextOfAda(p *page) (string, error) {
	var answer struct {
		Meta struct {
			Next string `json:"next_page_url"`
		}
	}
	if err := json.Unmarshal(p.body, &answer); err != nil {
		return "", errors.New("the API of ada answered with another meta than it documents")
	}
	if answer.Meta.Next == "" {
		return "", nil
	}
	next, err := url.Parse(answer.Meta.Next)
	if err != nil || next.RawQuery == "" {
		return "", errors.New("the API of ada named a next page that is no address")
	}
	path, _, _ := strings.Cut(p.path, "?")
	return path + "?" + next.RawQuery, nil
}

const magickMindPath = "/v1/end-users?limit=100"

func nextOfMagickMind(p *page) (string, error) {
	var answer struct {
		Paging struct {
			Cursors struct{ After string }
			More    bool `json:"has_more"`
		}
	}
	if err := json.Unmarshal(p.body, &answer); err != nil {
		return "", errors.New("the API of magickmind answered with another paging than it documents")
	}
	if !answer.Paging.More || answer.Paging.Cursors.After == "" {
		return "", nil
	}
	return magickMindPath + "&cursor=" + url.QueryEscape(answer.Paging.Cursors.After), nil
}

func exploPath(page int) string {
	return "/v2/api/customers/?page=" + strconv.Itoa(page) + "&page_size=1000"
}

// nextOfExplo counts pages. The vendor says how many rows there are in all, and may make pages
// smaller than it was asked to.
func nextOfExplo(p *page) (string, error) {
	var answer struct {
		Total *int `json:"total_count"`
	}
	if err := json.Unmarshal(p.body, &answer); err != nil {
		return "", errors.New("the API of explo answered with another total_count than it documents")
	}
	at, err := url.Parse(p.path)
	if err != nil {
		return "", errPosition
	}
	n, err := strconv.Atoi(at.Query().Get("page"))
	if err != nil {
		return "", errPosition
	}
	if p.rows == 0 || answer.Total != nil && (n-1)*p.size+p.rows >= *answer.Total {
		return "", nil
	}
	return exploPath(n + 1), nil
}
