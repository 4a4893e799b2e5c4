package vendors_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors/vendortest"
)

// What is wrong with the flags is said before anything is asked, without the token.
func TestFlagsThatAreWrong(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		format vendors.Format
		api    vendors.API
		after  string
		want   string
	}{
		{vendors.Ada, vendors.API{APIToken: vendortest.Token}, "", "-api-url: ada has an address for each customer; give yours"},
		{vendors.Ada, vendors.API{APIURL: "acme.ada.support", APIToken: vendortest.Token}, "", "-api-url: not an address such as https://api.example.com"},
		{vendors.Ada, vendors.API{APIURL: "https://user:" + vendortest.Token + "@x.example"}, "", "-api-url: not an address such as https://api.example.com"},
		{vendors.Ada, vendors.API{APIURL: "https://x.example?token=" + vendortest.Token}, "", "-api-url: not an address such as https://api.example.com"},
		{vendors.Ada, vendors.API{APIURL: "http://x.example/api", APIToken: vendortest.Token}, "", "-api-url: not https: the token would go over the network in clear"},
		{vendors.Explo, vendors.API{}, "", "-api-token: none given"},
		{vendors.Explo, vendors.API{APILogin: "a@example.com"}, "", "-api-token: none given"},
		{vendors.MagickMind, vendors.API{}, "", "-api-token or -api-login: none given"},
		{vendors.Explo, vendors.API{APIToken: vendortest.Token + "\n"}, "", "-api-token: has characters that no token has"},
		{vendors.Explo, vendors.API{APIToken: vendortest.Token, APIRate: "0/s"}, "", "-api-rate: not 10/s, 180/m, 1000/h or off"},
		{vendors.Explo, vendors.API{APIToken: vendortest.Token, APIRate: "10"}, "", "-api-rate: not 10/s, 180/m, 1000/h or off"},
		{vendors.Explo, vendors.API{APIToken: vendortest.Token, APIRate: "10/y"}, "", "-api-rate: not 10/s, 180/m, 1000/h or off"},
		{vendors.Explo, vendors.API{APIToken: vendortest.Token}, "ada:page:/v2/", "not a position of this source"},
		{vendors.Explo, vendors.API{APIToken: vendortest.Token}, "explo:page:@elsewhere.example/", "not a position of this source"},
		{vendors.Explo, vendors.API{APIToken: vendortest.Token}, "explo:row:7", "not a position of this source"},
		{vendors.Sensay, vendors.API{APIToken: vendortest.Token}, "", "the API of sensay lists no users: give the file that names them, one ID on each line"},
	} {
		_, err := tt.api.Open(tt.format, nil, tt.after)
		if flag := strings.HasPrefix(tt.want, "-"); flag != (tt.api.Check(tt.format) != nil) {
			t.Errorf("%s %q: Check returns %v", tt.format, tt.want, tt.api.Check(tt.format))
		}
		if err == nil || err.Error() != tt.want {
			t.Errorf("%s %q: error %v, want %q", tt.format, tt.want, err, tt.want)
		}
	}
	for _, address := range []string{"http://localhost:8080", "http://127.0.0.1:8080/ada", "http://[::1]/"} {
		api := vendors.API{APIURL: address, APIToken: vendortest.Token}
		if _, err := api.Open(vendors.Ada, nil, ""); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
	if (&vendors.API{APIToken: vendortest.Token}).Given() || !(&vendors.API{API: true}).Given() || !(&vendors.API{APIURL: "x"}).Given() {
		t.Error("a token alone asks for the API, or a flag does not")
	}
}

// A walk that begins at any position has all rows behind it, on pages of whatever size the vendor
// makes of the one it is asked for.
func TestPositionsInPages(t *testing.T) {
	t.Parallel()
	const n = 23
	for _, f := range formats {
		for _, size := range []int{1, 5, 1000} {
			t.Run(fmt.Sprint(f, size), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					there := vendortest.New(t, f, n)
					there.On = func(r *http.Request, _ int) { limit(r, size) }
					all := vendortest.IDs(t, f, there.Users)
					read := func(after string) (ids, positions []string) {
						api := there.API()
						api.APIRate = "off"
						s, err := api.Open(f, there.Names(t), after)
						if err != nil {
							t.Fatal(err)
						}
						for row := range s.Rows(t.Context()) {
							ids, positions = append(ids, row.ID), append(positions, row.Position)
						}
						if s.Err() != nil {
							t.Fatal(s.Err())
						}
						return ids, positions
					}
					whole, positions := read("")
					if !slices.Equal(whole, all) {
						t.Fatalf("all rows: %q, want %q", whole, all)
					}
					for i, position := range positions {
						rest, _ := read(position)
						again := len(rest) - (n - 1 - i)
						exact := f == vendors.Sensay || i < n-1 && (i+1)%min(size, 100) == 0 // at the end of a page
						if again < 0 || again > min(size, n) || exact && again > 0 || !slices.Equal(rest, all[n-len(rest):]) {
							t.Errorf("behind row %d of %d: %d rows", i, n, len(rest))
						}
					}
				})
			})
		}
	}
}

// limit makes a request ask for pages of at most that size.
func limit(r *http.Request, size int) {
	q := r.URL.Query()
	for _, name := range []string{"limit", "page_size"} {
		if asked, err := strconv.Atoi(q.Get(name)); err == nil {
			q.Set(name, strconv.Itoa(min(size, asked)))
		}
	}
	r.URL.RawQuery = q.Encode()
}

// Sensay is asked for each ID; those that it does not have are named.
func TestNamedUsers(t *testing.T) {
	t.Parallel()
	there := vendortest.New(t, vendors.Sensay, 3)
	s, err := there.API().Open(vendors.Sensay, strings.NewReader("\ufeffCRM-0\r\n\n  CRM-1 \nnobody\nme\n..\na/b?c\nCRM-2"), "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for row := range s.Rows(t.Context()) {
		got = append(got, fmt.Sprintf("%s, %s: %v", row.At, row.ID, row.Err))
	}
	want := []string{
		"line 1, CRM-0: <nil>", "line 3, CRM-1: <nil>", "line 4, nobody: sensay has no user with this ID",
		"line 5, me: no ID that a path can have", "line 6, ..: no ID that a path can have",
		"line 7, a/b?c: sensay has no user with this ID", "line 8, CRM-2: <nil>",
	}
	if s.Err() != nil || !slices.Equal(got, want) {
		t.Errorf("error %v, rows:\n%s", s.Err(), strings.Join(got, "\n"))
	}
	if !slices.Contains(there.Asked(), "/v1/users/a%2Fb%3Fc") {
		t.Errorf("asked: %q", there.Asked())
	}
}
