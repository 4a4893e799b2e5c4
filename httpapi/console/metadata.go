package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
)

// metadataTable is metadata as people read it, and as JSON.
type metadataTable struct {
	ID   string // of the JSON in the page
	Rows []metadataRow
	JSON string
}

// metadataRow is a value of metadata. An object or a list has its JSON, and Value says what it is.
type metadataRow struct {
	Key, Type, Value string
	JSON             string
}

func tableOf(id string, m enduser.Metadata) (t metadataTable) {
	t.ID = id
	if len(m) == 0 {
		return t
	}
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		t.Rows = append(t.Rows, metadataRowOf(key, m[key]))
	}
	t.JSON = escaped(string(m.AppendJSON(nil)))
	if whole := indented(t.JSON); whole != t.JSON { // each value for itself is shorter
		t.JSON = whole
		for i := range t.Rows {
			t.Rows[i].JSON = indented(t.Rows[i].JSON)
		}
	}
	return t
}

func metadataRowOf(key string, v enduser.Value) metadataRow {
	row := metadataRow{Key: key, Value: v.String()}
	switch v.Text()[0] {
	case '"':
		row.Type = "text"
	case '{':
		var object map[string]json.RawMessage
		_ = v.Decode(&object) // it is one
		row.Type, row.Value, row.JSON = "object", plural(len(object), "member"), escaped(v.Text())
	case '[':
		var list []json.RawMessage
		_ = v.Decode(&list) // it is one
		row.Type, row.Value, row.JSON = "list", plural(len(list), "item"), escaped(v.Text())
	case 't', 'f':
		row.Type = "boolean"
	case 'n':
		row.Type = "null"
	default:
		row.Type = "number"
	}
	return row
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return thousands(n) + " " + what + "s"
}

// escaped returns a JSON text in which the characters that visible replaces are escaped, so that it
// is the same JSON.
func escaped(text string) string {
	var b strings.Builder
	for _, r := range text {
		if hides(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// indented returns a JSON text with line breaks, unless that is longer than maxMetadataText: short
// values that are deep inside others become thirty times as long.
func indented(text string) string {
	var b bytes.Buffer
	if len(text) > maxMetadataText || json.Indent(&b, []byte(text), "", "  ") != nil || b.Len() > maxMetadataText {
		return text
	}
	return b.String()
}
