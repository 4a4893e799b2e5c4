package console_test

import (
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rollbook-go/rollbook/httpapi/console"
	"github.com/rollbook-go/rollbook/store/memory"
)

// A panic of the host ends the page, and with it its turn.
func TestOverviewAfterPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		broken := true
		d := newDesk(t, memory.New(nil), &console.Options{OverviewFor: time.Second, Store: func() console.StoreInfo {
			if broken {
				panic("the host's own") //nolint:forbidigo // what the test asks for
			}
			return console.StoreInfo{Backend: "memory"}
		}})
		v := &visitor{t, d}
		for range 3 {
			v.want("the host panics", v.get("/"), http.StatusInternalServerError)
		}
		broken = false
		if s := v.get("/"); s.status != http.StatusOK || strings.Contains(s.body, "Other pages still wait") {
			t.Errorf("status %d; the pages that ended still have their turn", s.status)
		}
	})
}
