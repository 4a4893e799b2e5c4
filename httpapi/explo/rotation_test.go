package explo_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
	"github.com/rollbook-go/rollbook/internal/testing/atonce"
	"github.com/rollbook-go/rollbook/store"
)

// atOnce sends a request several times at the same time.
func (s *server) atOnce(t *testing.T, n int, method, path, body string) []answer {
	t.Helper()
	return atonce.Collect(n, func(int) answer { return s.do(t, method, path, body) })
}

func (s *server) authenticates(t *testing.T, token string) bool {
	t.Helper()
	_, err := s.Users.Tenant("acme").Groups().Authenticate(t.Context(), token)
	if err != nil && !errors.Is(err, enduser.ErrNotFound) {
		t.Fatal(err)
	}
	return err == nil
}

// TestConcurrentRotations: of several with one token exactly one wins, for the others the
// token names no group, and only the winner's token is accepted.
func TestConcurrentRotations(t *testing.T) {
	t.Parallel()
	apitest.Backends(t, func(t *testing.T, open func(testing.TB) store.Store) {
		for _, overlap := range []time.Duration{0, time.Hour} {
			for _, n := range []int{2, 16} {
				t.Run(fmt.Sprintf("%d with overlap %v", n, overlap), func(t *testing.T) {
					s := newServer(t, open(t), &explo.Options{Overlap: overlap})
					old := s.create(t, "a")
					for round := range 4 {
						path := []string{"/api/user", "/api/refresh_user_group_token/"}[round%2]
						var won []group
						for _, a := range s.atOnce(t, n, "POST", path, `{"current_token":"`+old.Token+`"}`) {
							if a.Status == 200 {
								won = append(won, a.group(t))
								continue
							}
							a.wantCode(t, 404, "not-found")
						}
						if len(won) != 1 {
							t.Fatalf("%d of %d rotations of one token won", len(won), n)
						}
						if won[0].Token == old.Token || won[0].TeamID != old.TeamID || won[0].ProvidedID != "a" {
							t.Errorf("%+v was rotated to %+v", old, won[0])
						}
						if !s.authenticates(t, won[0].Token) || s.authenticates(t, old.Token) != (overlap > 0) {
							t.Error("the new token is not accepted, or the old one is not treated as the overlap says")
						}
						old = won[0]
					}
				})
			}
		}
	})
}

// TestConcurrentCreates: of several with one ID exactly one makes the group, and all
// show it.
func TestConcurrentCreates(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		for round := range 8 {
			made, shown := 0, map[string]bool{}
			for _, a := range s.atOnce(t, 16, "GET", "/api/user", fmt.Sprintf(`{"user_group_id":"group-%d"}`, round)) {
				g := a.group(t)
				if *a.reply(t).New {
					made++
				}
				shown[fmt.Sprintf("%d %s", g.TeamID, g.Token)] = true
			}
			if made != 1 || len(shown) != 1 {
				t.Errorf("%d groups were made, and %d shown", made, len(shown))
			}
		}
	})
}

// TestRotationBesideUpdates: updates do not make a rotation fail, and lose nothing by it.
func TestRotationBesideUpdates(t *testing.T) {
	t.Parallel()
	onBackends(t, func(t *testing.T, s *server) {
		g := s.create(t, "a")
		var wg sync.WaitGroup
		wg.Go(func() {
			for i := range 10 {
				if a := s.do(t, "PUT", "/api/user", fmt.Sprintf(`{"user_group_id":"a","properties":{"n":%d}}`, i)); a.Status != 200 {
					t.Errorf("an update got %d: %s", a.Status, a.Body)
				}
			}
		})
		wg.Go(func() {
			token := g.Token
			for range 10 {
				a := s.rotate(t, token)
				if a.Status != 200 {
					t.Errorf("a rotation got %d: %s", a.Status, a.Body)
					return
				}
				token = a.reply(t).Group.Token
			}
		})
		wg.Wait()
		got := s.get(t, "a").group(t)
		if string(got.Properties) != `{"n":9}` || string(got.Mapping) != string(g.Mapping) || !s.authenticates(t, got.Token) {
			t.Errorf("got %+v", got)
		}
	})
}

// TestOverlap: a token that was rotated out is accepted as long as the Option says,
// but no route takes it for the current one.
func TestOverlap(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, &explo.Options{Overlap: time.Hour})
	first := s.create(t, "a").Token
	second := s.rotate(t, first).group(t).Token
	s.Clock.Advance(30 * time.Minute)
	third := s.rotate(t, second).group(t).Token
	for _, token := range []string{first, second} {
		s.rotate(t, token).wantCode(t, 404, "not-found")
		s.do(t, "DELETE", "/api/user", `{"current_token":"`+token+`"}`).wantCode(t, 404, "not-found")
		if !s.authenticates(t, token) {
			t.Error("a token in its overlap is refused")
		}
	}
	s.Clock.Advance(30 * time.Minute)
	if s.authenticates(t, first) || !s.authenticates(t, second) || !s.authenticates(t, third) {
		t.Error("an hour later the first token alone must be refused")
	}
	s.do(t, "DELETE", "/api/user", `{"current_token":"`+third+`"}`).want(t, 200)
	if s.authenticates(t, second) || s.authenticates(t, third) {
		t.Error("a token outlives its group")
	}
}

// TestTokens: without an overlap a token is refused once its successor is shown, and no
// two tokens are the same.
func TestTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, nil)
	seen := map[string]bool{}
	for i := range 8 {
		token := s.create(t, fmt.Sprintf("group-%d", i)).Token
		for range 8 {
			if len(token) != 64 || seen[token] || !s.authenticates(t, token) {
				t.Fatalf("token of %d characters, seen before: %v", len(token), seen[token])
			}
			seen[token] = true
			next := s.rotate(t, token).group(t).Token
			if s.authenticates(t, token) {
				t.Fatal("the old token is accepted")
			}
			token = next
		}
	}
}
