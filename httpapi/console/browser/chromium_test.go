package browser

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// chromium is the one browser of this process, and its tabs, which tests use one after the other.
// The first test that needs it starts it, and it ends with the process.
var chromium struct {
	once sync.Once
	ctx  context.Context
	stop context.CancelFunc
	err  error

	mu   sync.Mutex
	tabs []*tab // that no test uses
}

func TestMain(m *testing.M) {
	code := m.Run()
	printTotals()
	if chromium.stop != nil {
		chromium.stop()
	}
	os.Exit(code)
}

// program returns the path of the browser, "" if there is none.
func program() string {
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "google-chrome-stable"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	return ""
}

// startBrowser returns the context of the browser. Without one the test is skipped, or fails if the
// environment has ROLLBOOK_REQUIRE_BROWSER=1.
func startBrowser(tb testing.TB) context.Context {
	tb.Helper()
	path := program()
	if path == "" {
		const message = "no chromium on PATH: not tested in a browser"
		if os.Getenv("ROLLBOOK_REQUIRE_BROWSER") == "1" {
			tb.Fatal(message)
		}
		tb.Skip(message)
	}
	chromium.once.Do(func() {
		allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(),
			chromedp.ExecPath(path),
			chromedp.Headless, chromedp.NoSandbox, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
			chromedp.Flag("disable-gpu", true),
			chromedp.Flag("disable-quic", true),
			chromedp.Flag("disable-background-networking", true),
			chromedp.Flag("disable-component-update", true),
			chromedp.Flag("disable-sync", true),
			chromedp.Flag("disable-extensions", true),
			chromedp.Flag("disable-software-rasterizer", true),
			// Each window of its own would load the pages of its address bar, and keep a process in reserve.
			chromedp.Flag("disable-features", "WebUIOmniboxPopup,WebUIOmniboxAimPopup,SpareRendererForSitePerProcess"),
			chromedp.Flag("disable-dev-shm-usage", true),
			chromedp.Flag("disable-renderer-backgrounding", true),
			chromedp.Flag("disable-background-timer-throttling", true),
			chromedp.Flag("disable-backgrounding-occluded-windows", true),
			chromedp.Flag("disable-ipc-flooding-protection", true),
			chromedp.Flag("hide-scrollbars", true),
			chromedp.Flag("force-color-profile", "srgb"),
			chromedp.Flag("no-proxy-server", true), // servers of tests are not asked through a proxy
			chromedp.Flag("password-store", "basic"),
		)
		ctx, stop := chromedp.NewContext(allocator)
		chromium.ctx = ctx
		chromium.stop = func() { stop(); stopAllocator() }
		chromium.err = chromedp.Do(ctx)
	})
	if chromium.err != nil {
		tb.Fatal(chromium.err)
	}
	return chromium.ctx
}

func (t *tab) must(err error) {
	t.tb.Helper()
	if err != nil {
		t.tb.Fatal(err)
	}
}

// call sends a command of the protocol.
func call[P, R any](t *tab, command cdp.Command[P, R], params P) R {
	t.tb.Helper()
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	result, err := chromedp.Call(ctx, command, params)
	if err != nil {
		t.tb.Fatalf("%s: %v", command.Method, err)
	}
	return result
}

// evaluate returns the value of an expression, also where the scripts of pages are off.
func evaluate[T any](t *tab, expression string) T {
	t.tb.Helper()
	value, err := try[T](t, expression)
	t.must(err)
	return value
}

func try[T any](t *tab, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}
