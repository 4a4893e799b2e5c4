package enduser

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/rollbook-go/rollbook/internal/jsontext"
	"github.com/rollbook-go/rollbook/store"
)

// appendMetadataKeys appends the index terms of a metadata value. A number has a second one
// if it was written in another spelling than the canonical one.
func appendMetadataKeys(terms []store.Key, key string, v Value) []store.Key {
	term := v.term()
	terms = append(terms, metadataKey(key, term))
	if v.kind() == jsontext.Number && v.text != term {
		terms = append(terms, metadataKey(key, v.text))
	}
	return terms
}

func metadataKey(key, term string) store.Key {
	return store.Key{Kind: termMetadata, Value: key + "\x00" + cut(term)}
}

func (v Value) kind() jsontext.Kind {
	p := jsontext.NewScanner(v.text)
	return p.Kind()
}

// term returns the text under which a value is indexed. Equal values have the same, and a
// string has the same as the value that it looks like.
func (v Value) term() string {
	switch v.kind() {
	case jsontext.String:
		s, _ := v.Str()
		return s
	case jsontext.Number:
		return canonicalNumber(v.text)
	case jsontext.Object, jsontext.Array:
		return canonicalJSON(v.text)
	default:
		return v.Text()
	}
}

// canonicalNumber returns the canonical spelling of a JSON number, which is that of
// ECMAScript: digits and a decimal point between 1e-6 and 1e21, otherwise an exponent. It
// loses no digit.
func canonicalNumber(text string) string {
	if isOf(text, "") && len(text) < 21 && !strings.ContainsAny(text, "eE") {
		return text // nearly all
	}
	mantissa, exponent, _ := strings.Cut(strings.ToLower(text), "e")
	mantissa, negative := strings.CutPrefix(mantissa, "-")
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits := strings.TrimLeft(whole+fraction, "0")
	point := len(digits) - len(fraction) // the place of the decimal point in digits
	digits = strings.TrimRight(digits, "0")
	if digits == "" {
		return "0"
	}
	if exponent != "" {
		n, err := strconv.Atoi(exponent)
		if err != nil || n > maxExponent || n < -maxExponent {
			return text
		}
		point += n
	}
	sign := ""
	if negative {
		sign = "-"
	}
	return sign + decimal(digits, point)
}

// maxExponent is far beyond the exponents of a float64.
const maxExponent = 1 << 20

// decimal returns the number with these significant digits, and the decimal point before the
// digit with that index.
func decimal(digits string, point int) string {
	switch {
	case point > 21 || point < -5:
		if len(digits) > 1 {
			digits = digits[:1] + "." + digits[1:]
		}
		exponent := strconv.Itoa(point - 1)
		if point > 0 {
			exponent = "+" + exponent
		}
		return digits + "e" + exponent
	case point <= 0:
		return "0." + strings.Repeat("0", -point) + digits
	case point >= len(digits):
		return digits + strings.Repeat("0", point-len(digits))
	default:
		return digits[:point] + "." + digits[point:]
	}
}

// canonicalJSON returns the text of a JSON value with sorted members and canonical numbers.
func canonicalJSON(text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return text
	}
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(canonical(v)); err != nil {
		return text
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// canonical brings the numbers of a decoded value into their canonical form.
func canonical(v any) any {
	switch v := v.(type) {
	case json.Number:
		return json.Number(canonicalNumber(v.String()))
	case []any:
		for i := range v {
			v[i] = canonical(v[i])
		}
	case map[string]any:
		for key := range v {
			v[key] = canonical(v[key])
		}
	}
	return v
}
