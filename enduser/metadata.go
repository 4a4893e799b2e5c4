package enduser

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// Metadata is data about a user or group beyond the profile: values by key.
//
//	enduser.Metadata{"plan": enduser.String("pro"), "seats": enduser.Int(12)}
//
// [MetadataOf] makes it from a struct or map, [MetadataAs] turns it into one. A [Policy]
// limits its keys and bytes.
type Metadata map[string]Value

// Value is one metadata value: any JSON value, stored exactly as it was given, so that a
// 64-bit integer keeps its digits. Values can be compared with ==. The zero Value is null.
//
// In a [Spec] given to Upsert, a null value removes the key.
type Value struct {
	text string // compact JSON; "" is null
}

// Null is the value that removes a key.
//
//nolint:gochecknoglobals // the zero Value under the name that users look for
var Null Value

// String returns the value of a string.
func String(s string) Value { return Value{string(jsontext.AppendString(nil, s))} }

// Int returns the value of an integer.
func Int(n int64) Value { return Value{strconv.FormatInt(n, 10)} }

// Bool returns the value of a boolean.
func Bool(b bool) Value { return Value{strconv.FormatBool(b)} }

// Float returns the value of a floating point number. Infinities and NaN, which
// JSON cannot express, become null.
func Float(f float64) Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return Null
	}
	text, err := json.Marshal(f)
	if err != nil {
		return Null
	}
	return Value{string(text)}
}

// JSON returns the value of a JSON text. It returns ErrInvalid if the text is not one JSON
// value, is not UTF-8, names a member twice, nests deeper than 32 levels, or holds a number
// beyond the range of a float64.
func JSON(text string) (Value, error) {
	compact, err := jsontext.Compact(text)
	if err != nil {
		return Value{}, invalidField(Field{Name: "metadata"}, CodeJSON, err.Error())
	}
	return valueOf(compact), nil
}

// valueOf returns the value of a compact text.
func valueOf(compact string) Value {
	if compact == "null" {
		return Value{}
	}
	return Value{compact}
}

// IsNull reports whether v is null.
func (v Value) IsNull() bool { return v.text == "" }

// Text returns the JSON text of v, without white space.
func (v Value) Text() string {
	if v.text == "" {
		return "null"
	}
	return v.text
}

// String implements fmt.Stringer. It returns the string if v is one, else the JSON text.
func (v Value) String() string {
	if s, ok := v.Str(); ok {
		return s
	}
	return v.Text()
}

// Str returns v as a string, and reports whether it is one.
func (v Value) Str() (string, bool) {
	p := jsontext.NewScanner(v.text)
	s, err := p.String()
	return s, err == nil
}

// Int64 returns v as an integer, and reports whether it is one that fits.
func (v Value) Int64() (int64, bool) {
	n, err := strconv.ParseInt(v.text, 10, 64)
	if err != nil {
		return 0, false
	}
	return n, true
}

// Float64 returns the number that v is, and whether it is one.
func (v Value) Float64() (float64, bool) {
	p := jsontext.NewScanner(v.text)
	if p.Kind() != jsontext.Number {
		return 0, false
	}
	f, err := strconv.ParseFloat(v.text, 64)
	return f, err == nil
}

// Bool returns the boolean that v is, and whether it is one.
func (v Value) Bool() (value, ok bool) {
	return v.text == "true", v.text == "true" || v.text == "false"
}

// Decode stores v in the variable to which dst points, as encoding/json does.
func (v Value) Decode(dst any) error {
	return decodeError(json.Unmarshal([]byte(v.Text()), dst))
}

// decodeError returns an error that does not quote the value, as those of encoding/json do.
func decodeError(err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return fmt.Errorf("enduser: decode metadata: a value does not fit %s in field %q", e.Type, e.Field)
	}
	return errors.New("enduser: decode metadata: a value does not fit the type of its destination")
}

// Equal is ==.
func (v Value) Equal(w Value) bool { return v == w }

// MarshalJSON implements json.Marshaler.
func (v Value) MarshalJSON() ([]byte, error) { return []byte(v.Text()), nil }

// UnmarshalJSON implements json.Unmarshaler. Its errors are those of [JSON].
func (v *Value) UnmarshalJSON(text []byte) error {
	value, err := JSON(string(text))
	if err == nil {
		*v = value
	}
	return err
}

// MetadataOf returns the metadata of a struct or map, which encoding/json encodes: one key a
// member. Null members are left out. It fails unless v encodes to a JSON object.
func MetadataOf(v any) (Metadata, error) {
	text, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("enduser: encode metadata: %w", err)
	}
	m, err := ParseMetadata(string(text))
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(m, func(_ string, v Value) bool { return v.IsNull() })
	return m, nil
}

// MetadataAs returns the metadata as a T, usually a struct with json tags; keys
// that T does not name are ignored.
func MetadataAs[T any](m Metadata) (T, error) {
	var t T
	err := json.Unmarshal(m.AppendJSON(nil), &t)
	return t, decodeError(err)
}

// MarshalJSON implements json.Marshaler; keys are sorted.
func (m Metadata) MarshalJSON() ([]byte, error) { return m.AppendJSON(nil), nil }

// UnmarshalJSON implements json.Unmarshaler. Its errors are those of [ParseMetadata]; null
// means no metadata.
func (m *Metadata) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		*m = nil
		return nil
	}
	parsed, err := ParseMetadata(string(text))
	if err == nil {
		*m = parsed
	}
	return err
}

// AppendJSON appends the metadata as a JSON object with sorted keys, so that equal metadata
// has equal text.
func (m Metadata) AppendJSON(dst []byte) []byte {
	dst = append(dst, '{')
	var few [16]string
	for i, key := range m.sortedKeys(few[:0]) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(jsontext.AppendString(dst, key), ':')
		dst = append(dst, m[key].Text()...)
	}
	return append(dst, '}')
}

// sortedKeys returns the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// sortedKeys appends the keys to a list, and sorts it.
func (m Metadata) sortedKeys(keys []string) []string {
	for key := range m {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// ParseMetadata returns the metadata of a JSON object; a member that is null has the null
// Value. Its errors are those of [JSON].
func ParseMetadata(object string) (Metadata, error) {
	p := jsontext.NewScanner(object)
	m, err := scanMetadata(&p)
	if err == nil {
		err = p.End()
	}
	if err == nil {
		return m, nil
	}
	return nil, invalidField(Field{Name: "metadata"}, CodeJSON, err.Error())
}

// MergePatch returns the metadata changed by a JSON merge patch (RFC 7396): null removes a
// key, an object is merged into an object, and anything else replaces the value. Its errors
// are those of [ParseMetadata].
func (m Metadata) MergePatch(object string) (Metadata, error) {
	patch, err := ParseMetadata(object)
	if err != nil {
		return m, err
	}
	out := maps.Clone(m)
	if out == nil {
		out = make(Metadata, len(patch))
	}
	for key, value := range patch {
		if value.IsNull() {
			delete(out, key)
			continue
		}
		out[key] = out[key].mergePatch(value)
	}
	return out, nil
}

// mergePatch is the recursive step of RFC 7396.
func (v Value) mergePatch(patch Value) Value {
	members, ok := patch.members()
	if !ok {
		return patch
	}
	out, _ := v.members() // none unless v is an object
	if out == nil {
		out = make(Metadata)
	}
	for key, value := range members {
		if value.IsNull() {
			delete(out, key)
			continue
		}
		out[key] = out[key].mergePatch(value)
	}
	return Value{string(out.AppendJSON(nil))}
}

// members returns the members of a value that is an object.
func (v Value) members() (Metadata, bool) {
	p := jsontext.NewScanner(v.text)
	if p.Kind() != jsontext.Object {
		return nil, false
	}
	m, err := scanMetadata(&p)
	return m, err == nil
}

func (m Metadata) hasNull() bool {
	for _, value := range m {
		if value.IsNull() {
			return true
		}
	}
	return false
}

// size returns how many bytes the metadata has as compact JSON.
func (m Metadata) size() int {
	size := len("{}") + max(len(m)-1, 0)
	var buf [256]byte
	for key, value := range m {
		size += len(jsontext.AppendString(buf[:0], key)) + len(":") + len(value.Text())
	}
	return size
}

// room returns about how many bytes AppendJSON appends.
func (m Metadata) room() int {
	size := 0
	for key, value := range m {
		size += len(key) + len(value.text) + len(`"":,`)
	}
	return size
}

// scanMetadata reads an object.
func scanMetadata(p *jsontext.Scanner) (Metadata, error) {
	m := make(Metadata)
	err := p.Object(func(name string) error {
		text, err := p.Compact()
		if err == nil {
			m[name] = valueOf(text)
		}
		return err
	})
	return m, err
}

// merge merges from into m: null removes a key. It returns m, or, if m is nil, a map that
// may be from.
func (m Metadata) merge(from Metadata) Metadata {
	if m == nil && !from.hasNull() {
		return from
	}
	for key, value := range from {
		if value.IsNull() {
			delete(m, key)
			continue
		}
		if m == nil {
			m = make(Metadata, len(from))
		}
		m[key] = value
	}
	return m
}
