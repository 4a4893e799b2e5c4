package enduser

import (
	"bytes"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
)

// goldenSensitive are the values that testdata/codec/sensitive holds; see
// goldenBodies.
func goldenSensitive() map[string][]sealedValue {
	return map[string][]sealedValue{
		"v1-one.json": {{key: "ssn", until: millis(1700086400000), sealed: []byte{1}}},
		"v1-full.json": {
			{key: "-", until: millis(1700086400002), sealed: []byte{0, 1, 0xff, 0xfe, '"'}},
			{key: "card_number", until: millis(1700086400001), sealed: bytes.Repeat([]byte{0xaa}, 41)},
			{key: strings.Repeat("k", 128), until: millis(1), sealed: []byte("x")},
		},
	}
}

var compareSensitive = cmp.AllowUnexported(sealedValue{})

func TestGoldenSensitive(t *testing.T) {
	t.Parallel()
	for name, want := range goldenSensitive() {
		r := newSensitiveRecord("u1", want, carried{})
		golden := goldenBody(t, filepath.Join("testdata", "codec", "sensitive", name), r.Data)
		v := sensitiveRecord{record: store.Record{ID: "sensitive/u1", Data: golden}}
		if err := v.scan(); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, v.values, compareSensitive); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if string(r.Data) != string(golden) {
			t.Errorf("%s: the same values now have the body\n%s\nwant\n%s", name, r.Data, golden)
		}
	}
}

// The record is due at the first deadline, and found by its ID alone.
func TestSensitiveRecord(t *testing.T) {
	t.Parallel()
	r := newSensitiveRecord("u1", goldenSensitive()["v1-full.json"], carried{})
	if r.ID != "sensitive/u1" || r.Kind != "sensitive" || !r.Due.Equal(millis(1)) || len(r.Unique)+len(r.Index) != 0 {
		t.Errorf("record %+v", r)
	}
}

// checkCorruptSensitive is checkCorrupt for the body of sensitive values.
func checkCorruptSensitive(t interface{ Errorf(string, ...any) }, what, body string, must bool) {
	v := sensitiveRecord{record: store.Record{ID: "sensitive/u1", Data: []byte(body)}}
	err := v.scan()
	switch {
	case err == nil && must:
		t.Errorf("%s: accepted: %.200q", what, body)
	case err == nil:
		again := sensitiveRecord{record: newSensitiveRecord("u1", v.values, carried{})}
		if err := again.scan(); err != nil || cmp.Diff(v.values, again.values, compareSensitive) != "" {
			t.Errorf("%s: lost when written back: %v", what, err)
		}
	case !errors.Is(err, ErrCorrupt) && (must || !errors.Is(err, ErrNewer)) || strings.Contains(err.Error(), "canary"):
		t.Errorf("%s: %v, want an ErrCorrupt that quotes nothing", what, err)
	}
}

func TestCorruptSensitive(t *testing.T) {
	t.Parallel()
	body := newSensitiveRecord("u1", []sealedValue{
		{key: "ssn", until: millis(1700086400000), sealed: []byte{0, 1, 0xff, 0xfe, '"'}},
		{key: "zip", until: millis(1700086400001), sealed: []byte{7}},
	}, carried{}).Data
	eachDamage(t, string(body), map[string][2]string{
		"no key":             {`{"key":"ssn",`, `{`},
		"empty key":          {`{"key":"ssn",`, `{"key":"",`},
		"no deadline":        {`"until":1700086400000,`, ""},
		"deadline as text":   {`"until":1700086400000`, `"until":"canary"`},
		"deadline as float":  {`"until":1700086400000`, `"until":1700086400000.5`},
		"not sealed":         {`,"sealed":"AAH//iI"`, ""},
		"sealed is null":     {`"sealed":"AAH//iI"`, `"sealed":null`},
		"sealed, not base64": {`"sealed":"AAH//iI"`, `"sealed":"canary!"`},
		"key twice":          {`{"key":"ssn"`, `{"key":"canary","key":"ssn"`},
		"values is no list":  {`"values":[`, `"values":{"a":[`},
	}, checkCorruptSensitive)
}

func FuzzDecodeSensitive(f *testing.F) {
	for _, values := range goldenSensitive() {
		f.Add(string(newSensitiveRecord("u1", values, carried{}).Data))
	}
	f.Fuzz(func(t *testing.T, body string) { checkCorruptSensitive(t, "body", body, false) })
}

// The body of a user says whether the user has sensitive values.
func TestUserBodySaysWhetherThereAreValues(t *testing.T) {
	t.Parallel()
	u := fullUser()
	body := string(bodyOf(&u))
	u.hasSensitive = true
	with := string(bodyOf(&u))
	if want := strings.Replace(body, `,"stamp":`, `,"sensitive":true,"stamp":`, 1); with != want {
		t.Errorf("body\n%s\nwant\n%s", with, want)
	}
	checkCorrupt(t, "null", strings.Replace(with, `"sensitive":true`, `"sensitive":null`, 1), true)
	r := store.Record{ID: "0123", Data: []byte(strings.Replace(with, `"sensitive":true`, `"sensitive":false`, 1))}
	if u, err := decodeUser("acme", Customer, &r); err != nil || u.hasSensitive {
		t.Errorf("sensitive is false: %v", err)
	}
}
