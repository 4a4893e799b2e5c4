package rest

import (
	"crypto/rand"
	"encoding/hex"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Call is one request on its way to its answer. It is valid until the route
// returns.
type Call[P any] struct {
	Request   *http.Request
	Principal P

	h         *Handler[P]
	w         http.ResponseWriter
	header    http.Header
	body      string
	parts     [][]byte // of a body of rows
	size      int64    // of the body
	in, out   []byte   // kept from call to call
	version   []byte   // of what the answer shows; empty: none. Kept likewise
	public    bool     // the route needs no credential
	parent    string   // of what was created, for Location; "" for none
	child     string
	given     string // the request's own ID, if it is valid
	made      [24]byte
	matched   bool
	wrote     bool
	unmatched unmatched[P]
	observer  Observer[P] // nil: none
	code      string      // of the problem that is answered

	conditions Preconditions
	load       load // of a large body
}

// maxKept is the size up to which a call's buffers are kept for the next.
const maxKept = 64 << 10

func (c *Call[P]) begin(w http.ResponseWriter, r *http.Request) {
	c.w, c.Request, c.header = w, r, w.Header()
	c.unmatched = unmatched[P]{call: c}
	c.identify()
	c.observe()
}

func (c *Call[P]) end() {
	c.load.end()
	in, out, version := c.in[:0], c.out[:0], c.version[:0]
	if cap(in) > maxKept {
		in = nil
	}
	if cap(out) > maxKept {
		out = nil
	}
	h := c.h
	*c = Call[P]{h: h, in: in, out: out, version: version}
	h.calls.Put(c)
}

const maxRequestID = 128

// identify keeps the request's own ID if it is printable ASCII without white space.
// Otherwise it makes one.
func (c *Call[P]) identify() {
	ids := c.Request.Header["X-Request-Id"]
	if len(ids) == 1 && ids[0] != "" && len(ids[0]) <= maxRequestID {
		valid := true
		for i := range len(ids[0]) {
			valid = valid && ids[0][i] > ' ' && ids[0][i] < 0x7f
		}
		if valid {
			c.given = ids[0]
			return
		}
	}
	var b [len(c.made) / 2]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand
	hex.Encode(c.made[:], b[:])
}

// ownID returns the ID that was made. It is empty if the request has its own.
func (c *Call[P]) ownID() []byte {
	if c.given != "" {
		return nil
	}
	return c.made[:]
}

// RequestID returns the ID under which the request is answered and logged.
func (c *Call[P]) RequestID() string {
	if c.given != "" {
		return c.given
	}
	return string(c.made[:])
}

// Idle frees the call's memory before a long wait. It drops the request's body.
func (c *Call[P]) Idle() {
	c.load.end()
	c.body, c.parts, c.in, c.out = "", nil, nil, nil
}

// Authenticate returns what the credential stands for now, which may have changed during a long
// wait.
func (c *Call[P]) Authenticate() (P, error) { return c.h.config.Authenticate(c.Request) }

// Body returns the request's body, until something is answered.
func (c *Call[P]) Body() string { return c.body }

// Header returns the headers of the answer.
func (c *Call[P]) Header() http.Header { return c.header }

// PathValue returns the value of a wildcard of the route's path.
func (c *Call[P]) PathValue(name string) string { return c.Request.PathValue(name) }

// Target returns the path of the request as it was sent: escaped, and with the prefix
// under which the host mounted the routes.
func (c *Call[P]) Target() string {
	path, _, _ := strings.Cut(c.Request.RequestURI, "?")
	if strings.HasPrefix(path, "/") {
		return path
	}
	return Instance(c.Request)
}

// Instance returns the path of a request as a URI reference, with the prefix under which
// the host mounted the routes.
func Instance(r *http.Request) string {
	u, err := url.ParseRequestURI(r.RequestURI)
	if err != nil { // made by the host's own program
		u = r.URL
	}
	return u.EscapedPath()
}

// Buffer returns an empty buffer for the body of the answer.
func (c *Call[P]) Buffer() []byte { return c.out[:0] }

// private keeps answers out of shared caches. RFC 9111 section 3.5 does so only for
// credentials in Authorization.
var private = []string{"private"}

// nosniff keeps browsers from taking an answer for a script.
var nosniff = []string{"nosniff"}

// jsonType is shared by all answers: nobody changes headers that are sent.
var jsonType = []string{"application/json"}

// JSON answers with a body that was appended to Buffer.
func (c *Call[P]) JSON(status int, body []byte) error {
	c.header["Content-Type"] = jsonType
	c.send(status, body)
	return nil
}

// Send answers with a body of another media type than JSON.
func (c *Call[P]) Send(status int, mediaType string, body []byte) error {
	c.header["Content-Type"] = []string{mediaType}
	c.send(status, body)
	return nil
}

// Query returns the parameters of the request's URL. A query that cannot be parsed is a
// problem: to ignore a filter would show more than the client asked for.
func (c *Call[P]) Query() (q Query, err error) {
	if c.Request.URL.RawQuery == "" {
		return q, nil
	}
	if q.Values, err = url.ParseQuery(c.Request.URL.RawQuery); err != nil {
		return q, BadRequest("malformed-query", "The query is not valid.")
	}
	return q, nil
}

// NoQuery refuses a request with parameters.
func (c *Call[P]) NoQuery() error {
	q, err := c.Query()
	if err != nil {
		return err
	}
	return q.Strict()
}

// Versioned answers with a body and with the version of what it shows, as a strong entity
// tag (RFC 9110 section 8.8.3). The version has no quotation marks; "" means none.
func (c *Call[P]) Versioned(status int, version string, body []byte) error {
	c.version = append(c.version[:0], version...)
	return c.JSON(status, body)
}

// VersionedEmpty is Versioned without a body.
func (c *Call[P]) VersionedEmpty(status int, version string) error {
	c.version = append(c.version[:0], version...)
	c.Empty(status)
	return nil
}

// Show answers 200 with a version and with the body that write appends. It returns err
// if that is not nil.
func (c *Call[P]) Show(version string, err error, write func([]byte) []byte) error {
	if err != nil {
		return err
	}
	return c.Versioned(http.StatusOK, version, write(c.Buffer()))
}

// Locate sets the answer's Location header to a child of a path. The child's name must
// need no escaping.
func (c *Call[P]) Locate(parent, child string) { c.parent, c.child = parent, child }

// Empty answers without a body.
func (c *Call[P]) Empty(status int) {
	c.send(status, nil)
}

// Fail answers with the problem for an error.
func (c *Call[P]) Fail(err error) {
	if c.wrote { // the client has left in the middle of a long answer
		return
	}
	c.write(c.Problem(err))
}

// Problem returns the problem for an error: the error itself if it is one, otherwise the one
// that the family's Explain returns, or else Internal. It logs failures of the server, and sets
// the problem's headers. It is for routes that have an answer of their own to a problem: others
// return the error.
func (c *Call[P]) Problem(err error) *Problem {
	p := AsProblem(err)
	why := err
	if p == nil {
		p = c.h.config.Explain(err)
	}
	if p == nil {
		p = Internal()
	}
	if p.HolderID != "" && !c.h.config.ShowHolder(c, p) {
		hidden := *p
		hidden.HolderID = ""
		p = &hidden
	}
	if p.Status >= http.StatusInternalServerError && c.Request.Context().Err() == nil { // else the client left
		if p.cause != nil {
			why = p.cause
		}
		c.Log(slog.LevelError, "request failed", slog.Int("status", p.Status), slog.Any("error", why))
	}
	c.say(p)
	return p
}

// Code records the code of a problem that a route answers itself, unless Problem did.
func (c *Call[P]) Code(code string) {
	if c.code == "" {
		c.code = code
	}
}

// say records the code of a problem, and sets its headers.
func (c *Call[P]) say(p *Problem) {
	if c.code = p.Code; p.Status < http.StatusBadRequest { // it leads elsewhere, and nothing has failed
		c.code = ""
	}
	for name, value := range p.Header {
		c.header.Set(name, value)
	}
}

// write answers with a problem.
func (c *Call[P]) write(p *Problem) {
	c.version, c.parent = c.version[:0], ""
	c.say(p)
	said := *p
	said.RequestID = c.RequestID()
	said.Route = c.Request.Pattern
	said.Instance = Instance(c.Request)
	c.header.Set("Content-Type", c.h.config.ProblemType)
	if c.h.config.Page != nil {
		c.send(p.Status, c.h.config.Page(c, &said))
		return
	}
	c.send(p.Status, c.h.config.Append(c.Buffer(), &said))
}

func (c *Call[P]) send(status int, body []byte) {
	if c.wrote {
		return
	}
	c.wrote = true
	c.answered(status)
	c.free()
	c.setHeader(status, len(body))
	c.limitWrite(len(body), 0)
	c.w.WriteHeader(status)
	if len(body) > 0 {
		c.out = body
		if c.Request.Method != http.MethodHead {
			_, _ = c.w.Write(body) // a client that left gets nothing
		}
	}
}

// free frees the body: a client that reads slowly keeps its answer, and nothing else.
func (c *Call[P]) free() {
	c.load.end()
	c.body, c.parts = "", nil
	if cap(c.in) > maxKept {
		c.in = nil
	}
}

// setHeader sets the headers that every answer has. The size of the answer is -1 if it is not
// known.
func (c *Call[P]) setHeader(status, size int) {
	var buf [3 * maxRequestID]byte
	t := texts{all: buf[:0]}
	t.all = append(append(t.all, c.given...), c.ownID()...)
	id := t.end()
	t.all = append(append(append(t.all, '"'), c.version...), '"')
	version := t.end()
	t.all = strconv.AppendInt(t.all, int64(size), 10)
	length := t.end()
	t.all = append(append(append(t.all, c.parent...), '/'), c.child...)
	location := t.end()

	values := t.values()
	c.header["X-Request-Id"] = values[id][:]
	if len(c.version) > 0 {
		c.header["Etag"] = values[version][:]
	}
	if size > 0 || size == 0 && status != http.StatusNoContent && status != http.StatusNotModified {
		c.header["Content-Length"] = values[length][:]
	}
	c.header["X-Content-Type-Options"] = nosniff
	if c.parent != "" {
		c.header["Location"] = values[location][:]
	}
	if _, said := c.header["Cache-Control"]; !said && !c.public {
		c.header["Cache-Control"] = private
	}
}

// texts are the values of headers. They share one string, and the lists that http.Header
// wants share one array: two allocations for all of them.
type texts struct {
	all   []byte
	ends  [4]int
	count int
}

// end ends the value that was appended to all, and returns its number.
func (t *texts) end() int {
	t.ends[t.count] = len(t.all)
	t.count++
	return t.count - 1
}

// values returns a list for each value.
func (t *texts) values() *[4][1]string {
	shared, from := string(t.all), 0
	values := new([4][1]string)
	for i, end := range t.ends[:t.count] {
		values[i][0] = shared[from:end]
		from = end
	}
	return values
}

// Log writes one line about the request. It leaves out the query and the headers, which
// may have personal data.
func (c *Call[P]) Log(level slog.Level, what string, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String("request_id", c.RequestID()), slog.String("method", c.Request.Method))
	c.h.config.Logger.LogAttrs(c.Request.Context(), level, "httpapi: "+what, attrs...)
}
