package httpapi_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

func (s *server) listGroups(tb testing.TB, query string) groupPage {
	tb.Helper()
	a := s.do(tb, "GET", "/v1/groups?"+query, "")
	if strings.Contains(a.Body, `"token"`) {
		tb.Errorf("a list shows tokens: %s", a.Body)
	}
	return readPage[group](tb, a)
}

func TestListGroups(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		if p := s.listGroups(t, ""); len(p.Data) != 0 || p.Paging.HasMore || p.Paging.HasPrevious {
			t.Errorf("the list of nothing is %+v", p)
		}
		var all []string
		for i := range 7 {
			all = append(all, fmt.Sprintf("G%d", i))
			s.createGroup(t, fmt.Sprintf(`{"external_id":"G%d"}`, i))
			s.create(t, `{"groups":["G1"]}`) // noise
			s.createGroup(t, fmt.Sprintf(`{"external_id":"noise%d"}`, i), as(apitest.Other))
		}
		for _, order := range []string{"asc", "desc"} {
			for _, limit := range []int{1, 3, 6, 7, 200} {
				query := fmt.Sprintf("order=%s&limit=%d", order, limit)
				walk(t, query, all, func(query string) groupPage { return s.listGroups(t, query) })
			}
		}
		for query, want := range map[string][]string{
			"external_id=g3":                    {},
			"external_id=G3&limit=1&order=desc": {"G3"},
			"external_id=noise1":                {},
			"external_id=G":                     {},
			"external_id=&limit=2":              {"G0", "G1"},
		} {
			p := s.listGroups(t, query)
			if !slices.Equal(p.names(), want) {
				t.Errorf("%s: %v, want %v", query, p.names(), want)
			}
			if want := strings.Contains(query, "limit=2"); p.Paging.HasMore != want || p.Paging.HasPrevious {
				t.Errorf("%s: %+v", query, p.Paging)
			}
		}
		// A cursor is one of its list alone.
		cursor := *s.listGroups(t, "limit=1").Paging.Cursors.After
		users := *s.list(t, "limit=1").Paging.Cursors.After
		for _, query := range []string{"order=desc&after=" + cursor, "after=" + users, "before=x", "after=" + cursor + "A"} {
			s.do(t, "GET", "/v1/groups?"+query, "").wantCode(t, 400, "invalid-cursor")
		}
		s.do(t, "GET", "/v1/groups?after="+cursor, "", as(apitest.Other)).wantCode(t, 400, "invalid-cursor")
		s.do(t, "GET", "/v1/end-users?after="+cursor, "").wantCode(t, 400, "invalid-cursor")
	})
}

func TestHostileGroupQueries(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	for _, tt := range []struct{ query, parameter string }{
		{"limit=0", "limit"},
		{"limit=201", "limit"},
		{"limit=1&limit=1", "limit"},
		{"order=random", "order"},
		{"after=x&before=y", "before"},
		{"external_id=a&after=x", "external_id"},
		{"external_id=a&before=x", "external_id"},
		{"external_id=a&external_id=a", "external_id"},
		{"external_id=%00", "external_id"},
		{"external_id=%ff", "external_id"},
		{"external_id=" + strings.Repeat("a", 2000), "external_id"},
		{"name=a", "name"},
		{"token=a", "token"},
		{"Provided_id=a", "Provided_id"},
	} {
		p := s.do(t, "GET", "/v1/groups?"+tt.query, "").wantCode(t, 400, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Parameter != tt.parameter || p.Errors[0].Pointer != "" {
			t.Errorf("%.40s: %+v", tt.query, p.Errors)
		}
	}
	s.do(t, "GET", "/v1/groups?external_id=%zz", "").wantCode(t, 400, "malformed-query")
}
