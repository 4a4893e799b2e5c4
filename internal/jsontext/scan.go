// Package jsontext reads and writes JSON text strictly and with few allocations.
//
// encoding/json (v1) accepts a member twice, matches names in any case, turns
// invalid UTF-8 and lone surrogates into U+FFFD and ignores what follows the
// first value. Each of these lets two parties read one document differently,
// which a registry of many tenants cannot afford. This package refuses them
// (RFC 8259 sections 4, 7 and 8; RFC 7493 section 2).
package jsontext

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// MaxDepth is how deep arrays and objects may be nested.
const MaxDepth = 32

// The reasons for which a text is refused, for errors.Is.
var (
	ErrSyntax    = errors.New("not valid JSON")
	ErrUTF8      = errors.New("not valid UTF-8")
	ErrDuplicate = errors.New("a member name occurs twice")
	ErrDepth     = errors.New("nested too deeply")
	ErrNumber    = errors.New("a number is out of range")
	ErrType      = errors.New("another JSON type was expected")
)

// Error says where a text was refused, and why.
type Error struct {
	Offset int
	Err    error
}

// Error implements error. It never quotes the text.
func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %v", e.Offset, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

// Kind is the type of a JSON value.
type Kind byte

// The kinds of values. None is the end of the text, or a character that starts no value.
const (
	None   Kind = 0
	Null   Kind = 'n'
	Bool   Kind = 'b'
	Number Kind = '0'
	String Kind = '"'
	Object Kind = '{'
	Array  Kind = '['
)

// Scanner reads a JSON text from its beginning. The strings that it returns share
// the text's memory unless they contain escapes.
type Scanner struct {
	s     string
	i     int
	depth int
	loose bool // there was white space, or Raw has met members that are not in order
}

// NewScanner returns a scanner of s.
func NewScanner(s string) Scanner { return Scanner{s: s} }

// Kind returns the kind of the next value without reading it.
func (p *Scanner) Kind() Kind {
	p.space()
	if p.i >= len(p.s) {
		return None
	}
	switch c := p.s[p.i]; {
	case c == 'n':
		return Null
	case c == 't' || c == 'f':
		return Bool
	case c == '-' || (c >= '0' && c <= '9'):
		return Number
	case c == '"' || c == '{' || c == '[':
		return Kind(c)
	default:
		return None
	}
}

// End reports an error unless nothing but white space is left.
func (p *Scanner) End() error {
	p.space()
	if p.i < len(p.s) {
		return p.fail(ErrSyntax)
	}
	return nil
}

// Null reads null.
func (p *Scanner) Null() error { return p.literal("null") }

// Bool reads true or false.
func (p *Scanner) Bool() (bool, error) {
	if p.Kind() != Bool {
		return false, p.mismatch()
	}
	if p.s[p.i] == 't' {
		return true, p.literal("true")
	}
	return false, p.literal("false")
}

// Int reads an integer that fits 64 bits.
func (p *Scanner) Int() (int64, error) {
	p.space()
	start := p.i
	if n, ok := p.short(); ok {
		return n, nil
	}
	raw, err := p.Number()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(raw, 10, 64)
	if err != nil {
		return 0, &Error{start, ErrNumber}
	}
	return n, nil
}

// short reads a positive integer of at most 18 digits, which is nearly every one, or
// nothing.
func (p *Scanner) short() (n int64, ok bool) {
	i := p.i
	for ; i < len(p.s) && i-p.i < 18; i++ {
		c := p.s[i]
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	if i == p.i || i == len(p.s) || p.s[p.i] == '0' {
		return 0, false
	}
	switch c := p.s[i]; {
	case c == '.', c == 'e', c == 'E', c >= '0' && c <= '9':
		return 0, false
	}
	p.i = i
	return n, true
}

// Number reads a number and returns its text. A number beyond the range of a
// float64 is refused.
func (p *Scanner) Number() (string, error) {
	if p.Kind() != Number {
		return "", p.mismatch()
	}
	start := p.i
	if p.s[p.i] == '-' {
		p.i++
	}
	switch {
	case p.peek() == '0':
		p.i++
	case p.digits() == 0:
		return "", p.fail(ErrSyntax)
	}
	integer := true
	if p.peek() == '.' {
		integer = false
		p.i++
		if p.digits() == 0 {
			return "", p.fail(ErrSyntax)
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		integer = false
		p.i++
		if c := p.peek(); c == '+' || c == '-' {
			p.i++
		}
		if p.digits() == 0 {
			return "", p.fail(ErrSyntax)
		}
	}
	raw := p.s[start:p.i]
	if !integer || len(raw) > 300 {
		if f, err := strconv.ParseFloat(raw, 64); err != nil || math.IsInf(f, 0) {
			return "", &Error{start, ErrNumber}
		}
	}
	return raw, nil
}

// Object reads an object and calls member for each of its members; member must
// read the value. Object refuses a name that occurs twice.
func (p *Scanner) Object(member func(name string) error) error {
	if p.Kind() != Object {
		return p.mismatch()
	}
	if err := p.enter(); err != nil {
		return err
	}
	var seen names
	for first := true; ; first = false {
		more, err := p.next('}', first)
		if err != nil || !more {
			return err
		}
		p.space()
		at := p.i
		name, err := p.String()
		if err != nil {
			return err
		}
		if !seen.add(name) {
			return &Error{at, ErrDuplicate}
		}
		if p.peek() != ':' {
			if p.space(); p.peek() != ':' {
				return p.fail(ErrSyntax)
			}
		}
		p.i++
		if err := member(name); err != nil {
			return err
		}
	}
}

// Array reads an array and calls element for each element; element must read it.
func (p *Scanner) Array(element func() error) error {
	if p.Kind() != Array {
		return p.mismatch()
	}
	if err := p.enter(); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := p.next(']', first)
		if err != nil || !more {
			return err
		}
		if err := element(); err != nil {
			return err
		}
	}
}

// Raw reads any value and returns its text as it stands.
func (p *Scanner) Raw() (string, error) {
	kind := p.Kind()
	start := p.i
	err := p.skip(kind)
	return p.s[start:p.i], err
}

func (p *Scanner) skip(kind Kind) error {
	var err error
	switch kind {
	case Null:
		err = p.Null()
	case Bool:
		_, err = p.Bool()
	case Number:
		_, err = p.Number()
	case String:
		_, err = p.String()
	case Object:
		last := ""
		err = p.Object(func(name string) error {
			p.loose = p.loose || name < last
			last = name
			return p.skip(p.Kind())
		})
	case Array:
		err = p.Array(func() error { return p.skip(p.Kind()) })
	default:
		err = p.fail(ErrSyntax)
	}
	return err
}

// enter opens an object or array.
func (p *Scanner) enter() error {
	if p.depth++; p.depth > MaxDepth {
		return p.fail(ErrDepth)
	}
	p.i++
	return nil
}

// next moves to the next item, or past the end of the object or array.
func (p *Scanner) next(end byte, first bool) (bool, error) {
	p.space()
	switch c := p.peek(); {
	case c == end:
		p.i++
		p.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		p.i++
		return true, nil
	default:
		return false, p.fail(ErrSyntax)
	}
}

func (p *Scanner) literal(word string) error {
	p.space()
	if !strings.HasPrefix(p.s[p.i:], word) {
		return p.mismatch()
	}
	p.i += len(word)
	return nil
}

func (p *Scanner) digits() int {
	start := p.i
	for p.i < len(p.s) && p.s[p.i] >= '0' && p.s[p.i] <= '9' {
		p.i++
	}
	return p.i - start
}

func (p *Scanner) peek() byte {
	if p.i < len(p.s) {
		return p.s[p.i]
	}
	return 0
}

func (p *Scanner) space() {
	for p.i < len(p.s) && p.s[p.i] <= ' ' {
		switch p.s[p.i] {
		case ' ', '\t', '\n', '\r':
			p.i++
			p.loose = true
		default:
			return
		}
	}
}

func (p *Scanner) fail(why error) error { return &Error{p.i, why} }

// mismatch returns the error for a value of another type, or for a broken text.
func (p *Scanner) mismatch() error {
	if p.Kind() == None {
		return p.fail(ErrSyntax)
	}
	for _, word := range []string{"null", "true", "false"} {
		if c := p.s[p.i]; c == word[0] && !strings.HasPrefix(p.s[p.i:], word) {
			return p.fail(ErrSyntax)
		}
	}
	return p.fail(ErrType)
}

// Depth returns how deep arrays and objects are nested in a text that is valid JSON.
func Depth(text string) int {
	deepest, depth := 0, 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '"':
			i++
			for i += plain(text[i:], 0); i < len(text) && text[i] != '"'; i += plain(text[i:], 0) {
				i = min(i+len(`\"`), len(text)) // an escape
			}
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
		case '}', ']':
			depth--
		}
	}
	return deepest
}
