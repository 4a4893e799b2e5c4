package httpapi_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
)

// accepts reports whether a token is accepted now, and is the group's.
func (s *server) accepts(tb testing.TB, g group, token string) bool {
	tb.Helper()
	found, err := s.users.Tenant("acme").Groups().Authenticate(tb.Context(), token)
	return err == nil && found.ID == g.ID
}

func TestRotate(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		g := s.createGroup(t, everyGroup)
		path := "/v1/groups/" + g.ID
		a := s.do(t, "POST", path+"/rotate", `{}`).want(t, 200)
		next := a.group(t)
		if next.ID != g.ID || next.Number != g.Number || next.Revision <= g.Revision || len(next.Token) != 64 || next.Token == g.Token {
			t.Errorf("rotated: %+v", next)
		}
		if a.Header.Get("ETag") != tagOf(next.Version) || a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("Location") != "" {
			t.Errorf("headers %v", a.Header)
		}
		if s.accepts(t, g, g.Token) || !s.accepts(t, g, next.Token) {
			t.Error("the old token is accepted, or the new one is not")
		}
		last := s.do(t, "POST", path+"/rotate", `{"current_token":"`+next.Token+`"}`).want(t, 200).group(t)

		other := s.createGroup(t, `{"external_id":"other"}`)
		stale := s.createGroup(t, `{"external_id":"stale"}`, as(apitest.Testing))
		for name, token := range map[string]string{
			"replaced": next.Token, "first": g.Token, "another group's": other.Token, "another environment's": stale.Token, "nobody's": "x",
			"other case": strings.ToUpper(last.Token), "the ID": g.ID, "the external ID": g.ExternalID,
		} {
			a := s.do(t, "POST", path+"/rotate", `{"current_token":"`+token+`"}`)
			if p := a.wantCode(t, 409, "stale-token"); p.HolderID != "" || strings.Contains(a.Body, token) && len(token) > 40 {
				t.Errorf("%s: %s", name, a.Body)
			}
			s.do(t, "POST", "/v1/groups/unknown/rotate", `{"current_token":"`+token+`"}`).wantCode(t, 404, "not-found")
			s.do(t, "POST", "/v1/groups/%00/rotate", `{"current_token":"`+token+`"}`).wantCode(t, 400, "invalid")
		}
		if !s.accepts(t, g, last.Token) || !s.accepts(t, other, other.Token) {
			t.Error("a refused rotation rotated")
		}
	})
}

func TestRotateIfMatch(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	g := s.createGroup(t, everyGroup)
	path := "/v1/groups/" + g.ID + "/rotate"
	old, current := with("If-Match", `"1000000"`), with("If-Match", tagOf(g.Version))
	for _, body := range []string{`{}`, `{"current_token":"` + g.Token + `"}`, `{"current_token":"x"}`} {
		s.do(t, "POST", path, body, old).wantCode(t, 412, "precondition-failed")
	}
	s.do(t, "POST", path, `{"current_token":"x"}`, current).wantCode(t, 409, "stale-token")
	next := s.do(t, "POST", path, `{"current_token":"`+g.Token+`"}`, current).want(t, 200).group(t)
	s.do(t, "POST", path, `{}`, current).wantCode(t, 412, "precondition-failed")
	s.do(t, "POST", path, `{}`, with("If-Match", "*")).want(t, 200)
	if s.accepts(t, g, next.Token) {
		t.Error("a token is accepted that was rotated out")
	}
}

// TestRotateOverlap: a token is accepted until the end of the overlap, and no
// longer.
func TestRotateOverlap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newServer(t, nil, nil)
		g := s.createGroup(t, everyGroup)
		path := "/v1/groups/" + g.ID + "/rotate"
		s.do(t, "POST", path, `{"overlap_seconds":60}`).want(t, 200)
		// A token in its overlap cannot rotate.
		s.do(t, "POST", path, `{"current_token":"`+g.Token+`"}`).wantCode(t, 409, "stale-token")
		time.Sleep(60*time.Second - time.Millisecond) //nolint:forbidigo // time of the bubble
		if !s.accepts(t, g, g.Token) {
			t.Error("the token is not accepted within the overlap")
		}
		time.Sleep(time.Millisecond) //nolint:forbidigo // time of the bubble
		if s.accepts(t, g, g.Token) {
			t.Error("the token is accepted at the end of the overlap")
		}
		month := s.do(t, "POST", path, `{"overlap_seconds":2592000}`).want(t, 200).group(t)
		if s.do(t, "POST", path, `{"overlap_seconds":0}`).want(t, 200); s.accepts(t, g, month.Token) {
			t.Error("a rotation without overlap left an old token")
		}
	})
}

// TestRotateAtOnce: of many requests that rotate one token, or one version, one succeeds.
func TestRotateAtOnce(t *testing.T) {
	t.Parallel()
	for name, lost := range map[string]int{"current_token": 409, "If-Match": 412} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onBackends(t, func(t *testing.T, s *server) {
				g := s.createGroup(t, everyGroup)
				body, option := `{"overlap_seconds":3600,"current_token":"`+g.Token+`"}`, with("X-None")
				if name == "If-Match" {
					body, option = `{"overlap_seconds":3600}`, with("If-Match", tagOf(g.Version))
				}
				answers := atonce.Collect(32, func(int) answer { return s.do(t, "POST", "/v1/groups/"+g.ID+"/rotate", body, option) })
				wins := 0
				for _, a := range answers {
					switch a.Status {
					case 200:
						wins++
						if token := a.group(t).Token; !s.accepts(t, g, token) {
							t.Error("the winner's token is not accepted")
						}
					case lost:
					default:
						t.Errorf("got %d: %s", a.Status, a.Body)
					}
				}
				if wins != 1 {
					t.Errorf("%d of them won", wins)
				}
			})
		})
	}
}

func TestHostileRotations(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	g := s.createGroup(t, everyGroup)
	for _, tt := range []struct{ body, pointer, violation string }{
		{`{"token":"x"}`, "/token", "unknown"},
		{`{"Current_token":"x"}`, "/Current_token", "unknown"},
		{`{"current_token":null}`, "/current_token", "invalid_type"},
		{`{"current_token":1}`, "/current_token", "invalid_type"},
		{`{"current_token":""}`, "/current_token", enduser.CodeRequired},
		{`{"current_token":"` + strings.Repeat("a", 257) + `"}`, "/current_token", enduser.CodeLength},
		{`{"current_token":"a b"}`, "/current_token", enduser.CodeCharacter},
		{`{"current_token":"\u0000"}`, "/current_token", enduser.CodeCharacter},
		{`{"current_token":"é"}`, "/current_token", enduser.CodeCharacter},
		{`{"overlap_seconds":-1}`, "/overlap_seconds", enduser.CodeValue},
		{`{"overlap_seconds":2592001}`, "/overlap_seconds", enduser.CodeValue},
		{`{"overlap_seconds":9223372036854775807}`, "/overlap_seconds", enduser.CodeValue},
		{`{"overlap_seconds":92233720368547758080}`, "/overlap_seconds", "invalid_type"},
		{`{"overlap_seconds":1.5}`, "/overlap_seconds", "invalid_type"},
		{`{"overlap_seconds":"60"}`, "/overlap_seconds", "invalid_type"},
		{`{"overlap_seconds":null}`, "/overlap_seconds", "invalid_type"},
	} {
		a := s.do(t, "POST", "/v1/groups/"+g.ID+"/rotate", tt.body)
		p := a.wantCode(t, 400, "invalid")
		if len(p.Errors) != 1 || p.Errors[0].Pointer != tt.pointer || p.Errors[0].Code != tt.violation {
			t.Errorf("%.60s: %+v", tt.body, p.Errors)
		}
		if strings.Contains(a.Body, g.Token) {
			t.Errorf("%.60s: the answer shows the token", tt.body)
		}
	}
	if !s.accepts(t, g, g.Token) {
		t.Error("a refused rotation rotated")
	}
}

// TestTokensAreShownOnce: only the answers to a create and to a rotation have a token.
func TestTokensAreShownOnce(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		g := s.createGroup(t, everyGroup)
		next := s.do(t, "POST", "/v1/groups/"+g.ID+"/rotate", `{"overlap_seconds":60}`).want(t, 200).group(t)
		u := s.create(t, `{"groups":["team-7"]}`)
		path := "/v1/groups/" + g.ID
		for _, r := range [][3]string{
			{"GET", "/v1/groups", ""},
			{"GET", "/v1/groups?external_id=team-7", ""},
			{"GET", path, ""},
			{"PATCH", path, `{}`},
			{"PATCH", path, `{"name":"x"}`},
			{"PATCH", path, `{"token":"` + next.Token + `"}`},
			{"POST", "/v1/groups", everyGroup},
			{"POST", path + "/rotate", `{"current_token":"` + g.Token + `"}`},
			{"POST", path + "/rotate", `{"current_token":"` + next.Token + `x"}`},
			{"POST", path + "/rotate", `{"current_token":"` + next.Token + `","overlap_seconds":-1}`},
			{"GET", "/v1/end-users/" + u.ID, ""},
			{"GET", "/v1/end-users", ""},
			{"GET", "/v1/changes", ""},
			{"DELETE", path, ""},
		} {
			a := s.do(t, r[0], r[1], r[2])
			for _, token := range []string{g.Token, next.Token} {
				if strings.Contains(a.Body, token) || strings.Contains(fmt.Sprint(a.Header), token) {
					t.Errorf("%s %s: %d shows a token: %s", r[0], r[1], a.Status, a.Body)
				}
			}
		}
	})
}
