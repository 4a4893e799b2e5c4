package archive_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/archive"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/size"
	"github.com/rollbook-go/rollbook/store/memory"
)

// heap is the highest that was seen.
type heap struct{ most uint64 }

func (h *heap) look() uint64 {
	var now runtime.MemStats
	runtime.ReadMemStats(&now)
	h.most = max(h.most, now.HeapAlloc)
	return now.HeapAlloc
}

// Memory does not grow with the archive: neither with the number of rows nor with their length.
func TestMemory(t *testing.T) {
	n := size.Pick(t, 1000, 20_000, 100_000)
	if size.Race {
		n = 1000
	}
	const most = 100 << 20
	note := strings.Repeat("x", 7000)
	reader, writer := io.Pipe()
	go func() {
		_, _ = fmt.Fprintln(writer, header)
		for i := range n {
			_, _ = fmt.Fprintf(writer, `{"type":"user","tenant":"acme","id":"u-%d","external_id":"User %d","metadata":{"note":"%s"}}`+"\n", i, i, note)
		}
		_, _ = fmt.Fprintln(writer, trailer(n))
		_ = writer.Close()
	}()
	w := on(t, backends.SQLite(t))
	runtime.GC()
	var h heap
	before := h.look()
	_, err := archive.Import(t.Context(), w.Manager, reader, &archive.ImportOptions{Progress: func(r archive.ImportResult) {
		if r.Line%500 == 0 {
			h.look()
		}
	}})
	must(t, err)
	t.Logf("import of %d MiB: %d MiB more", n*7100>>20, int64(h.most-before)>>20)
	if h.most > before+most {
		t.Errorf("the heap grew by %d MiB", (h.most-before)>>20)
	}
	runtime.GC()
	h = heap{}
	before = h.look()
	_, err = archive.Export(t.Context(), w.Manager, io.Discard, &archive.ExportOptions{Progress: func(archive.ExportResult) { h.look() }})
	must(t, err)
	t.Logf("export: %d MiB more", int64(h.most-before)>>20)
	if h.most > before+most {
		t.Errorf("the heap grew by %d MiB", (h.most-before)>>20)
	}
}

// A row cannot make much of little: what no row may have is refused while it is read.
func TestMemoryOfHostileRows(t *testing.T) {
	long := func(item string) string { return item + strings.Repeat(","+item, archive.MaxRow/(len(item)+1)-100) }
	var members strings.Builder
	for i := range archive.MaxRow / 16 {
		_, _ = fmt.Fprintf(&members, `"%x":0,`, i)
	}
	for name, row := range map[string]string{
		"accounts": `{"type":"user","tenant":"acme","id":"a","linked_accounts":[` + long("{}") + `]}`,
		"groups":   `{"type":"user","tenant":"acme","id":"a","groups":[` + long(`""`) + `]}`,
		"metadata": `{"type":"user","tenant":"acme","id":"a","metadata":{` + members.String() + `"z":0}}`,
		"values":   `{"type":"sensitive","tenant":"acme","user":"a","values":[` + long("{}") + `]}`,
		"events":   `{"type":"webhook","tenant":"acme","id":"a","events":[` + long(`""`) + `]}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := inMemory(t)
			text := `{"type":"archive","version":1,"part":true}` + "\n" + row
			allocated := func() uint64 {
				var now runtime.MemStats
				runtime.ReadMemStats(&now)
				return now.TotalAlloc
			}
			before := allocated()
			_, err := archive.Import(t.Context(), w.Manager, strings.NewReader(text), nil)
			if refused, ok := errors.AsType[*archive.RowError](err); !ok || !errors.Is(refused, archive.ErrRow) {
				t.Errorf("the row is refused with %v", err)
			}
			if mib := (allocated() - before) >> 20; mib > 96 { // for its text, and the names in it
				t.Errorf("a row of 4 MiB takes %d MiB", mib)
			}
		})
	}
}

// Whatever a file has in it, the import ends, its part can be read, and a second one creates
// nothing.
func FuzzImport(f *testing.F) {
	for _, test := range hostileFiles() {
		if len(test.text) < 4<<10 {
			f.Add([]byte(test.text))
		}
	}
	full := on(f, memory.New(nil))
	fill(f, full)
	f.Add([]byte(full.export(f, &archive.ExportOptions{Tenant: "zeta", Sealed: true})))
	f.Fuzz(func(t *testing.T, file []byte) {
		w := inMemory(t).like(full)
		var part bytes.Buffer
		got, err := archive.Import(t.Context(), w.Manager, bytes.NewReader(file), &archive.ImportOptions{Rejected: &part})
		again, err2 := archive.Import(t.Context(), w.Manager, bytes.NewReader(file), &archive.ImportOptions{Rejected: io.Discard})
		if (err == nil) != (err2 == nil) {
			t.Errorf("%v, and again: %v", err, err2)
		}
		if written := got.Created > 0; again.Created > got.Rejected || !written && got.Rejected == 0 && w.tenants(t) > 0 {
			t.Errorf("%+v, and again: %+v", got, again)
		}
		if got.Rejected > 0 {
			if _, err := archive.Import(t.Context(), w.Manager, &part, &archive.ImportOptions{Rejected: io.Discard}); err != nil {
				t.Errorf("the part: %v", err)
			}
		}
		_, err = archive.Export(t.Context(), w.Manager, io.Discard, &archive.ExportOptions{Sealed: true})
		if _, unreadable := errors.AsType[*enduser.UnreadableError](err); unreadable || err != nil {
			t.Errorf("export: %v", err)
		}
	})
}
