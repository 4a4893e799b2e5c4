package jsontext

import (
	"math/bits"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// String reads a string.
func (p *Scanner) String() (string, error) {
	if p.peek() != '"' && p.Kind() != String {
		return "", p.mismatch()
	}
	p.i++
	start := p.i
	for {
		p.i += plain(p.s[p.i:], utf8.RuneSelf)
		switch c := p.peek(); {
		case c == '"':
			out := p.s[start:p.i]
			p.i++
			return out, nil
		case c == '\\':
			return p.unescape(start)
		case c < ' ': // or the end
			return "", p.fail(ErrSyntax)
		}
		for p.peek() >= utf8.RuneSelf {
			if err := p.rune(); err != nil {
				return "", err
			}
		}
	}
}

// plain returns how many bytes s begins with that stand for themselves in a string. A
// byte that has the bit beyond, if that is not 0, is not one of them. It looks at eight
// bytes at once.
func plain(s string, beyond byte) int {
	const ones = 0x0101010101010101
	i := 0
	for ; len(s)-i >= 8; i += 8 {
		t := s[i : i+8]
		w := uint64(t[0]) | uint64(t[1])<<8 | uint64(t[2])<<16 | uint64(t[3])<<24 |
			uint64(t[4])<<32 | uint64(t[5])<<40 | uint64(t[6])<<48 | uint64(t[7])<<56
		quote, escape := w^ones*'"', w^ones*'\\'
		// x-ones sets the highest bit of a byte of x that was 0, and maybe of bytes above
		// it, but of none below: the lowest bit that is set is right. So with control characters.
		stops := (quote-ones)&^quote | (escape-ones)&^escape | (w-ones*' ')&^w
		if stops = stops&(ones*0x80) | w&(ones*uint64(beyond)); stops != 0 {
			return i + bits.TrailingZeros64(stops)/8
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c&beyond != 0 {
			break
		}
	}
	return i
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
