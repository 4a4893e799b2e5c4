package jsontext

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// String reads a string.
func (p *Scanner) String() (string, error) {
	if p.Kind() != String {
		return "", p.mismatch()
	}
	p.i++
	start := p.i
	for p.i < len(p.s) {
		switch c := p.s[p.i]; {
		case c == '"':
			out := p.s[start:p.i]
			p.i++
			return out, nil
		case c == '\\':
			return p.unescape(start)
		case c < ' ':
			return "", p.fail(ErrSyntax)
		case c < utf8.RuneSelf:
			p.i++
		default:
			if err := p.rune(); err != nil {
				return "", err
			}
		}
	}
	return "", p.fail(ErrSyntax)
}

// unescape reads the rest of a string that has an escape, from its start.
func (p *Scanner) unescape(start int) (string, error) {
	out := make([]byte, p.i-start, len(p.s[start:p.i])+32)
	copy(out, p.s[start:p.i])
	for p.i < len(p.s) {
		c := p.s[p.i]
		switch {
		case c == '"':
			p.i++
			return string(out), nil
		case c < ' ':
			return "", p.fail(ErrSyntax)
		case c >= utf8.RuneSelf:
			from := p.i
			if err := p.rune(); err != nil {
				return "", err
			}
			out = append(out, p.s[from:p.i]...)
		case c != '\\':
			out = append(out, c)
			p.i++
		default:
			r, err := p.escape()
			if err != nil {
				return "", err
			}
			out = utf8.AppendRune(out, r)
		}
	}
	return "", p.fail(ErrSyntax)
}

const simpleEscapes = `"\/bfnrt`

func (p *Scanner) escape() (rune, error) {
	p.i++
	c := p.peek()
	if at := strings.IndexByte(simpleEscapes, c); at >= 0 && c != 0 {
		p.i++
		return rune("\"\\/\b\f\n\r\t"[at]), nil
	}
	r, err := p.hex()
	if err != nil || !utf16.IsSurrogate(r) {
		return r, err
	}
	if strings.HasPrefix(p.s[p.i:], `\u`) {
		p.i++
		low, err := p.hex()
		if err != nil {
			return 0, err
		}
		if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
			return r, nil
		}
	}
	return 0, p.fail(ErrUTF8)
}

// hex reads uXXXX.
func (p *Scanner) hex() (rune, error) {
	if p.peek() != 'u' || len(p.s)-p.i < 5 {
		return 0, p.fail(ErrSyntax)
	}
	var r rune
	for _, c := range []byte(p.s[p.i+1 : p.i+5]) {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, p.fail(ErrSyntax)
		}
	}
	p.i += 5
	return r, nil
}

func (p *Scanner) rune() error {
	r, size := utf8.DecodeRuneInString(p.s[p.i:])
	if r == utf8.RuneError && size == 1 {
		return p.fail(ErrUTF8)
	}
	p.i += size
	return nil
}
