package browser

import (
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
)

// What was typed while the session ended is sent again once somebody has signed in elsewhere and
// reloads the page.
func TestFormOutlivesSession(t *testing.T) {
	t.Parallel()
	w := memoryWorld(t)
	f := newTab(t, w.serve(), tabOptions{tolerant: true}) // the console tells of the 401
	signIn(f, fullKey)
	ann := w.user(annID)
	f.open("users/" + ann.ID + "/edit")
	f.fill("Language", "pt-BR")
	call(f, network.ClearBrowserCookies, cdp.Empty{})
	f.press("Save changes")
	f.until("it is not saved", func(p *page) bool { return p.status == 401 && p.shows("Nothing was done") })
	evaluate[any](f, `fetch("../../sign-in", {method: "POST", body: new URLSearchParams({key: `+quote(fullKey)+`})}).then(() => 0)`)
	f.wait("somebody is signed in", func() bool { return len(f.cookies()) > 0 })
	f.act("to reload", func() { call(f, cdppage.Reload, cdppage.ReloadParams{}) })
	f.until("it is saved", func(p *page) bool { return p.shows("The changes were saved") })
	if got := w.user(annID); got.Language != "pt-BR" {
		t.Errorf("the language is %q", got.Language)
	}
}
