package contract_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/go-chi/chi/v5"
	"github.com/labstack/echo/v4"
)

// TestHosts mounts the routes in routers under a prefix, as package httpapi documents. None of
// them strips the prefix by itself, not even chi's Mount.
func TestHosts(t *testing.T) {
	t.Parallel()
	gin.SetMode(gin.ReleaseMode)
	hosts := map[string]func(h http.Handler) http.Handler{
		"net/http": func(h http.Handler) http.Handler {
			mux := http.NewServeMux()
			mux.Handle("/registry/", http.StripPrefix("/registry", h))
			return mux
		},
		"chi": func(h http.Handler) http.Handler {
			router := chi.NewRouter()
			router.Mount("/registry", http.StripPrefix("/registry", h))
			return router
		},
		"echo": func(h http.Handler) http.Handler {
			e := echo.New()
			e.Any("/registry/*", echo.WrapHandler(http.StripPrefix("/registry", h)))
			return e
		},
		"gin": func(h http.Handler) http.Handler {
			g := gin.New()
			g.Any("/registry/*path", gin.WrapH(http.StripPrefix("/registry", h)))
			return g
		},
	}
	for name, host := range hosts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(host(newContract(t).handler))
			t.Cleanup(server.Close)
			do := func(method, path, body string, want int) (http.Header, string) {
				t.Helper()
				r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, strings.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				r.Header.Set("Authorization", "Bearer "+key)
				r.Header.Set("Content-Type", "application/json")
				response, err := server.Client().Do(r)
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(response.Body)
				_ = response.Body.Close()
				if err != nil || response.StatusCode != want {
					t.Fatalf("%s %s: got %d %s, %v; want %d", method, path, response.StatusCode, b, err, want)
				}
				return response.Header, string(b)
			}
			h, created := do("POST", "/registry/v1/end-users", `{"external_id":"a/b"}`, http.StatusCreated)
			location := h.Get("Location")
			if !strings.HasPrefix(location, "/registry/v1/end-users/") {
				t.Fatalf("Location %q", location)
			}
			if _, got := do("GET", location, "", http.StatusOK); got != created {
				t.Errorf("Location leads to %s", got)
			}
			do("POST", location+"/associate", "", http.StatusOK)
			do("PATCH", location, `{"name":"Ann"}`, http.StatusOK)
			_, put := do("PUT", "/registry/v1/end-users/by-external-id/a%2Fb", `{}`, http.StatusOK)
			var u struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			}
			if err := json.Unmarshal([]byte(put), &u); err != nil || "/registry/v1/end-users/"+u.ID != location || u.Name != "Ann" {
				t.Errorf("a slash in the external ID leads to %s, %v", put, err)
			}
			h, _ = do("PUT", "/registry/v1/end-users/by-external-id/c%2Fd", `{}`, http.StatusCreated)
			do("GET", h.Get("Location"), "", http.StatusOK)
			_, got := do("GET", "/registry/v1/end-users/by-external-id/a%2Fb", "", http.StatusOK)
			if err := json.Unmarshal([]byte(got), &u); err != nil || "/registry/v1/end-users/"+u.ID != location {
				t.Errorf("GET by external ID leads to %s, %v", got, err)
			}
			do("PATCH", "/registry/v1/end-users/by-external-id/a%2Fb", `{"name":"Bea"}`, http.StatusOK)
			do("DELETE", "/registry/v1/end-users/by-external-id/c%2Fd", "", http.StatusNoContent)
			do("PUT", "/registry/v1/sensitive/"+u.ID, `{"a":"b"}`, http.StatusNoContent)
			h, _ = do("POST", "/registry/v1/groups", `{"external_id":"a/b"}`, http.StatusCreated)
			do("POST", h.Get("Location")+"/rotate", `{}`, http.StatusOK)
			do("DELETE", h.Get("Location"), "", http.StatusNoContent)
			do("GET", "/registry/v1/changes", "", http.StatusOK)
			var document struct {
				Servers []struct {
					URL string `json:"url"`
				} `json:"servers"`
			}
			_, got = do("GET", "/registry/openapi.json", "", http.StatusOK)
			if err := json.Unmarshal([]byte(got), &document); err != nil || len(document.Servers) != 1 || document.Servers[0].URL != "/registry" {
				t.Errorf("the document's servers are %+v, %v", document.Servers, err)
			}
			var problem struct {
				Instance string `json:"instance"`
			}
			_, got = do("GET", "/registry/v1/un%C3%A9%2Fknown?x=y", "", http.StatusNotFound)
			if err := json.Unmarshal([]byte(got), &problem); err != nil || problem.Instance != "/registry/v1/un%C3%A9%2Fknown" {
				t.Errorf("the problem's instance is %q, %v", problem.Instance, err)
			}
			do("PUT", "/registry/v1/changes", "", http.StatusMethodNotAllowed)
			do("DELETE", location, "", http.StatusNoContent)
		})
	}
}

// TestMountWithoutStripPrefix: chi's Mount leaves the path of the request as it is, so
// that no route is found; the answer says so in the routes' own form.
func TestMountWithoutStripPrefix(t *testing.T) {
	t.Parallel()
	router := chi.NewRouter()
	router.Mount("/registry", newContract(t).handler)
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/registry/healthz", http.NoBody))
	if w.Code != http.StatusNotFound || w.Header().Get("Content-Type") != "application/problem+json" {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
