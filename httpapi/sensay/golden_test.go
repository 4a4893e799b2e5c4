package sensay_test

import (
	"net/http"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

// TestGolden replays the exchanges of testdata on every backend. The limit of
// bodies is one that a file can exceed.
func TestGolden(t *testing.T) {
	apitest.Replay(t, func(tb testing.TB, w *apitest.World) http.Handler {
		tb.Helper()
		return newHandler(tb, w, httpapi.Options{MaxBody: 2048})
	})
}
