package jsontext

import (
	"slices"
	"strings"
)

const hexDigits = "0123456789abcdef"

// AppendString appends s as a JSON string. It escapes only the characters that JSON
// demands. It copies invalid UTF-8 as it is: validate before.
func AppendString(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for {
		n := plain(s, 0)
		dst = append(dst, s[:n]...)
		if n == len(s) {
			return append(dst, '"')
		}
		c := s[n]
		s = s[n+1:]
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		default:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		}
	}
}

// AppendOptional appends a string, or null for an empty one.
func AppendOptional(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, "null"...)
	}
	return AppendString(dst, s)
}

// AppendList appends a JSON array; appendItem appends each item.
func AppendList[T any](dst []byte, items []T, appendItem func(dst []byte, item T) []byte) []byte {
	dst = append(dst, '[')
	for i, item := range items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendItem(dst, item)
	}
	return append(dst, ']')
}

// Compact validates that s is one JSON value and returns it without white space, with
// its strings in the spelling of AppendString and the members of objects sorted by
// name. Texts that differ only in these become the same. Numbers stay as they are
// spelled.
func Compact(s string) (string, error) {
	p := NewScanner(s)
	out, err := p.Compact()
	if err == nil {
		err = p.End()
	}
	if err != nil {
		return "", err
	}
	return out, nil
}

// Compact reads any value and returns it as the function Compact does. A text that
// is compact already is not copied.
func (p *Scanner) Compact() (string, error) {
	p.space()
	p.loose = false
	before := *p
	raw, err := p.Raw()
	if err != nil {
		return "", err
	}
	if p.loose || strings.IndexByte(raw, '\\') >= 0 {
		var out []byte
		if out, err = before.compact(make([]byte, 0, len(raw))); string(out) != raw {
			return string(out), err
		}
	}
	return raw, nil
}

func (p *Scanner) compact(dst []byte) ([]byte, error) {
	switch p.Kind() {
	case String:
		s, err := p.String()
		return AppendString(dst, s), err
	case Object:
		return p.compactObject(dst)
	case Array:
		dst = append(dst, '[')
		first := true
		err := p.Array(func() (err error) {
			if !first {
				dst = append(dst, ',')
			}
			first = false
			dst, err = p.compact(dst)
			return err
		})
		return append(dst, ']'), err
	default:
		raw, err := p.Raw()
		return append(dst, raw...), err
	}
}

func (p *Scanner) compactObject(dst []byte) ([]byte, error) {
	type member struct {
		name string
		text []byte
	}
	var members []member
	err := p.Object(func(name string) error {
		text, err := p.compact(append(AppendString(nil, name), ':'))
		members = append(members, member{name, text})
		return err
	})
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.name, b.name) })
	dst = append(dst, '{')
	for i, m := range members {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, m.text...)
	}
	return append(dst, '}'), err
}
