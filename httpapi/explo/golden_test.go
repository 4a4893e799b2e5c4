package explo_test

import (
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

func TestGolden(t *testing.T) {
	t.Parallel()
	apitest.Replay(t, func(tb testing.TB, w *apitest.World) http.Handler {
		tb.Helper()
		h, err := explo.New(w.Users, w.Auth, within(httpapi.Options{MaxBody: 1024}))
		if err != nil {
			tb.Fatal(err)
		}
		return h
	})
}
