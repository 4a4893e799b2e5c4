package csvfile_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/csvfile"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/vendors"
	"github.com/rollbook-go/rollbook/enduser"
)

func Example() {
	source, err := csvfile.Open(strings.NewReader("External ID;E-Mail;Plan\ncrm-7;ann@example.com;pro\n"), &csvfile.Options{
		Columns: map[string]string{"E-Mail": "email", "Plan": "metadata.plan"},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	for row := range source.Rows(context.Background()) {
		fmt.Println(row.At, row.User.ExternalID, row.User.Email, row.User.Metadata["plan"])
	}
	fmt.Println(source.Err())
	// Output:
	// line 2 crm-7 ann@example.com pro
	// <nil>
}

// read returns all rows of a file.
func read(t *testing.T, text string, opts *csvfile.Options) (*csvfile.Source, []vendors.Row) {
	t.Helper()
	source, err := csvfile.Open(iotest.OneByteReader(strings.NewReader(text)), opts)
	if err != nil {
		t.Fatal(err)
	}
	var rows []vendors.Row
	for row := range source.Rows(t.Context()) {
		rows = append(rows, row)
	}
	return source, rows
}

func TestFields(t *testing.T) {
	const text = "\ufeffid,External-ID,NAME,first name,last_name,email,avatar,language,metadata,metadata.Plan.B," +
		"system_properties,system_properties.tier,linked_account.discord,linked_accounts,groups," +
		"created_at,created_by,updated_at,updated_by,expires_at,-\r\n" +
		`u-1,crm-7,"Ann ""A""` + "\n" + `Smith",Ann,Smith,ann@example.com,https://example.com/a.png,de,` +
		`"{""seats"":12}",007,"{""x"":[1]}",gold,8035,"[{""type"":""telegram"",""id"":""9""}]",team-7; team-8,` +
		"2026-01-02T03:04:05.006+01:00,crm,2026-01-02 03:04:05+00,me,2027-01-02,passed over\r\n" +
		`,crm-8,,,,,,,,,,,,,"[""a;b""]",2026-01-02 03:04:05,,,,,` + "\r\n"
	source, rows := read(t, text, nil)
	if err := source.Err(); err != nil || len(rows) != 2 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	utc := func(day, hour, minute, second, ms int) time.Time {
		return time.Date(2026, 1, day, hour, minute, second, ms*1e6, time.UTC)
	}
	want := enduser.Import{
		Spec: enduser.Spec{
			ExternalID: "crm-7", Name: "Ann \"A\"\nSmith", FirstName: "Ann", LastName: "Smith", Email: "ann@example.com",
			Avatar: "https://example.com/a.png", Language: "de",
			Metadata:         enduser.Metadata{"seats": enduser.Int(12), "Plan.B": enduser.String("007")},
			SystemProperties: enduser.Metadata{"x": mustJSON(t, "[1]"), "tier": enduser.String("gold")},
			Accounts:         []enduser.Account{{Type: "discord", ID: "8035"}, {Type: "telegram", ID: "9"}},
			Groups:           []string{"team-7", "team-8"},
		},
		ID: "u-1", CreatedAt: utc(2, 2, 4, 5, 6), CreatedBy: "crm", UpdatedAt: utc(2, 3, 4, 5, 0), UpdatedBy: "me",
		ExpiresAt: time.Date(2027, 1, 2, 0, 0, 0, 0, time.UTC),
	}
	second := enduser.Import{Spec: enduser.Spec{ExternalID: "crm-8", Groups: []string{"a;b"}}, CreatedAt: utc(2, 3, 4, 5, 0)}
	for i, want := range []enduser.Import{want, second} {
		if rows[i].Err != nil {
			t.Fatal(rows[i].Err)
		}
		if diff := cmp.Diff(want, *rows[i].User); diff != "" {
			t.Errorf("row %d: %s", i, diff)
		}
	}
	if rows[0].At != "line 2" || rows[1].At != "line 4" {
		t.Errorf("at %q and %q", rows[0].At, rows[1].At)
	}
}

func mustJSON(t *testing.T, text string) enduser.Value {
	t.Helper()
	v, err := enduser.JSON(text)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestBadRows: each is named with its line, quotes nothing, and the rows behind it are read.
func TestBadRows(t *testing.T) {
	for name, test := range map[string]struct{ row, want string }{
		"too few cells":   {`secret`, "3 cells instead of 4"},
		"a bare quote":    {`se"cret,,,`, "quote"},
		"a loose quote":   {`"secret"x,,,`, "quote"},
		"metadata":        {`a,secret,,`, `"metadata"`},
		"a list":          {`a,[1],,`, `"metadata"`},
		"a time":          {`a,,secret,`, `"created_at"`},
		"an impossible":   {`a,,2026-02-30,`, `"created_at"`},
		"linked accounts": {`a,,,secret`, `"linked_accounts"`},
		"many accounts":   {`a,,,"[` + strings.Repeat("{},", 20_000) + `{}]"`, "10000 values"},
	} {
		t.Run(name, func(t *testing.T) {
			want := strings.ReplaceAll(test.want, "3 cells", "1 cells")
			source, rows := read(t, "external_id,metadata,created_at,linked_accounts\nfirst,,,\n"+test.row+"\nlast,,,\n", nil)
			if err := source.Err(); err != nil || len(rows) != 3 {
				t.Fatalf("%d rows, %v", len(rows), err)
			}
			if err := rows[1].Err; err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "secret") {
				t.Errorf("%v, want %q", err, want)
			}
			if rows[1].At != "line 3" || rows[1].User != nil || rows[2].User.ExternalID != "last" || rows[2].At != "line 4" {
				t.Errorf("%+v", rows)
			}
		})
	}
}

// TestBadFiles: nothing of such a file can be read, or nothing behind a point.
func TestBadFiles(t *testing.T) {
	columns := map[string]string{"Mail": "email"}
	for name, test := range map[string]struct{ text, want string }{
		"empty":                {"", "line 1: the file is empty"},
		"an unknown column":    {"external_id,shoe size\n", `line 1: column 2, "shoe size": no such field; -column 'shoe size=FIELD' names one, 'shoe size=-' skips it`},
		"a column twice":       {"external_id,Mail,External ID\n", `"External ID"`},
		"a key twice":          {"metadata.a,Mail,metadata.a\n", `"metadata.a"`},
		"a key of no object":   {"name.first,Mail\n", `"name.first"`},
		"an empty key":         {"metadata.,Mail\n", `"metadata."`},
		"no named column":      {"external_id\n", `"Mail"`},
		"an open quote":        {"external_id,Mail\na,\n\"b,\nc,\nd,\n", "line 3"},
		"an endless row":       {"external_id,Mail\na,\n\"" + strings.Repeat("b\n", 9<<20), "16 MiB"},
		"a quote in the head":  {"external_id,M\"ail\n", "line 1"},
		"a quote to be pasted": {"x'; date; ',id\n", "-column 'COLUMN=FIELD'"},
		"UTF-16":               {"\xff\xfei\x00d\x00,\x00M\x00\n\x00", "UTF-8"},
	} {
		t.Run(name, func(t *testing.T) {
			source, err := csvfile.Open(strings.NewReader(test.text), &csvfile.Options{Columns: columns})
			if err == nil {
				for range source.Rows(t.Context()) {
				}
				err = source.Err()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

func TestSeparators(t *testing.T) {
	for text, sep := range map[string]rune{
		"external_id,name\ncrm-7,A;n;n\n":           0,
		"external_id;name\ncrm-7;A,n,n\n":           0,
		"external_id\tname\ncrm-7\tA,n;n\n":         0,
		"external_id;\"name\"\ncrm-7;A,n\n":         0,
		"external_id|name\ncrm-7|A,n;n\n":           '|',
		"external_id\n\ncrm-7\n":                    0,
		"rejected,external_id\nwhy,\n,crm-7\nno,\n": 0,
	} {
		source, rows := read(t, text, &csvfile.Options{Separator: sep})
		if err := source.Err(); err != nil || len(rows) != 1 || rows[0].User == nil || rows[0].User.ExternalID != "crm-7" {
			t.Errorf("%q: %+v %v", text, rows, err)
		}
	}
}

// TestTyped: a row comes as soon as its line does.
func TestTyped(t *testing.T) {
	typed, keyboard := io.Pipe()
	rows := make(chan vendors.Row)
	go func() {
		defer close(rows)
		source, err := csvfile.Open(typed, nil)
		if err != nil {
			t.Error(err)
			return
		}
		for row := range source.Rows(t.Context()) {
			rows <- row
		}
	}()
	for _, line := range []string{"external_id;name\ncrm-7;Ann\n", "crm-8;Bob\n"} {
		_, _ = io.WriteString(keyboard, line) // it is read
		if row := <-rows; row.User == nil || !strings.Contains(line, row.User.Name) {
			t.Errorf("%+v", row)
		}
	}
	_ = keyboard.Close()
	<-rows
}

// TestRejected: a file of rejected rows can be read as the rows that it has, again and again.
func TestRejected(t *testing.T) {
	const text = "external_id;name\ncrm-7;\"A;n\nn\"\ncrm-8;\n\"x\"y;\nz\n"
	source, rows := read(t, text, nil)
	for range 3 {
		file := source.RejectedHeader() + "\n"
		for _, r := range rows {
			file += source.Rejected(r, errors.New("why; really")) + "\n"
		}
		if !strings.HasPrefix(file, "rejected;external_id;name\n\"line 2: why; really\";crm-7;\"A;n\nn\"\n") {
			t.Errorf("%s", file)
		}
		again, reread := read(t, file, nil)
		if err := again.Err(); err != nil || len(reread) != 3 {
			t.Fatalf("%d rows, %v", len(reread), err)
		}
		for i := range reread[:2] {
			if diff := cmp.Diff(rows[i].User, reread[i].User); diff != "" {
				t.Error(diff)
			}
		}
		source, rows = again, append(reread[:2:2], rows[2:]...)
	}
}

func TestAfter(t *testing.T) {
	const text = "external_id\na\n\nb\nc\n"
	_, all := read(t, text, nil)
	for i, row := range all {
		_, rest := read(t, text, &csvfile.Options{After: row.Position})
		if diff := cmp.Diff(all[i+1:], rest, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	}
	for _, after := range []string{"7", "csv:row:-1", "csv:row:x", "ada:row:1"} {
		if _, err := csvfile.Open(strings.NewReader(text), &csvfile.Options{After: after}); err == nil {
			t.Errorf("%q was taken", after)
		}
	}
}
