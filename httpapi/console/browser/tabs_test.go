package browser

import (
	"testing"

	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/security"
	"github.com/chromedp/chromedp"
)

type tabOptions struct {
	scripts       bool
	width, height int64  // 0: 1280, 800
	theme         string // of the system: "light", "dark"
	tolerant      bool   // of messages on the console
}

// newTab returns a tab that nobody else uses. At the end of the test it must not have sent a request to
// another origin, and its console must be empty.
func newTab(tb testing.TB, s *site, o tabOptions) *tab {
	tb.Helper()
	browser := startBrowser(tb)
	t := takeTab()
	opened := t != nil
	if !opened {
		t = &tab{woken: make(chan struct{}, 1)}
		t.ctx, t.stop = chromedp.NewContext(browser, chromedp.WithNewBrowserContext())
	}
	t.tb, t.site, t.scripts = tb, s, o.scripts
	if !opened {
		t.begin()
	}
	call(t, security.SetIgnoreCertificateErrors, security.SetIgnoreCertificateErrorsParams{Ignore: s.secure})
	call(t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !o.scripts})
	t.look(o.width, o.height, o.theme)
	tb.Cleanup(func() {
		if !o.tolerant {
			t.quiet()
		}
		t.leave()
	})
	return t
}

// begin opens the tab.
func (t *tab) begin() {
	t.tb.Helper()
	t.must(chromedp.Do(t.ctx))
	t.must(chromedp.Listen(t.ctx, t.hear))
	call(t, audits.Enable, cdp.Empty{})
	// As if its window were in front: without it, no element has the focus while another tab works.
	call(t, emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true})
	call(t, runtime.AddBinding, runtime.AddBindingParams{Name: "changed", ExecutionContextName: "watch"})
	call(t, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{WorldName: "watch", Source: `
		new MutationObserver(() => changed("")).observe(document,
			{subtree: true, childList: true, attributes: true, characterData: true})`})
}

// leave makes the tab as good as new, for another test: to open one takes longer than most flows do.
// That of a test that failed is closed.
func (t *tab) leave() {
	if t.tb.Failed() {
		t.stop()
		return
	}
	loads, _, _ := t.state()
	call(t, cdppage.Navigate, cdppage.NavigateParams{URL: "about:blank"})
	t.wait("the tab is empty", func() bool { l, _, _ := t.state(); return l > loads })
	call(t, network.ClearBrowserCookies, cdp.Empty{})
	call(t, input.DispatchMouseEvent, input.DispatchMouseEventParams{Type: input.DispatchMouseEventTypeMouseMoved})
	t.mu.Lock()
	t.status, t.requests, t.messages = 0, nil, nil
	t.mu.Unlock()
	leaveTab(t)
}

// takeTab returns a tab that no test uses; nil if there is none.
func takeTab() *tab {
	chromium.mu.Lock()
	defer chromium.mu.Unlock()
	n := len(chromium.tabs) - 1
	if n < 0 {
		return nil
	}
	t := chromium.tabs[n]
	chromium.tabs = chromium.tabs[:n]
	return t
}

func leaveTab(t *tab) {
	chromium.mu.Lock()
	defer chromium.mu.Unlock()
	chromium.tabs = append(chromium.tabs, t)
}
