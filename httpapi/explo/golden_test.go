package explo_test

import (
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestGolden replays the exchanges of testdata on every backend.
func TestGolden(t *testing.T) {
	t.Parallel()
	apitest.Replay(t, func(tb testing.TB, w *apitest.World) http.Handler {
		tb.Helper()
		return newHandler(tb, w, within(httpapi.Options{MaxBody: 1024}))
	})
}
