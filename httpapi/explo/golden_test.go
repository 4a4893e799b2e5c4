package explo_test

import (
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/explo"
	"github.com/rollbook-go/rollbook/internal/golden"
)

func TestGolden(t *testing.T) {
	t.Parallel()
	golden.Replay(t, func(tb testing.TB, w *golden.World) http.Handler {
		tb.Helper()
		h, err := explo.New(w.Users, w.Auth, within(httpapi.Options{MaxBody: 1024}))
		if err != nil {
			tb.Fatal(err)
		}
		return h
	})
}
