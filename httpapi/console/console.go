package console

import (
	"context"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io/fs"
	"net/http"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/internal/family"
	"github.com/rollbook-go/rollbook/httpapi/internal/foreign"
	"github.com/rollbook-go/rollbook/httpapi/internal/rest"
)

// Options are the settings of a console. The zero value is ready to use.
type Options struct {
	// Options are the settings of every family of routes. Those of bulk requests have no effect.
	// Rates count each page as one request.
	httpapi.Options

	// Sessions keeps who is signed in. Nil: in this process, at most 10,000 at once, of which one
	// credential has at most a tenth. Hosts with several nodes share one, or send each browser to
	// the same node.
	Sessions Sessions

	// SessionFor is how long somebody stays signed in. 0 or less: 12 hours.
	SessionFor time.Duration

	// OverviewFor is how long the overview waits for its figures, and the page of a user for its
	// history. What is not known by then is shown as "–", with the reason. The overview is shown
	// after a tenth of it, and asks for what is missing when it is there. 0 or less: 800 ms.
	OverviewFor time.Duration

	// Store returns what the overview shows of the store. It must be fast and safe for
	// concurrent use. Nil: the overview does not show it.
	Store func() StoreInfo
}

// StoreInfo is what the overview shows of the store.
type StoreInfo struct {
	Backend string // for people, such as "SQLite"
	Queued  int    // calls that wait for the writer
}

// console has the pages.
type console struct {
	*family.Host

	pages      http.Handler
	templates  map[string]*template.Template
	assets     fs.FS
	assetsHash string // of all assets: their address changes with it
	protection *http.CrossOriginProtection

	sessions    Sessions
	sessionFor  time.Duration
	overviewFor time.Duration
	store       func() StoreInfo
	tails       tails
	turns       turns
	counts      counts
}

//go:embed static templates
var files embed.FS

// New returns a handler of the console, which is safe for concurrent use. It returns an error
// without users or auth: there is no access without an Authenticator.
func New(users *enduser.Manager, auth httpapi.Authenticator, opts *Options) (http.Handler, error) {
	var o Options
	if opts != nil {
		o = *opts
	}
	host, err := foreign.Host("console", users, auth, o.Options, enduser.Policy{})
	if err != nil {
		return nil, err
	}
	c := &console{
		Host: host, protection: http.NewCrossOriginProtection(),
		sessions: o.Sessions, sessionFor: o.SessionFor, overviewFor: o.OverviewFor, store: o.Store,
	}
	if c.sessions == nil {
		c.sessions = newMemorySessions(users.Now)
	}
	if c.sessionFor <= 0 {
		c.sessionFor = 12 * time.Hour
	}
	if c.overviewFor <= 0 {
		c.overviewFor = 800 * time.Millisecond
	}
	if err := c.load(); err != nil {
		return nil, err
	}
	config := c.Config(nil, "")
	config.Authenticate = c.authenticate
	config.Page = c.problem
	config.ProblemType = htmlType
	c.pages = rest.New(config, c.routes()...)
	return c, nil
}

// load parses the templates and names the assets.
func (c *console) load() (err error) {
	if c.templates, err = parseTemplates(files); err != nil {
		return err
	}
	if c.assets, err = fs.Sub(files, "static"); err != nil {
		return err
	}
	sum := sha256.New()
	all, err := fs.Glob(c.assets, "*")
	if err != nil {
		return err
	}
	for _, name := range all {
		text, err := fs.ReadFile(c.assets, name)
		if err != nil {
			return err
		}
		sum.Write(text)
	}
	c.assetsHash = base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:9])
	return nil
}

// routes returns all routes. One whose Access has no action needs somebody who is signed in; its
// handler asks for rights itself.
func (c *console) routes() []family.Route {
	get := func(path string, a rest.Access, h func(*family.Call) error) family.Route {
		return family.Route{Method: http.MethodGet, Path: path, Access: a, Handle: h}
	}
	post := func(path string, a rest.Access, h func(*family.Call) error) family.Route {
		return family.Route{Method: http.MethodPost, Path: path, Access: a, Body: true, Form: true, Handle: h}
	}
	public := func(r family.Route) family.Route {
		r.Public, r.Before, r.MaxBody = true, c.sameOrigin, 16<<10
		return r
	}
	none := rest.Access{}
	return []family.Route{
		public(get("/static/{file}", none, c.asset)),
		public(get("/sign-in", none, c.showSignIn)),
		public(post("/sign-in", none, c.signIn)),
		public(post("/sign-out", none, c.signOut)),
		public(post("/theme", none, c.setTheme)),
		public(post("/keys", none, c.setKeys)),
		get("/{path...}", none, c.notFound),

		get("/{$}", none, c.overview),

		get("/users", rest.Read("listEndUsers"), c.users),
		get("/users/{id}", rest.Read("getEndUser"), c.user),

		get("/users/{id}/edit", rest.Write("updateEndUser"), c.showEdit),
		post("/users/{id}/edit", rest.Write("updateEndUser"), c.saveEdit),
		get("/users/{id}/delete", rest.Write("deleteEndUser"), c.showDelete),
		post("/users/{id}/delete", rest.Write("deleteEndUser"), c.deleteUser),
		get("/users/{id}/associate", rest.Write("associateEndUser"), c.showAssociate),
		post("/users/{id}/associate", rest.Write("associateEndUser"), c.associate),

		get("/groups", rest.Read("listGroups"), c.groups),
		get("/groups/{id}", rest.Read("getGroup"), c.group),
		get("/groups/{id}/rotate", rest.Write("rotateGroupToken"), c.showRotate),
		post("/groups/{id}/rotate", rest.Write("rotateGroupToken"), c.rotate),
		get("/groups/{id}/token", rest.Write("rotateGroupToken"), c.showToken),

		get("/webhooks", rest.Read("listWebhooks"), c.webhooks),
		get("/webhooks/{id}", rest.Read("getWebhook"), c.webhook),
		post("/webhooks/{id}/ping", rest.Write("testWebhook"), c.ping),
		post("/webhooks/{id}/redeliver", rest.Write("redeliverEvent"), c.redeliver),
		get("/webhooks/{id}/redeliver-since", rest.Read("countRedelivery"), c.showRedeliver),
		post("/webhooks/{id}/redeliver-since", rest.Write("startRedelivery"), c.startRedelivery),
		post("/webhooks/{id}/stop", rest.Write("stopRedelivery"), c.stopRedelivery),

		get("/feed", rest.Read("listChanges"), c.feed),
		get("/feed/new", rest.Read("listChanges"), c.feedTail),
	}
}

// maxAddress is how many bytes an address may have. A page repeats its own in links, escaped, so that
// it can become twenty times as long.
const maxAddress = 16 << 10

// ServeHTTP implements http.Handler.
func (c *console) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "+
		"connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	at := r.URL
	if len(at.Path)+len(at.RawQuery) > maxAddress { // as net/http refuses headers that are too long
		http.Error(w, "The address is too long.", http.StatusRequestURITooLong)
		return
	}
	v := new(visit)
	r = r.WithContext(context.WithValue(r.Context(), visitKey{}, v))
	if !strings.HasPrefix(at.Path, "/") { // the mount itself, or stripped with its slash
		if at.Path == "" {
			path := rest.Instance(r)
			v.bare = path[strings.LastIndexByte(path, '/')+1:]
		}
		rooted := *at
		rooted.Path = "/" + at.Path
		if at.RawPath != "" {
			rooted.RawPath = "/" + at.RawPath
		}
		r.URL = &rooted
	}
	v.done = cutDone(r)
	c.pages.ServeHTTP(w, r)
}

// may reports whether who is signed in has the right to an action. What cannot be checked may
// not be done.
func (c *console) may(call *family.Call, action string, write bool) bool {
	return c.Allow(call, action, write) == nil
}
