package rest

import (
	"bufio"
	"compress/gzip"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
)

// readBody reads the request's body, unless its headers are refused. A large body is
// counted while it is read, and then waits for its turn.
func (c *Call[P]) readBody(route *Route[P]) error {
	r := c.Request
	if route.Empty && len(r.Header["Content-Encoding"]) == 0 && c.isEmpty() {
		c.body = "{}"
		return nil
	}
	coding, err := c.checkContent(route)
	if err != nil {
		return err
	}
	most := c.h.config.most(route)
	if r.ContentLength > most {
		return TooLarge(most)
	}
	if err := c.readCoded(coding, most, route.Rows); err != nil {
		return bodyProblem(err, most)
	}
	if c.size > most {
		return TooLarge(most)
	}
	if route.Empty && c.body == "" {
		c.body = "{}"
	}
	setReadDeadline(c.w, time.Time{}) // it would end the request's context, too
	if c.size > smallBody {
		return c.load.turn(r.Context(), route.Rows)
	}
	return nil
}

// most returns how long the body of a route may be.
func (c *Config[P]) most(route *Route[P]) int64 {
	switch {
	case route.Rows:
		return route.MaxBody
	case route.MaxBody > 0:
		return min(c.MaxBody, route.MaxBody)
	}
	return c.MaxBody
}

// readCoded reads a body, and inflates it. It reads at most one byte more than there may be.
func (c *Call[P]) readCoded(coding string, most int64, rows bool) (err error) {
	r := c.Request
	var body io.Reader = r.Body
	expected := r.ContentLength
	if expected < 0 { // net/http holds others to the length they gave
		body = http.MaxBytesReader(c.w, r.Body, most)
		expected = most + 1
	}
	if coding == "gzip" {
		if err := c.take(inflater); err != nil {
			return err
		}
		if body, err = inflate(body, most); err != nil {
			return err
		}
		expected = most + 1
	}
	if rows {
		return c.readParts(body, most)
	}
	err = c.readAll(body, expected)
	c.size = int64(len(c.body))
	return err
}

// isEmpty reports whether the request has no body. A chunked body has no length, so that
// its first byte has to be read. That is done only without a Content-Type: a request that
// has a byte is then refused.
func (c *Call[P]) isEmpty() bool {
	r := c.Request
	if r.ContentLength >= 0 || len(r.Header["Content-Type"]) > 0 {
		return r.ContentLength == 0
	}
	var first [1]byte
	_, err := io.ReadFull(r.Body, first[:])
	return errors.Is(err, io.EOF)
}

// inflater is about how many bytes it takes to inflate a stream.
const inflater = 48 << 10

// take counts memory for the body.
func (c *Call[P]) take(n int64) error {
	if c.load.of == nil {
		tenant, credential := "", ""
		if !c.public {
			tenant, credential = c.h.config.Names(c.Principal)
		}
		c.load.begin(c.h.large, tenant, credential)
	}
	return c.load.take(n)
}

// readAll reads the body, a small one into a buffer that is kept from call to call.
func (c *Call[P]) readAll(r io.Reader, expected int64) error {
	if cap(c.in) == 0 {
		c.in = make([]byte, 0, 1024)
	}
	for c.in = c.in[:0]; len(c.in) <= smallBody; { // one byte more means that it is larger
		if len(c.in) == cap(c.in) {
			c.in = append(c.in, 0)[:len(c.in)]
		}
		n, err := r.Read(c.in[len(c.in):min(cap(c.in), smallBody+1)])
		c.in = c.in[:len(c.in)+n]
		switch {
		case errors.Is(err, io.EOF):
			c.body = string(c.in)
			return nil
		case err != nil:
			return err
		}
	}
	return c.readLong(r, expected)
}

// readLong reads the rest of a body whose beginning fills the buffer. The memory for it
// is counted and grows with what has come, up to what is expected: a client that announces
// much and sends little takes little.
func (c *Call[P]) readLong(r io.Reader, expected int64) error {
	long, room := new(strings.Builder), int64(0)
	for last := false; ; {
		if need := int64(long.Len() + len(c.in)); need > room {
			more := max(min(max(2*room, 4*smallBody), expected), need)
			if err := c.take(more - room); err != nil {
				return err
			}
			room = more
			larger := new(strings.Builder)
			larger.Grow(int(room))
			larger.WriteString(long.String())
			long = larger
		}
		long.Write(c.in)
		if last {
			c.body = long.String()
			return nil
		}
		n, err := r.Read(c.in[:smallBody])
		c.in = c.in[:n]
		if last = errors.Is(err, io.EOF); err != nil && !last {
			return err
		}
	}
}

var errTrailing = errors.New("data behind the compressed stream")

// inflate reads one gzip stream with nothing behind it. It stops one byte behind the
// limit, so that the caller sees that the body is too large.
func inflate(r io.Reader, limit int64) (io.Reader, error) {
	b := bufio.NewReader(r) // gzip would make one of its own, and swallow what follows
	z, err := gzip.NewReader(b)
	if err != nil {
		return nil, err
	}
	z.Multistream(false)
	return io.LimitReader(&oneStream{z, b}, limit+1), nil
}

type oneStream struct {
	z *gzip.Reader
	r io.Reader
}

func (s *oneStream) Read(b []byte) (int, error) {
	n, err := s.z.Read(b)
	if errors.Is(err, io.EOF) {
		var rest [1]byte
		if m, _ := io.ReadFull(s.r, rest[:]); m > 0 {
			return n, errTrailing
		}
	}
	return n, err
}

func bodyProblem(err error, limit int64) error {
	if p := AsProblem(err); p != nil {
		return p
	}
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return TooLarge(limit)
	}
	return BadRequest("malformed-body", "The body could not be read.")
}

// checkContent refuses content other than JSON in UTF-8, and returns its coding. The refusal of
// a PATCH says what is accepted (RFC 5789 section 2.2).
func (c *Call[P]) checkContent(route *Route[P]) (coding string, err error) {
	if route.Form {
		if MediaType(c.Request.Header) != formType {
			return "", UnsupportedForm()
		}
		return c.coding(false)
	}
	if err = c.checkMediaType(route.Rows); err == nil {
		coding, err = c.coding(c.h.config.Gzip || route.Rows)
	}
	if err != nil && route.Rows {
		return "", UnsupportedRows()
	}
	if err != nil && c.Request.Method == http.MethodPatch {
		c.header["Accept-Patch"] = c.acceptPatch()
	}
	return coding, err
}

const formType = "application/x-www-form-urlencoded"

// MediaType returns the media type of a body, "" if it has none that is valid.
func MediaType(h http.Header) string {
	media, _, err := mime.ParseMediaType(h.Get("Content-Type"))
	if err != nil {
		return ""
	}
	return media
}

func (c *Call[P]) acceptPatch() []string {
	if c.h.config.MergePatch {
		return []string{"application/json, " + mergePatch}
	}
	return []string{"application/json"}
}

const mergePatch = "application/merge-patch+json"

func (c *Call[P]) checkMediaType(rows bool) error {
	types := c.Request.Header["Content-Type"]
	if len(types) != 1 {
		return UnsupportedMedia()
	}
	if types[0] == "application/json" {
		return nil
	}
	media, params, err := mime.ParseMediaType(types[0])
	if err != nil {
		return UnsupportedMedia()
	}
	patch := c.h.config.MergePatch && c.Request.Method == http.MethodPatch && media == mergePatch
	if media != "application/json" && !patch && !(rows && slices.Contains(rowTypes(), media)) {
		return UnsupportedMedia()
	}
	for name, value := range params { // some clients write UTF8
		if name == "charset" && !strings.EqualFold(value, "utf-8") && !strings.EqualFold(value, "utf8") {
			return UnsupportedMedia()
		}
	}
	return nil
}

// RefuseForm refuses content that is not JSON. It is the Before of routes that write
// without a body: another site can send a form with the cookies of a browser, but a form
// never says that it has JSON. A script can leave out body and type; that is left to
// http.CrossOriginProtection.
func (c *Call[P]) RefuseForm() error {
	if c.Request.ContentLength == 0 && len(c.Request.Header["Content-Type"]) == 0 {
		return nil
	}
	return c.checkMediaType(false)
}

// coding returns the content coding of the body, "" for none.
func (c *Call[P]) coding(gzip bool) (string, error) {
	codings := c.Request.Header["Content-Encoding"]
	switch {
	case len(codings) == 0:
		return "", nil
	case len(codings) == 1 && strings.EqualFold(codings[0], "identity"):
		return "", nil
	case len(codings) == 1 && gzip && strings.EqualFold(codings[0], "gzip"):
		return "gzip", nil
	}
	return "", UnsupportedMedia()
}
