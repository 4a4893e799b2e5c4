package browser

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cdppage "github.com/chromedp/cdproto/page"

	"github.com/rollbook-go/rollbook/internal/testing/backends"
)

// Pictures of the screens are not compared: fonts differ between machines. To look at them:
//
//	go test -run TestLooks -args -out DIR
//
// With -update the two pictures of the documentation are taken anew.
var (
	out    = flag.String("out", "", "folder for pictures of all screens")
	update = flag.Bool("update", false, "take the pictures of the documentation anew")
)

const (
	docs   = "../../../docs"
	nobody = "https://billing.harbour.example/rollbook" // where no webhook leads to
)

// The documentation has its pictures, and -out writes those of all screens in both themes and on both
// sizes.
func TestLooks(t *testing.T) {
	t.Parallel()
	if *out != "" {
		for _, state := range states() {
			pictures(t, state.name, state.key, state.seed)
		}
	}
	w := newWorld(t, backends.Memory(t))
	w.billing = nobody
	w.seed(190)
	a := newTab(t, w.serve(), tabOptions{scripts: true})
	signIn(a, fullKey)
	for _, theme := range []string{"light", "dark"} {
		name := "console-" + theme + ".png"
		a.look(1280, 900, theme)
		a.open("")
		picture := a.shot(false)
		if len(picture) < 30_000 {
			t.Errorf("%s: a picture of %d bytes has nothing on it", name, len(picture))
		}
		if *update {
			write(t, docs, name, picture)
		}
		if _, err := os.Stat(filepath.Join(docs, name)); err != nil {
			t.Errorf("%v: make it with -args -update", err)
		}
	}
}

// pictures writes pictures of all screens of a state.
func pictures(t *testing.T, state, key string, seed func(*world) []screen) {
	t.Helper()
	w := newWorld(t, backends.Memory(t))
	w.billing = nobody
	all := seed(w)
	a := newTab(t, w.serve(), tabOptions{scripts: true})
	visit(t, w, a, key, all, func(s screen) {
		for _, width := range []int64{1280, 390} {
			for _, theme := range []string{"light", "dark"} {
				a.look(width, map[int64]int64{1280: 800, 390: 844}[width], theme)
				evaluate[bool](a, `document.activeElement.blur(), scrollTo(0, 0), true`)
				write(t, *out, strings.ReplaceAll(fmt.Sprintf("%s-%s-%s-%d.png", state, s.name, theme, width), " ", "-"), a.shot(true))
			}
		}
		a.look(0, 0, "")
	})
}

// shot returns a picture of the page: the whole of it, or only what the window shows.
func (t *tab) shot(whole bool) []byte {
	t.tb.Helper()
	// Two frames: what changed with the size is painted.
	evaluate[bool](t, `new Promise(done => requestAnimationFrame(() => requestAnimationFrame(() => done(true))))`)
	return call(t, cdppage.CaptureScreenshot, cdppage.CaptureScreenshotParams{CaptureBeyondViewport: &whole}).Data
}

func write(tb testing.TB, folder, name string, content []byte) {
	tb.Helper()
	err := os.MkdirAll(folder, 0o750)
	if err == nil {
		err = os.WriteFile(filepath.Join(folder, name), content, 0o600)
	}
	if err != nil {
		tb.Fatal(err)
	}
}
