package archive_test

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store/memory"
)

// The lines of a good file, and rows to put into it.
const (
	header = `{"type":"archive","version":1}`
	annRow = `{"type":"user","tenant":"acme","id":"ann-1","external_id":"Ann","name":"Ann"}`
	bobRow = `{"type":"user","tenant":"acme","id":"bob-1","external_id":"Bob","email":"bob@example.com"}`
	eveRow = `{"type":"user","tenant":"acme","id":"eve-1","external_id":"Eve"}`
)

// file returns an archive of these rows of users, with a trailer that counts them.
func file(rows ...string) string {
	return header + "\n" + strings.Join(rows, "\n") + "\n" + trailer(len(rows)) + "\n"
}

func trailer(users int) string { return fmt.Sprintf(`{"type":"end","users":%d}`, users) }

// utf16 returns an ASCII text in UTF-16, with its byte order mark.
func utf16(text string) string {
	b := []byte{0xff, 0xfe}
	for i := range len(text) {
		b = append(b, text[i], 0)
	}
	return string(b)
}

func gzipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = io.WriteString(z, text)
	_ = z.Close()
	return b.String()
}

// hostile is a file, and how its import ends.
type hostile struct {
	name string
	text string

	users     string // who is there afterwards: ann and bob in the good case
	rejected  string // the lines that are rejected, "line: why", with ; between them
	err       error  // that of the whole
	fits      bool   // the rejected line may be in a part, where nothing counts it
	unwritten bool   // nothing was written at all
}

func hostileFiles() []hostile {
	cut := file(annRow, bobRow)
	user := func(rest string) string { return `{"type":"user","tenant":"acme","id":"x-1"` + rest + `}` }
	deep := strings.Repeat("[", 40) + strings.Repeat("]", 40)
	return []hostile{
		// Of the file.
		{name: "as it is written", text: file(annRow, bobRow), users: "ann bob"},
		{name: "byte order mark, CRLF, blank lines, no last line end", users: "ann bob", text: "\ufeff" + strings.Join([]string{header, annRow, "", "  ", bobRow, trailer(2)}, "\r\n")},
		{name: "empty", text: "", err: archive.ErrFormat, unwritten: true},
		{name: "the header is missing", text: annRow + "\n" + trailer(1) + "\n", err: archive.ErrFormat, unwritten: true},
		{name: "CSV", text: "id,name\n1,Ann\n", err: archive.ErrFormat, unwritten: true},
		{name: "one JSON array", text: "[" + header + "," + annRow + "," + trailer(1) + "]", err: archive.ErrFormat, unwritten: true},
		{name: "UTF-16", text: utf16(cut), err: archive.ErrFormat, unwritten: true},
		{name: "compressed", text: gzipped(cut), err: archive.ErrFormat, unwritten: true},
		{name: "compressed and cut off", text: gzipped(cut)[:40], err: archive.ErrFormat, unwritten: true},
		{name: "a newer version", text: strings.Replace(cut, `"version":1`, `"version":2,"new":{}`, 1), err: archive.ErrNewer, unwritten: true},
		{name: "version 0", text: strings.Replace(cut, `"version":1`, `"version":0`, 1), err: archive.ErrFormat, unwritten: true},
		{name: "a version that is text", text: strings.Replace(cut, `"version":1`, `"version":"1"`, 1), err: archive.ErrFormat, unwritten: true},
		{name: "an unknown member in the header", text: strings.Replace(cut, `"version":1`, `"version":1,"gz":true`, 1), err: archive.ErrFormat, unwritten: true},
		{name: "cut off behind a row", text: header + "\n" + annRow + "\n", users: "ann", err: archive.ErrIncomplete},
		{name: "cut off in a row", text: cut[:strings.Index(cut, "bob@")], users: "ann", err: archive.ErrIncomplete},
		{name: "cut off in the trailer", text: cut[:len(cut)-5], users: "ann bob", err: archive.ErrIncomplete},
		{name: "a row is lost", text: strings.Replace(cut, annRow+"\n", "", 1), users: "bob", err: archive.ErrIncomplete},
		{name: "a row was added", text: strings.Replace(cut, bobRow, bobRow+"\n"+eveRow, 1), users: "ann bob eve", err: archive.ErrIncomplete},
		{name: "a row behind the trailer", text: cut + eveRow + "\n", users: "ann bob", err: archive.ErrIncomplete},
		{name: "two archives in one file", text: file(annRow) + file(bobRow), users: "ann", err: archive.ErrIncomplete},
		{name: "the trailer counts other types", text: strings.Replace(cut, `"users":2`, `"users":1,"groups":1`, 1), users: "ann bob", err: archive.ErrIncomplete},
		{name: "a negative count", text: strings.Replace(cut, `"users":2`, `"users":3,"groups":-1`, 1), users: "ann bob", rejected: "4: a number", fits: true, err: archive.ErrIncomplete},

		// Of a row: the others are imported.
		{name: "not JSON", text: file(annRow, `{"type":"user",,}`, bobRow), users: "ann bob", rejected: "3: JSON"},
		{name: "two values on a line", text: file(annRow, bobRow+eveRow), users: "ann", rejected: "3: JSON"},
		{name: "not an object", text: file(annRow, `"user"`, bobRow), users: "ann bob", rejected: "3: type"},
		{name: "invalid UTF-8", text: file(annRow, strings.Replace(eveRow, "Eve", "\xff", 1), bobRow), users: "ann bob", rejected: "3: UTF-8"},
		{name: "half of a surrogate", text: file(annRow, strings.Replace(eveRow, "Eve", `\ud800`, 1), bobRow), users: "ann bob", rejected: "3: UTF-8"},
		{name: "a NUL byte", text: file(annRow, strings.Replace(eveRow, "Eve", "\x00", 1), bobRow), users: "ann bob", rejected: "3: NUL"},
		{name: "an escaped NUL", text: file(annRow, strings.Replace(eveRow, "Eve", `\u0000`, 1), bobRow), users: "ann bob", rejected: "3: external_id"},
		{name: "a member twice", text: file(annRow, user(`,"name":"A","name":"B"`), bobRow), users: "ann bob", rejected: "3: twice"},
		{name: "the type twice", text: file(annRow, user(`,"type":"group"`), bobRow), users: "ann bob", rejected: "3: twice"},
		{name: "nested deeply", text: file(annRow, user(`,"metadata":{"a":`+deep+`}`), bobRow), users: "ann bob", rejected: "3: deep"},
		{name: "a huge line", text: file(annRow, user(`,"name":"`+strings.Repeat("x", archive.MaxRow)+`"`), bobRow), users: "ann bob", rejected: "3: too long"},
		{name: "an unknown member", text: file(annRow, user(`,"mail":"A"`), bobRow), users: "ann bob", rejected: `3: "mail"`},
		{name: "a password", text: file(annRow, user(`,"password":"hunter2"`), bobRow), users: "ann bob", rejected: `3: "password"`},
		{name: "an unknown type", text: strings.Replace(file(annRow, `{"type":"invoice","tenant":"acme","id":"1"}`, bobRow), `"users":3`, `"users":2,"groups":1`, 1), users: "ann bob", rejected: "3: type"},
		{name: "a header in the middle", text: file(annRow, header, bobRow), users: "ann bob", rejected: "3: type", fits: true},
		{name: "no type", text: file(annRow, `{"tenant":"acme","id":"1"}`, bobRow), users: "ann bob", rejected: "3: type"},
		{name: "no tenant", text: file(annRow, `{"type":"user","id":"x-1"}`, bobRow), users: "ann bob", rejected: "3: missing"},
		{name: "no ID", text: file(annRow, `{"type":"user","tenant":"acme","external_id":"X"}`, bobRow), users: "ann bob", rejected: "3: missing"},
		{name: "an invalid tenant", text: file(annRow, `{"type":"user","tenant":"a\u0001","id":"x-1"}`, bobRow), users: "ann bob", rejected: "3: tenant"},
		{name: "an invalid environment", text: file(annRow, `{"type":"user","tenant":"acme","environment":"Staging","id":"x-1"}`, bobRow), users: "ann bob", rejected: "3: environment"},
		{name: "numbers where texts belong", text: file(annRow, user(`,"external_id":17`), bobRow), users: "ann bob", rejected: "3: type"},
		{name: "a list where metadata belong", text: file(annRow, user(`,"metadata":[1]`), bobRow), users: "ann bob", rejected: "3: type"},
		{name: "metadata that hide a member", text: file(annRow, user(`,"metadata":{"a":1,"a":2}`), bobRow), users: "ann bob", rejected: "3: twice"},
		{name: "a text where a list belongs", text: file(annRow, user(`,"groups":"a"`), bobRow), users: "ann bob", rejected: "3: type"},
		{name: "an account that is a text", text: file(annRow, user(`,"linked_accounts":["discord:1"]`), bobRow), users: "ann bob", rejected: "3: type"},
		{name: "an account with more in it", text: file(annRow, user(`,"linked_accounts":[{"type":"a","id":"b","token":"c"}]`), bobRow), users: "ann bob", rejected: `3: "token"`},
		{name: "half of an account", text: file(annRow, user(`,"linked_accounts":[{"type":"a"}]`), bobRow), users: "ann bob", rejected: "3: linked_accounts"},
		{name: "a token that is not base64", text: strings.Replace(file(annRow, `{"type":"group","tenant":"acme","id":"g-1","external_id":"g","token":"*"}`, bobRow), `"users":3`, `"groups":1,"users":2`, 1), users: "ann bob", rejected: "3: base64"},
		{name: "a group's number that is a text", text: strings.Replace(file(annRow, `{"type":"group","tenant":"acme","id":"g-1","external_id":"g","number":"9"}`, bobRow), `"users":3`, `"groups":1,"users":2`, 1), users: "ann bob", rejected: "3: type"},
		{name: "a time that is none", text: file(annRow, user(`,"created_at":"yesterday"`), bobRow), users: "ann bob", rejected: "3: RFC 3339"},
		{name: "created in the future", text: file(annRow, user(`,"created_at":"2036-01-02T03:04:05Z"`), bobRow), users: "ann bob", rejected: "3: created_at"},
		{name: "an ID that is none", text: file(annRow, strings.Replace(eveRow, "eve-1", "eve/1", 1), bobRow), users: "ann bob", rejected: "3: id"},
		{name: "an ID that is a placeholder", text: file(annRow, strings.Replace(eveRow, "eve-1", "undefined", 1), bobRow), users: "ann bob", rejected: "3: id"},

		// Of rows together.
		{name: "a row twice", text: file(annRow, bobRow, annRow), users: "ann bob"},
		{name: "one ID twice, the later row wins", text: file(annRow, bobRow, strings.Replace(annRow, `"name":"Ann"`, `"name":"Anna"`, 1)), users: "ann bob"},
		{name: "an external ID twice, in another case", text: file(annRow, bobRow, strings.Replace(eveRow, "Eve", "ANN", 1)), users: "ann bob", rejected: "4: conflict"},
		{name: "an ID that is an external ID", text: file(annRow, bobRow, strings.Replace(eveRow, "eve-1", "ANN", 1)), users: "ann bob", rejected: "4: conflict"},
		{name: "an external ID that is an ID", text: file(annRow, bobRow, strings.Replace(eveRow, "Eve", "Ann-1", 1)), users: "ann bob", rejected: "4: conflict"},
		{name: "an ID that is a group's", text: strings.Replace(file(`{"type":"group","tenant":"acme","id":"eve-1","external_id":"g"}`, annRow, bobRow, eveRow), `"users":4`, `"groups":1,"users":3`, 1), users: "ann bob", rejected: "5: conflict"},
		{name: "a row of another tenant among them", text: file(annRow, strings.Replace(eveRow, "acme", "umbrella", 1), bobRow), users: "ann bob"},
		{name: "compared in another way", text: file(annRow, strings.Replace(eveRow, `"id"`, `"exact_ids":true,"id"`, 1), bobRow), users: "ann bob", rejected: "3: compared"},
	}
}

// Every file ends as the package says: the good rows are imported, the others are in the part
// with their reasons, and nothing is lost or half written.
func TestHostile(t *testing.T) {
	for _, test := range hostileFiles() {
		t.Run(test.name, func(t *testing.T) {
			w := inMemory(t)
			var part bytes.Buffer
			got, err := archive.Import(t.Context(), w.Manager, iotest.OneByteReader(strings.NewReader(test.text)), &archive.ImportOptions{Rejected: &part})
			if !errors.Is(err, test.err) || (err != nil) != (test.err != nil) {
				t.Fatalf("error %v, want %v", err, test.err)
			}
			if diff := cmp.Diff(test.users, w.people(t)); diff != "" {
				t.Errorf("users (-want +got): %s", diff)
			}
			if n := w.tenants(t); test.unwritten && n > 0 {
				t.Errorf("%d tenants were written", n)
			}
			checkRejections(t, &test, part.String(), got)
			for _, personal := range []string{"hunter2", "bob@example.com"} {
				if err != nil && strings.Contains(err.Error(), personal) {
					t.Errorf("the error shows %q", personal)
				}
			}
			// Once more, as people do.
			again, err := archive.Import(t.Context(), w.Manager, strings.NewReader(test.text), &archive.ImportOptions{Rejected: io.Discard})
			if !errors.Is(err, test.err) || again.Rejected != got.Rejected {
				t.Errorf("again: %+v, %v", again, err)
			}
			if again.Created > 0 || w.people(t) != test.users {
				t.Errorf("again: %+v", again)
			}
		})
	}
	if n := len(hostileFiles()); n < 30 {
		t.Errorf("%d files", n)
	}
}

// checkRejections checks the part of rejected rows: why, and that it can be fed in again.
func checkRejections(t *testing.T, test *hostile, part string, got archive.ImportResult) {
	t.Helper()
	var want []string
	if test.rejected != "" {
		want = strings.Split(test.rejected, ";")
	}
	if got.Rejected != len(want) {
		t.Fatalf("%d rows were rejected, want %d:\n%.2000s", got.Rejected, len(want), part)
	}
	if len(want) == 0 {
		if part != "" {
			t.Errorf("a part without rows: %s", part)
		}
		return
	}
	lines := strings.Split(part, "\n")
	if lines[0] != `{"type":"archive","version":1,"part":true}` {
		t.Errorf("the part begins with %s", lines[0])
	}
	var why struct {
		Type  string
		Line  int
		Error string
	}
	must(t, json.Unmarshal([]byte(lines[1]), &why))
	line, reason, _ := strings.Cut(want[0], ": ")
	if why.Type != "rejected" || fmt.Sprint(why.Line) != line || !strings.Contains(why.Error, reason) {
		t.Errorf("rejected: %+v, want line %s for %q", why, line, reason)
	}
	original := strings.Split(strings.TrimPrefix(test.text, "\ufeff"), "\n")[why.Line-1]
	readable := reason != "UTF-8" && reason != "NUL" && reason != "too long" || strings.Contains(original, `\ud800`)
	if readable && lines[2] != original || !readable && lines[2] != "" {
		t.Errorf("the row in the part: %.200s", lines[2])
	}
	// The part itself is read: uncorrected, what it has is rejected again for the same reason,
	// by a Manager that knows the rest.
	w := inMemory(t)
	_, _ = archive.Import(t.Context(), w.Manager, strings.NewReader(test.text), &archive.ImportOptions{Rejected: io.Discard})
	var second bytes.Buffer
	again, err := archive.Import(t.Context(), w.Manager, strings.NewReader(part+part), &archive.ImportOptions{Rejected: &second})
	must(t, err)
	if readable && !test.fits && (again.Rejected != 2 || !strings.Contains(second.String(), lines[2])) {
		t.Errorf("the part, twice: %+v", again)
	}
	// Corrected, it is imported.
	corrected := lines[0] + "\n" + lines[1] + "\n" + eveRow + "\n"
	again, err = archive.Import(t.Context(), inMemory(t).Manager, strings.NewReader(corrected), nil)
	if must(t, err); again.Created != 1 {
		t.Errorf("corrected: %+v", again)
	}
}

// people returns who of ann, bob and eve is there, and fails if somebody else is.
func (w *world) people(t *testing.T) string {
	t.Helper()
	var ids []string
	for u, err := range w.Tenant("acme").All(t.Context(), enduser.Filter{}) {
		must(t, err)
		id, of, _ := strings.Cut(u.ID, "-")
		if of != "1" || u.Tenant != "acme" || !strings.EqualFold(u.ExternalID, id) {
			t.Errorf("somebody is %+v", u)
		}
		ids = append(ids, id)
	}
	return strings.Join(ids, " ")
}

func (w *world) tenants(t *testing.T) (n int) {
	t.Helper()
	for _, err := range w.Tenants(t.Context(), nil) {
		must(t, err)
		n++
	}
	return n
}

// Without a writer for them, the first rejected row ends the import and is named.
func TestRejectedUnasked(t *testing.T) {
	w := inMemory(t)
	got, err := archive.Import(t.Context(), w.Manager, strings.NewReader(file(annRow, `{}`, bobRow)), nil)
	row, ok := errors.AsType[*archive.RowError](err)
	if !ok || row.Line != 3 || !errors.Is(err, archive.ErrRow) || got.Line != 2 || got.Created != 1 {
		t.Errorf("%+v, %v", got, err)
	}
	stop := errors.New("full")
	_, err = archive.Import(t.Context(), w.Manager, strings.NewReader(file(`{}`)), &archive.ImportOptions{Rejected: failing{stop}})
	if !errors.Is(err, stop) {
		t.Errorf("a writer that fails: %v", err)
	}
	_, err = archive.Import(t.Context(), w.Manager, io.MultiReader(strings.NewReader(header+"\n"+annRow+"\n"), iotest.ErrReader(stop)), nil)
	if !errors.Is(err, stop) || errors.Is(err, archive.ErrIncomplete) {
		t.Errorf("a reader that fails: %v", err)
	}
	if _, err = archive.Export(t.Context(), w.Manager, failing{stop}, nil); !errors.Is(err, stop) {
		t.Errorf("an export to a writer that fails: %v", err)
	}
}

// One idempotency key cannot stand for many rows.
func TestIdempotent(t *testing.T) {
	w := inMemory(t)
	got, err := archive.Import(enduser.Idempotent(t.Context(), "key"), w.Manager, strings.NewReader(file(annRow)), nil)
	if !errors.Is(err, enduser.ErrInvalid) || got != (archive.ImportResult{}) || w.tenants(t) > 0 {
		t.Errorf("%+v, %v", got, err)
	}
}

type failing struct{ err error }

func (f failing) Write([]byte) (int, error) { return 0, f.err }

// Sealed values and tokens are opened nowhere but where they were sealed.
func TestSealedElsewhere(t *testing.T) {
	from := inMemory(t)
	fill(t, from)
	text := from.export(t, &archive.ExportOptions{Tenant: "zeta", Sealed: true})
	lines := strings.Split(text, "\n")
	swapped := strings.Split(text, "\n")
	var values []int
	for i, line := range lines {
		if strings.HasPrefix(line, `{"type":"sensitive"`) {
			values = append(values, i)
		}
	}
	user := func(line string) string { return line[strings.Index(line, `"user"`):strings.Index(line, `,"values"`)] }
	for n, i := range values { // each user gets the values of the next
		next := lines[values[(n+1)%len(values)]]
		swapped[i] = strings.Replace(next, user(next), user(lines[i]), 1)
	}
	for name, test := range map[string]struct {
		key, text string
		want      error
		groups    int
	}{
		"another tenant":      {"k1", strings.ReplaceAll(text, `"zeta"`, `"other"`), enduser.ErrCorrupt, 1},
		"another environment": {"k1", strings.ReplaceAll(text, `"tenant":"zeta"`, `"tenant":"zeta","environment":"Testing"`), enduser.ErrCorrupt, 1},
		"another keyring":     {"k2", text, enduser.ErrNoKey, 1},
		"no keyring":          {"", text, enduser.ErrNoKeyring, 1},
		"another user":        {"k1", strings.Join(swapped, "\n"), enduser.ErrCorrupt, 0},
		"a later deadline":    {"k1", strings.ReplaceAll(text, `"until":"2026-05-05T03:`, `"until":"2026-05-05T04:`), enduser.ErrCorrupt, 0},
	} {
		t.Run(name, func(t *testing.T) {
			to := on(t, memory.New(nil), test.key).like(from)
			var part bytes.Buffer
			got, err := archive.Import(t.Context(), to.Manager, strings.NewReader(test.text), &archive.ImportOptions{Rejected: &part})
			must(t, err)
			hooks := 0
			if test.key == "" {
				hooks = 1 // they need a secret
			}
			if got.Rejected != 3+test.groups+hooks || strings.Count(part.String(), test.want.Error()) != got.Rejected {
				t.Errorf("%+v\n%s", got, part.String())
			}
			for info, err := range to.Tenants(t.Context(), nil) {
				must(t, err)
				for _, err := range info.Handle.AllSealed(t.Context()) {
					t.Errorf("there are values: %v", err)
				}
			}
		})
	}
}

// Rows may come in any order. Values before their user are rejected, and then imported from the
// part.
func TestAnyOrder(t *testing.T) {
	from, to := inMemory(t), inMemory(t)
	fill(t, from)
	to.like(from)
	text := from.export(t, &archive.ExportOptions{Sealed: true})
	lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	slices.Reverse(lines[1 : len(lines)-1])
	var part bytes.Buffer
	got, err := archive.Import(t.Context(), to.Manager, strings.NewReader(strings.Join(lines, "\n")), &archive.ImportOptions{Rejected: &part})
	must(t, err)
	if want := (archive.ImportResult{Line: 87, Created: 5 * 14, Rejected: 5 * 3}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	got, err = archive.Import(t.Context(), to.Manager, &part, nil)
	must(t, err)
	if got.Updated != 5*3 {
		t.Errorf("the part: %+v", got)
	}
	if diff := cmp.Diff(rows(text), rows(to.export(t, &archive.ExportOptions{Sealed: true}))); diff != "" {
		t.Error(diff)
	}
}

// One bad row among a million is found, named and left out.
func TestOneBadRow(t *testing.T) {
	n := size.Pick(t, 5_000, 50_000, 1_000_000)
	bad := n * 2 / 3
	reader, writer := io.Pipe()
	go func() {
		_, _ = fmt.Fprintln(writer, header)
		for i := range n {
			if i == bad {
				_, _ = fmt.Fprintln(writer, strings.Replace(eveRow, "Eve", `Eve\`, 1))
				continue
			}
			_, _ = fmt.Fprintf(writer, `{"type":"user","tenant":"acme","id":"u-%d","external_id":"User %d"}`+"\n", i, i)
		}
		_, _ = fmt.Fprintln(writer, trailer(n))
		_ = writer.Close()
	}()
	var part bytes.Buffer
	got, err := archive.Import(t.Context(), inMemory(t).Manager, reader, &archive.ImportOptions{Rejected: &part})
	must(t, err)
	if want := (archive.ImportResult{Line: n + 2, Created: n - 1, Rejected: 1}); got != want || !rejections(part.String())[bad+2] {
		t.Errorf("%+v, want %+v\n%s", got, want, part.String())
	}
}
