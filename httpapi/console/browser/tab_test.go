package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/accessibility"
	"github.com/chromedp/cdproto/audits"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdplog "github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"golang.org/x/net/html"
)

// patience bounds every wait. Machines under load are slow.
const patience = time.Minute

// tab is an agent with a tab of the browser, which shares nothing with other tabs.
type tab struct {
	tb      testing.TB
	site    *site
	ctx     context.Context
	stop    context.CancelFunc
	scripts bool
	woken   chan struct{} // gets a value when something has happened

	mu       sync.Mutex
	loads    int // documents that were loaded
	fetches  int // other requests that were answered
	changes  int // of the document, by scripts
	status   int // of the last document
	requests []string
	messages []string // on the console, and violations of the policy
}

// look sets the size of the window and the theme of the system.
func (t *tab) look(width, height int64, theme string) {
	t.tb.Helper()
	if width == 0 {
		width, height = 1280, 800
	}
	call(t, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{
		Width: width, Height: height, DeviceScaleFactor: 1,
	})
	if theme == "" {
		theme = "light"
	}
	call(t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: theme},
		{Name: "prefers-reduced-motion", Value: "reduce"},
	}})
}

// quiet asserts that the tab sent nothing elsewhere, and that its console is empty.
func (t *tab) quiet() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, url := range t.requests {
		// The calendar of a field for dates is the browser's own picture. Those of pages are a
		// violation of the policy.
		if !strings.HasPrefix(url, t.site.origin+"/") && !strings.HasPrefix(url, "data:image/svg+xml;base64,") {
			t.tb.Errorf("a request to %s, from %s", url, t.site.origin)
		}
	}
	for _, m := range t.messages {
		t.tb.Errorf("on the console: %s", m)
	}
	counted(len(t.requests))
}

// hear is called with every event of the tab.
func (t *tab) hear(event any) {
	t.mu.Lock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		t.requests = append(t.requests, e.Request.URL)
	case *network.EventResponseReceived:
		if e.Type == network.ResourceTypeDocument {
			t.status = int(e.Response.Status)
		}
	case *network.EventLoadingFinished:
		t.fetches++
	case *network.EventLoadingFailed:
		t.fetches++
	case *cdppage.EventLoadEventFired:
		t.loads++
	case *cdppage.EventNavigatedWithinDocument:
		t.changes++
	case *runtime.EventBindingCalled:
		t.changes++
	case *runtime.EventConsoleAPICalled:
		t.messages = append(t.messages, fmt.Sprintf("%s: %s", e.Type, arguments(e.Args)))
	case *runtime.EventExceptionThrown:
		t.messages = append(t.messages, "exception: "+e.ExceptionDetails.Text)
	case *cdplog.EventEntryAdded: //nolint:forbidigo // an event of the protocol
		if text := logged(e); text != "" {
			t.messages = append(t.messages, text)
		}
	case *audits.EventIssueAdded:
		text, _ := json.Marshal(e.Issue)
		t.messages = append(t.messages, "issue: "+string(text))
	default:
		t.mu.Unlock()
		return
	}
	t.mu.Unlock()
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

func arguments(all []*runtime.RemoteObject) string {
	var b strings.Builder
	for _, a := range all {
		fmt.Fprintf(&b, "%s %s", a.Value, a.Description)
	}
	return b.String()
}

// wait waits until a condition holds, which is looked at whenever something has happened.
func (t *tab) wait(what string, holds func() bool) {
	t.tb.Helper()
	end := time.NewTimer(patience)
	defer end.Stop()
	for !holds() {
		select {
		case <-t.woken:
		case <-end.C:
			t.tb.Fatalf("waited in vain until %s: %s", what, describe(t.page()))
		case <-t.ctx.Done():
			t.tb.Fatalf("the browser ended: %v", t.ctx.Err())
		}
	}
}

// state returns how much has happened.
func (t *tab) state() (loads, fetches, changes int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.loads, t.fetches, t.changes
}

func (t *tab) open(path string) {
	t.tb.Helper()
	loads, _, changes := t.state()
	to := call(t, cdppage.Navigate, cdppage.NavigateParams{URL: t.site.url + path})
	if to.ErrorText != "" && to.ErrorText != "net::ERR_HTTP_RESPONSE_CODE_FAILURE" {
		t.tb.Fatalf("%s: %s", path, to.ErrorText)
	}
	t.wait("the page is loaded", func() bool {
		l, _, c := t.state()
		return l > loads || to.LoaderID == "" && c > changes
	})
}

// snapshot is what is read of a page in one go.
type snapshot struct {
	URL, State, HTML string
	Width            int
}

const takeSnapshot = `({URL: location.href, State: document.readyState, HTML: document.readyState === "complete" ? document.documentElement.outerHTML : ""})`

// page returns the page as it is now; nil while it changes to another.
func (t *tab) page() *page {
	t.tb.Helper()
	s, err := try[snapshot](t, takeSnapshot)
	if err != nil || s.State != "complete" {
		return nil
	}
	t.mu.Lock()
	status := t.status
	t.mu.Unlock()
	return &page{status: status, path: t.site.relative(t.tb, s.URL), root: parse(t.tb, s.HTML, t.scripts)}
}

func (t *tab) until(what string, holds func(*page) bool) *page {
	t.tb.Helper()
	var p *page
	t.wait(what, func() bool {
		p = t.page()
		return p != nil && holds(p)
	})
	return p
}

// control waits for a control that can be seen, and returns an expression for it.
func (t *tab) control(r role, called string, near ...string) string {
	t.tb.Helper()
	var found string
	t.until(fmt.Sprintf("there is a %s %q near %q", r, called, near), func(p *page) bool {
		for _, n := range p.find(r, called, near...) {
			path := expression(n)
			if visible, err := try[bool](t, path+".checkVisibility({visibilityProperty: true})"); err == nil && visible {
				found = path
				return true
			}
		}
		return false
	})
	t.named(found, called)
	return found
}

// expression returns an expression for an element, by its place in the document.
func expression(n *html.Node) string {
	var path string
	for ; n.Parent != nil && n.Parent.Type == html.ElementNode; n = n.Parent {
		i := 0
		for before := n.PrevSibling; before != nil; before = before.PrevSibling {
			if before.Type == html.ElementNode {
				i++
			}
		}
		path = fmt.Sprintf(".children[%d]", i) + path
	}
	return "document.documentElement" + path
}

// logged returns a message of the browser's log. Every answer of 400 and above is written to it,
// also those of pages that say what was wrong, and that a field was used before the browser
// could put the focus into the first one: these are none.
//
//nolint:forbidigo // an entry of the protocol
func logged(e *cdplog.EventEntryAdded) string {
	if e.Entry.Source == "network" && (strings.Contains(e.Entry.Text, "the server responded with a status of 4") || strings.Contains(e.Entry.Text, "the server responded with a status of 503")) ||
		e.Entry.Source == "rendering" && strings.HasPrefix(e.Entry.Text, "Autofocus processing was blocked because a document already has a focused element") {
		return ""
	}
	return fmt.Sprintf("%s %s: %s %s", e.Entry.Source, e.Entry.Level, e.Entry.Text, e.Entry.URL)
}

// named asserts that assistive technology calls an element what this test does.
func (t *tab) named(path, want string) {
	t.tb.Helper()
	object := evaluate[*runtime.RemoteObject](t, path)
	relatives := false
	tree := call(t, accessibility.GetPartialAXTree, accessibility.GetPartialAXTreeParams{
		ObjectID: object.ObjectID, FetchRelatives: &relatives,
	})
	if len(tree.Nodes) == 0 {
		t.tb.Errorf("%q is unknown to assistive technology", want)
		return
	}
	var got string
	n := tree.Nodes[0]
	if n.Name != nil {
		_ = json.Unmarshal(n.Name.Value, &got)
	}
	if got = strings.Join(strings.Fields(got), " "); got != want {
		t.tb.Errorf("the browser calls %q %q (ignored: %t)", want, got, n.Ignored)
	}
}

// click clicks on an element with the mouse.
func (t *tab) click(path string) {
	t.tb.Helper()
	at := evaluate[[]float64](t, `(e => {
		e.scrollIntoView({block: "center", behavior: "instant"});
		const r = e.getClientRects()[0];
		const x = r.x + r.width / 2, y = r.y + r.height / 2;
		const hit = document.elementFromPoint(x, y);
		return e.contains(hit) || hit?.contains(e) || hit?.closest("label")?.control === e ? [x, y] : null;
	})(`+path+`)`)
	if at == nil {
		t.tb.Fatalf("something covers %s", path)
	}
	for _, kind := range []input.DispatchMouseEventType{input.DispatchMouseEventTypeMousePressed, input.DispatchMouseEventTypeMouseReleased} {
		call(t, input.DispatchMouseEvent, input.DispatchMouseEventParams{
			Type: kind, X: at[0], Y: at[1], Button: "left", ClickCount: 1,
		})
	}
}

// act does something that leads to another page, or changes this one.
func (t *tab) act(what string, do func()) {
	t.tb.Helper()
	loads, fetches, changes := t.state()
	do()
	t.wait(what+" has an effect", func() bool {
		l, f, c := t.state()
		return l > loads || c > changes || t.scripts && f > fetches
	})
}

func (t *tab) press(name string, near ...string) {
	t.tb.Helper()
	path := t.control(button, name, near...)
	if evaluate[bool](t, `(e => e.tagName === "SUMMARY" || e.type === "button")(`+path+`)`) {
		t.click(path)
		return
	}
	t.act("the button "+name, func() { t.click(path) })
}

func (t *tab) follow(name string, near ...string) {
	t.tb.Helper()
	path := t.control(link, name, near...)
	t.act("the link "+name, func() { t.click(path) })
}

func (t *tab) choose(label string, near ...string) {
	t.tb.Helper()
	t.click(t.control(choice, label, near...))
}

func (t *tab) fill(label, value string, near ...string) {
	t.tb.Helper()
	t.enter(t.control(field, label, near...), value)
}

// enter puts a text into a field, as if it was typed or, where that depends on the language of the
// browser, chosen.
func (t *tab) enter(path, value string) {
	t.tb.Helper()
	if evaluate[bool](t, `(e => {
		e.focus();
		if (!e.type.startsWith("date") && e.type !== "time" && e.type !== "number") { e.select(); return false }
		e.value = `+quote(value)+`;
		for (const kind of ["input", "change"]) e.dispatchEvent(new Event(kind, {bubbles: true}));
		return true;
	})(`+path+`)`) {
		return
	}
	if value == "" {
		t.key("Backspace", 8, "")
		return
	}
	call(t, input.InsertText, input.InsertTextParams{Text: value})
}

func (t *tab) pick(label, option string, near ...string) {
	t.tb.Helper()
	if !evaluate[bool](t, `(e => {
		const o = [...e.options].find(o => o.text.trim() === `+quote(option)+`);
		if (!o) return false;
		o.selected = true;
		for (const kind of ["input", "change"]) e.dispatchEvent(new Event(kind, {bubbles: true}));
		return true;
	})(`+t.control(chooser, label, near...)+`)`) {
		t.tb.Fatalf("%q has no option %q", label, option)
	}
}

// key presses a key. Text is what it writes.
func (t *tab) key(name string, code int64, text string) {
	t.tb.Helper()
	down := input.DispatchKeyEventTypeRawKeyDown
	if text != "" {
		down = input.DispatchKeyEventTypeKeyDown
	}
	for _, kind := range []input.DispatchKeyEventType{down, input.DispatchKeyEventTypeKeyUp} {
		p := input.DispatchKeyEventParams{Type: kind, Key: name, Code: name, WindowsVirtualKeyCode: code}
		if kind == down {
			p.Text = text
		}
		call(t, input.DispatchKeyEvent, p)
	}
}

// quote returns a text as an expression.
func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		panic(err) //nolint:forbidigo // a string always is JSON
	}
	return string(b)
}

// cookies returns the cookies of the site.
func (t *tab) cookies() []*network.Cookie {
	t.tb.Helper()
	return call(t, network.GetCookies, network.GetCookiesParams{}).Cookies
}
