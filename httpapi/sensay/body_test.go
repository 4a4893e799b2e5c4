package sensay_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/httpapi"
)

func gzipped(tb testing.TB, text string) string {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// TestCompressedBodies: a body may be one gzip stream, and both of its lengths are
// limited.
func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	const limit = 4096
	pad := func(n int) string { return `{"name":"Ann"` + strings.Repeat(" ", n-len(`{"name":"Ann"}`)) + "}" }
	stored := func(text string) string { // a stream that is longer than what is in it
		var b bytes.Buffer
		z, err := gzip.NewWriterLevel(&b, gzip.NoCompression)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = z.Write([]byte(text))
		_ = z.Close()
		return b.String()
	}
	good := gzipped(t, pad(100))
	broken := []byte(good)
	broken[len(broken)-5] ^= 1 // the checksum
	tests := []struct {
		name, coding, body string
		want               int
		code               string
	}{
		{"one stream", "gzip", good, 200, ""},
		{"upper case", "GZIP", good, 200, ""},
		{"up to the limit", "gzip", gzipped(t, pad(limit)), 200, ""},
		{"one byte more", "gzip", gzipped(t, pad(limit+1)), 413, "TOO_LARGE"},
		{"long before it is inflated", "gzip", stored(pad(limit)), 413, "TOO_LARGE"},
		{"bomb", "gzip", gzipped(t, strings.Repeat(" ", 8<<20)), 413, "TOO_LARGE"},
		{"truncated", "gzip", good[:len(good)-1], 400, "MALFORMED_BODY"},
		{"truncated header", "gzip", good[:5], 400, "MALFORMED_BODY"},
		{"empty", "gzip", "", 400, "MALFORMED_BODY"},
		{"wrong checksum", "gzip", string(broken), 400, "MALFORMED_BODY"},
		{"data behind it", "gzip", good + " ", 400, "MALFORMED_BODY"},
		{"two streams", "gzip", good + good, 400, "MALFORMED_BODY"},
		{"not compressed", "gzip", pad(100), 400, "MALFORMED_BODY"},
		{"compressed and not said", "identity", good, 400, "MALFORMED_JSON"},
		{"compressed twice", "gzip", gzipped(t, good), 400, "MALFORMED_JSON"},
		{"two codings", "gzip, gzip", gzipped(t, good), 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"br", "br", good, 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"deflate", "deflate", good, 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"x-gzip", "x-gzip", good, 415, "UNSUPPORTED_MEDIA_TYPE"},
		{"none that is named", "", good, 415, "UNSUPPORTED_MEDIA_TYPE"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, nil, httpapi.Options{MaxBody: limit})
			length := map[string]option{
				"told":     func(*http.Request) {},
				"not told": func(r *http.Request) { r.ContentLength = -1 },
			}
			for name, length := range length {
				a := s.do(t, "POST", "/v1/users", tt.body, with("Content-Encoding", tt.coding), length).want(t, tt.want)
				if tt.want != 200 {
					if f := a.failure(t); f.ErrorCode != tt.code {
						t.Errorf("length %s: got %s, want %s", name, f.ErrorCode, tt.code)
					}
				} else if u := a.user(t); u.Name != "Ann" {
					t.Errorf("length %s: got %+v", name, u)
				}
			}
		})
	}
	t.Run("PUT", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, nil, httpapi.Options{MaxBody: limit})
		s.create(t, `{"id":"ann"}`)
		a := s.do(t, "PUT", "/v1/users/me", gzipped(t, `{"id":"ann","name":"Ann"}`), as("ann"), with("Content-Encoding", "gzip"))
		if u := a.want(t, 200).user(t); u.Name != "Ann" {
			t.Errorf("got %+v", u)
		}
		bomb := gzipped(t, strings.Repeat(" ", 1<<20))
		s.do(t, "PUT", "/v1/users/me", bomb, as("ann"), with("Content-Encoding", "gzip")).wantCode(t, 413, "TOO_LARGE")
	})
}

// TestBodyLimit: the limit itself is accepted and one byte more is not.
func TestBodyLimit(t *testing.T) {
	t.Parallel()
	pad := func(n int) string { return "{" + strings.Repeat(" ", n-2) + "}" }
	for _, limit := range []int64{0, 1000} {
		s, n := newServer(t, nil, httpapi.Options{MaxBody: limit}), 1<<20
		if limit > 0 {
			n = int(limit)
		}
		chunked := func(r *http.Request) { r.ContentLength = -1 }
		s.do(t, "POST", "/v1/users", pad(n)).want(t, 200)
		s.do(t, "POST", "/v1/users", pad(n), chunked).want(t, 200)
		s.do(t, "POST", "/v1/users", pad(n+1)).wantCode(t, 413, "TOO_LARGE")
		s.do(t, "POST", "/v1/users", pad(n+1), chunked).wantCode(t, 413, "TOO_LARGE")
	}
}
