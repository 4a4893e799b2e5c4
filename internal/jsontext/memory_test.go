package jsontext_test

import (
	"strings"
	"testing"
	"unsafe"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// shares reports whether part lies in the memory of whole.
func shares(whole, part string) bool {
	from := uintptr(unsafe.Pointer(unsafe.StringData(whole)))
	at := uintptr(unsafe.Pointer(unsafe.StringData(part)))
	return at >= from && at+uintptr(len(part)) <= from+uintptr(len(whole))
}

func TestStringsShareMemory(t *testing.T) {
	t.Parallel()
	text := `{"name":"Zoë Ωmega","escaped":"a\nb","raw":{"x":[1,"y"]}}`
	p := jsontext.NewScanner(text)
	err := p.Object(func(name string) error {
		if !shares(text, name) {
			t.Errorf("the name %q was copied", name)
		}
		if name == "raw" {
			raw, err := p.Raw()
			if !shares(text, raw) {
				t.Errorf("the raw text %q was copied", raw)
			}
			return err
		}
		s, err := p.String()
		if got, want := shares(text, s), name == "name"; got != want {
			t.Errorf("%s shares memory: %t, want %t", name, got, want)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// A text that is compact already is not copied.
func TestCompactShares(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of the whole process
	for _, text := range []string{`{"a":"b"}`, `[1,{"a":"b","ä":[],"é":{}},"x"]`, `"x y"`, "-1.50"} {
		out, err := jsontext.Compact(text)
		if err != nil || out != text || !shares(text, out) {
			t.Errorf("Compact(%q) = %q, %v, shared: %t", text, out, err, shares(text, out))
		}
		if got := testing.AllocsPerRun(100, func() { _, _ = jsontext.Compact(text) }); got > 0 {
			t.Errorf("Compact(%q) allocates %v times", text, got)
		}
	}
}

// Not parallel: AllocsPerRun counts the allocations of the whole process.
func TestAllocations(t *testing.T) { //nolint:paralleltest // see above
	quoted := `"` + strings.Repeat("plain text, ünïcode ", 50) + `"`
	array := "[" + strings.Repeat(quoted+",", 20) + "1]"
	buf := make([]byte, 0, 4<<10)
	for _, row := range []struct {
		name string
		most float64
		f    func()
	}{
		{"a string without escapes", 0, func() {
			p := jsontext.NewScanner(quoted)
			if _, err := p.String(); err != nil {
				t.Fatal(err)
			}
		}},
		{"numbers", 0, func() {
			p := jsontext.NewScanner("-12345")
			if _, err := p.Int(); err != nil {
				t.Fatal(err)
			}
		}},
		{"AppendString into a buffer that is large enough", 0, func() {
			buf = jsontext.AppendString(buf[:0], quoted)
		}},
		{"an array does not allocate", 0, func() {
			p := jsontext.NewScanner(array)
			if _, err := p.Raw(); err != nil {
				t.Fatal(err)
			}
		}},
		{"an object of up to 24 members does not allocate", 0, func() {
			p := jsontext.NewScanner(`{"a":1,"b":"x","c":true,"d":null,"e":1,"f":1,"g":1,"h":1,"i":1,"j":1,"k":1,"l":1,"m":1,"n":1,"o":1,"p":1,"aa":1,"bb":1,"cc":1,"dd":1,"ee":1,"ff":1,"gg":1,"hh":1}`)
			if _, err := p.Raw(); err != nil {
				t.Fatal(err)
			}
		}},
	} {
		if got := testing.AllocsPerRun(100, row.f); got > row.most {
			t.Errorf("%s: %v allocations, want at most %v", row.name, got, row.most)
		}
	}
}
