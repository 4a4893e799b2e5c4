package sensay_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/apitest"
)

func gzipped(tb testing.TB, text string, level int) string {
	tb.Helper()
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, level)
	if err == nil {
		_, err = z.Write([]byte(text))
	}
	if err != nil || z.Close() != nil {
		tb.Fatal(err)
	}
	return b.String()
}

// TestCompressedBodies: a body may be one gzip stream, and both of its lengths are
// limited.
func TestCompressedBodies(t *testing.T) {
	t.Parallel()
	const limit = 4096
	pad := func(n int) string {
		return `{"id":"ann","name":"Ann"` + strings.Repeat(" ", n-len(`{"id":"ann","name":"Ann"}`)) + "}"
	}
	pack := func(text string) string { return gzipped(t, text, gzip.DefaultCompression) }
	good := pack(pad(100))
	broken := []byte(good)
	broken[len(broken)-5] ^= 1 // the checksum
	for name, tt := range map[string]struct{ coding, body, code string }{
		"one stream":                    {"gzip", good, ""},
		"upper case":                    {"GZIP", good, ""},
		"up to the limit":               {"gzip", pack(pad(limit)), ""},
		"one byte more":                 {"gzip", pack(pad(limit + 1)), "TOO_LARGE"},
		"long before it is inflated":    {"gzip", gzipped(t, pad(limit), gzip.NoCompression), "TOO_LARGE"},
		"bomb":                          {"gzip", pack(strings.Repeat(" ", 8<<20)), "TOO_LARGE"},
		"truncated":                     {"gzip", good[:len(good)-1], "MALFORMED_BODY"},
		"truncated header":              {"gzip", good[:5], "MALFORMED_BODY"},
		"empty":                         {"gzip", "", "MALFORMED_BODY"},
		"wrong checksum":                {"gzip", string(broken), "MALFORMED_BODY"},
		"data behind it":                {"gzip", good + " ", "MALFORMED_BODY"},
		"two streams":                   {"gzip", good + good, "MALFORMED_BODY"},
		"not compressed":                {"gzip", pad(100), "MALFORMED_BODY"},
		"compressed and not said so":    {"identity", good, "MALFORMED_JSON"},
		"compressed twice":              {"gzip", pack(good), "MALFORMED_JSON"},
		"two codings":                   {"gzip, gzip", pack(good), "UNSUPPORTED_MEDIA_TYPE"},
		"x-gzip":                        {"x-gzip", good, "UNSUPPORTED_MEDIA_TYPE"},
		"none that is named, but there": {"", good, "UNSUPPORTED_MEDIA_TYPE"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, length := range []option{func(*http.Request) {}, func(r *http.Request) { r.ContentLength = -1 }} {
				s := newServer(t, nil, httpapi.Options{MaxBody: limit})
				a := s.post(t, tt.body, with("Content-Encoding", tt.coding), length)
				s.create(t, `{"id":"bob"}`)
				put := s.put(t, as("bob"), tt.body, with("Content-Encoding", tt.coding), length)
				if tt.code != "" {
					a.refused(t, tt.code)
					put.refused(t, tt.code)
				} else if u := a.want(t, 200).user(t); u.Name != "Ann" || put.Status != 409 { // ann's id is taken
					t.Errorf("got %+v, then %d %s", u, put.Status, put.Body)
				}
			}
		})
	}
}

// TestInvalidBodies sends invalid bodies to both routes that read one. invalid.json has
// those that the vendor's schema names.
func TestInvalidBodies(t *testing.T) {
	t.Parallel()
	account := func(members string) string { return `{"id":"kept","linkedAccounts":[{` + members + `}]}` }
	s := newServer(t, nil, httpapi.Options{})
	s.create(t, `{"id":"kept","name":"Kept"}`)
	before := apitest.StateOf(t, s.acme())
	for body, fault := range map[string]string{
		`{"id":"kept","linkedaccounts":[]}`:               "a member that is none of",
		`{"id":"kept","external_id":"x"}`:                 "a member that is none of",
		`{"id":"kept","":"x"}`:                            "a member that is none of",
		`{"id":{"$ne":""}}`:                               "id has another JSON type",
		`{"id":"kept","name":null}`:                       "name must not be null",
		`{"id":"kept","email":null}`:                      "email must not be null",
		`{"id":"kept","linkedAccounts":null}`:             "linkedAccounts must not be null",
		`{"id":"kept","email":["a@example.com"]}`:         "email has another JSON type",
		`{"id":"kept","email":" \t"}`:                     "email must be an e-mail address",
		`{"id":"kept","email":"Ann <a@example.com>"}`:     "email ",
		`{"id":"kept","linkedAccounts":{}}`:               "linkedAccounts has another JSON type",
		`{"id":"kept","linkedAccounts":[null]}`:           "linkedAccounts has another JSON type",
		account(`"accountID":null,"accountType":"embed"`): "linkedAccounts has another JSON type",
		account(`"accountID":1,"accountType":"embed"`):    "linkedAccounts has another JSON type",
		account(`"accountID":"1","accountType":null`):     "linkedAccounts has another JSON type",
		account(``): "linkedAccounts[0].accountType ",
		account(`"accountID":"","accountType":"embed"`):                                 "linkedAccounts[0].accountID ",
		account(`"accountID":"1","accountType":"Embed"`):                                "linkedAccounts[0].accountType ",
		account(`"accountID":"a\u0000","accountType":"embed"`):                          "linkedAccounts[0].accountID ",
		account(`"accountID":"1","accountType":"embed","id":"2"`):                       "linkedAccounts[0] has a member",
		`{"id":"kept","linkedAccounts":[` + strings.Repeat(`{"x":1},`, 20_000) + `{}]}`: "and 249 more.",
		`{"id":"` + strings.Repeat("a", 1_000_000) + `"}`:                               "id ",
		`{"id":"\u006de"}`:            "id must not be me",
		`{"id":"kept","name":"a\nb"}`: "name ",
		`{"id":"kept","name":"Zoë"}`:  "name may have ASCII letters",
	} {
		fresh := strings.Replace(body, `"kept"`, `"fresh"`, 1)
		for _, a := range []answer{s.post(t, fresh), s.put(t, as("kept"), body)} {
			if f := a.refused(t, "INVALID"); !strings.Contains(f.Error, fault) || len(f.Error) > 1000 {
				t.Errorf("%.80s: %s", body, f.Error)
			}
		}
	}
	if diff := cmp.Diff(before, apitest.StateOf(t, s.acme())); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

// TestManyFaults: an error names eight faults and counts the others.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	s := newServer(t, nil, httpapi.Options{})
	for n, more := range map[int]string{8: "linkedAccounts.", 9: "; and 1 more.", 64: "; and 56 more.", 65: "; and 57 more."} {
		members := make([]string, n)
		for i := range members {
			members[i] = `"x` + strconv.Itoa(i) + `":1`
		}
		f := s.post(t, `{`+strings.Join(members, ",")+`}`).refused(t, "INVALID")
		if strings.Count(f.Error, "has a member") != 8 || !strings.HasSuffix(f.Error, more) || strings.Contains(f.Error, "more") != (n > 8) {
			t.Errorf("%d faults: %s", n, f.Error)
		}
	}
}
