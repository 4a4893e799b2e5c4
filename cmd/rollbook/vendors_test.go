package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors/vendortest"
	"github.com/rollbook-go/rollbook/internal/testing/size"
)

// atVendor is how many users or groups each vendor has. The race detector makes everything ten
// times as slow.
var atVendor = map[bool]int{false: 5_000, true: 1_000}[size.Race]

// TestImportFromVendors: an import from the API of a vendor, which refuses and breaks off, is
// ended by a signal and killed. The same command takes it up, and what the vendor had answers
// here under the same IDs.
func TestImportFromVendors(t *testing.T) {
	t.Parallel()
	for _, f := range []vendors.Format{vendors.Ada, vendors.Explo, vendors.MagickMind, vendors.Sensay} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			v := &interrupted{Vendor: vendortest.New(t, f, atVendor), reached: make(chan struct{})}
			v.Spoil, v.On = 15, v.on
			server := httptest.NewServer(v)
			defer server.Close()
			dir, args := t.TempDir(), []string{
				"import", "-json", "-store", "sqlite:users.db", "-tenant", "acme", "-format", string(f),
				"-api-url", server.URL + v.Prefix(), "-api-rate", "off",
			}
			first, second := int64(10), int64(17)
			if names := v.Names(t); names != nil { // a request for each user
				args = append(args, write(t, dir, "names", names))
				first, second = int64(atVendor/3), int64(atVendor*4/5)
			}
			v.end(t, first, syscall.SIGINT, dir, args, cli.Interrupted)
			v.end(t, second, syscall.SIGKILL, dir, args, -1)
			v.at.Store(0)
			status, result, log := imported(t, v.process(dir, args), nil, nil)
			if status != cli.OK || result.Created+result.Unchanged != atVendor || result.Created == 0 {
				t.Fatalf("status %d, %+v\n%s", status, result, log)
			}
			answers(t, v.Vendor, dir)
		})
	}
}

// interrupted is a vendor whose client is ended in the middle.
type interrupted struct {
	*vendortest.Vendor
	at      atomic.Int64 // the request at which it is ended; 0: none
	reached chan struct{}
}

// on says that the request is there at which the client is to be ended, and waits until it has gone.
func (v *interrupted) on(r *http.Request, n int) {
	if q := r.URL.Query(); q.Has("page_size") { // more pages, as of the others
		q.Set("page_size", "100")
		r.URL.RawQuery = q.Encode()
	}
	if int64(n) == v.at.Load() {
		v.reached <- struct{}{}
		<-r.Context().Done()
	}
}

// process returns a command that has the token.
func (v *interrupted) process(dir string, args []string) *exec.Cmd {
	c := process(dir, args...)
	c.Env = append(c.Env, "ROLLBOOK_API_TOKEN="+vendortest.Token)
	return c
}

// end runs an import that is ended by a signal at a request.
func (v *interrupted) end(t *testing.T, at int64, with syscall.Signal, dir string, args []string, want int) {
	t.Helper()
	v.at.Store(at)
	status, result, log := imported(t, v.process(dir, args), v.reached, with)
	if status != want {
		t.Fatalf("ended by %v: status %d, want %d; %+v\n%s", with, status, want, result, log)
	}
	if strings.Contains(log, vendortest.Token) {
		t.Error("the log has the token")
	}
}

// importResult is what an import says of itself.
type importResult struct{ Created, Updated, Unchanged, Rejected int }

// imported runs an import, which gets a signal once that is reached. The status of one that was
// killed is -1.
func imported(t *testing.T, c *exec.Cmd, reached <-chan struct{}, with os.Signal) (status int, result importResult, log string) {
	t.Helper()
	var out, said bytes.Buffer
	c.Stdout, c.Stderr = &out, &said
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	var err error
	select {
	case err = <-ended:
	case <-reached:
		err = errors.Join(c.Process.Signal(with), <-ended)
	}
	if _, ended := errors.AsType[*exec.ExitError](err); err != nil && !ended {
		t.Fatal(err)
	}
	if out.Len() > 0 {
		if err := json.Unmarshal(out.Bytes(), &result); err != nil {
			t.Fatalf("%v: %s", err, &out)
		}
	}
	return c.ProcessState.ExitCode(), result, said.String()
}

// write writes a file and returns its name.
func write(t *testing.T, dir, name string, text io.Reader) string {
	t.Helper()
	b, err := io.ReadAll(text)
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, name), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return name
}

// answers checks that a server on the store shows what the vendor shows.
func answers(t *testing.T, v *vendortest.Vendor, dir string) {
	t.Helper()
	s := startProcess(t, dir, "-store", "sqlite:users.db", "-key", vendortest.Token+"=acme", "-rate", "off")
	there, here := vendortest.InProcess(vendortest.Family(t, v.Format, v.Users)), mounted{s.url + "/" + string(v.Format)}
	all := vendortest.IDs(t, v.Format, v.Users)
	if len(all) != atVendor {
		t.Fatalf("the vendor has %d", len(all))
	}
	for i := 0; i < len(all); i += size.Pick(t, 25, 1, 1) {
		if diff := cmp.Diff(vendortest.Show(t, v.Format, there, all[i]), vendortest.Show(t, v.Format, here, all[i])); diff != "" {
			t.Fatalf("%s: -there +here:\n%s", all[i], diff)
		}
	}
	if err := s.end(); err != nil {
		t.Error(err)
	}
}

// mounted sends requests to the routes below an address.
type mounted struct{ address string }

func (m mounted) RoundTrip(r *http.Request) (*http.Response, error) {
	to, err := url.Parse(m.address + r.URL.RequestURI())
	if err != nil {
		return nil, err
	}
	r.URL, r.Host = to, to.Host
	return http.DefaultTransport.RoundTrip(r)
}

// TestImportFilesOfVendors: files of a vendor, one of them from a pipe, are imported by a process
// that is killed twice. Rows that cannot be taken are named, and go in when they are corrected.
func TestImportFilesOfVendors(t *testing.T) {
	t.Parallel()
	for f, wrong := range map[vendors.Format][2]string{ // rows, each with what corrects it
		vendors.Ada:        {`{"end_user_id":"bad-1","profile":{"email":7}}`, `7|"a@example.com"`},
		vendors.Explo:      {`{"provided_id":"bad-1","name":"Bad","token":"short"}`, `short|` + strings.Repeat("long", 10)},
		vendors.MagickMind: {`{"id":"bad 1","name":"Bad"}`, `bad 1|bad-1`},
		vendors.Sensay:     {`{"id":"bad-1","email":"nobody"}`, `nobody|nobody@example.com`},
	} {
		t.Run(string(f), func(t *testing.T) {
			t.Parallel()
			v, dir := vendortest.New(t, f, atVendor), t.TempDir()
			saved := v.Saved(t)
			half := strings.LastIndexByte(saved[:len(saved)/2], '\n') + 1
			write(t, dir, "saved.json", strings.NewReader(saved[:half]+wrong[0]+"\n"))
			args := []string{
				"import", "-json", "-store", "sqlite:users.db", "-tenant", "acme", "-format", string(f),
				"-rejects", "rejects.json", "saved.json", "-",
			}
			for _, part := range []int{2, 1} {
				kill(t, process(dir, args...), saved[half:half+(len(saved)-half)/part])
			}
			c := process(dir, args...)
			c.Stdin = strings.NewReader(saved[half:])
			status, result, log := imported(t, c, nil, nil)
			if status != cli.Rejected || result.Created+result.Unchanged != atVendor || result.Rejected != 1 {
				t.Fatalf("status %d, %+v\n%s", status, result, log)
			}
			line := "line " + strconv.Itoa(strings.Count(saved[:half], "\n")+1)
			rejects, err := os.ReadFile(filepath.Join(dir, "rejects.json"))
			if err != nil {
				t.Fatal(err)
			}
			var note struct{ Type, At, Error string }
			head, row, _ := strings.Cut(string(rejects), "\n")
			if err := json.Unmarshal([]byte(head), &note); err != nil || note.At != line || note.Error == "" || row != wrong[0]+"\n" {
				t.Errorf("rejected: %s, want %s (%v)", rejects, line, err)
			}
			named, err := json.Marshal(note.Error)
			if err != nil || !strings.Contains(log, `"rejected":"`+note.At+`","file":"saved.json","error":`+string(named)) {
				t.Errorf("the row is not named: %s", log)
			}
			before, after, _ := strings.Cut(wrong[1], "|")
			write(t, dir, "corrected.json", strings.NewReader(strings.Replace(string(rejects), before, after, 2)))
			status, result, log = imported(t, process(dir, append(args[:len(args)-4], "corrected.json")...), nil, nil)
			if status != cli.OK || result.Created != 1 {
				t.Errorf("corrected: status %d, %+v\n%s", status, result, log)
			}
			answers(t, v, dir)
		})
	}
}

// kill gives a process an input, and kills it when it has read nearly all of that.
func kill(t *testing.T, c *exec.Cmd, input string) {
	t.Helper()
	in, err := c.StdinPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(in, input); err != nil { // a pipe holds 64 KiB at most
		t.Error(err)
	}
	if err := c.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = c.Wait() // it was killed
}

// TestImportWithLogin: an account of MagickMind, here one of a server of ours, logs in for the
// import. Its password is in a file.
func TestImportWithLogin(t *testing.T) {
	t.Parallel()
	dir, there := t.TempDir(), t.TempDir()
	from := startProcess(t, there, "-key", "a-key-of-the-vendor=acme", "-login", "ops@example.com:a-password=a-key-of-the-vendor")
	write(t, there, "users.csv", strings.NewReader("external_id,name\ncrm-7,Ann\ncrm-8,Bob\n"))
	status, _, log := imported(t, process(there, "import", "-tenant", "acme", "-format", "csv", "-json", "users.csv"), nil, nil)
	if status != cli.OK {
		t.Fatal(log)
	}
	for password, want := range map[string]int{"a-password": cli.OK, "another": cli.Failed} {
		write(t, dir, "password", strings.NewReader(password+"\n"))
		c := process(dir, "import", "-json", "-tenant", "acme", "-format", "magickmind", "-api-url", from.url+"/magickmind", "-api-login", "ops@example.com")
		c.Env = append(c.Env, "ROLLBOOK_API_PASSWORD_FILE=password")
		status, result, log := imported(t, c, nil, nil)
		if status != want || want == cli.OK && result.Created != 2 || strings.Contains(log, password) {
			t.Errorf("%s: status %d, %+v\n%s", password, status, result, log)
		}
	}
	if err := from.end(); err != nil {
		t.Error(err)
	}
}
