package console

import (
	"cmp"
	"strconv"
	"strings"
	"unicode"

	"github.com/rollbook-go/rollbook/enduser"
)

// changeWords says what a change did: "created", "name and e-mail changed".
func changeWords(ch *enduser.Change) string {
	switch ch.Type {
	case enduser.ChangeAssociated:
		if more := fieldWords(ch.Fields, "expires_at"); more != "" {
			return "made permanent, " + more + " changed"
		}
		return "made permanent"
	case enduser.ChangeUpdated:
		return strings.TrimPrefix(fieldWords(ch.Fields, "")+" changed", " ")
	case enduser.ChangeUnreadable:
		return "changed; what it was cannot be read"
	default:
		return visible(string(ch.Type)) // and those of newer programs
	}
}

// changeChip is a chip with the kind of what changed, in the color of what happened to it.
func changeChip(ch *enduser.Change) chip {
	state := ""
	switch ch.Type {
	case enduser.ChangeExpired, enduser.ChangeUnreadable:
		state = "warn"
	case enduser.ChangeDeleted, enduser.ChangeDisabled:
		state = "danger"
	case enduser.ChangeCreated, enduser.ChangeAssociated, enduser.ChangeUpdated:
	}
	return chip{state, cmp.Or(visible(ch.Kind), "unknown")}
}

// maxFieldWords is how many fields are named if there are more than one more.
const maxFieldWords = 3

// fieldWords lists fields: "name, e-mail and metadata plan". It leaves one out.
func fieldWords(fields []string, without string) string {
	var words []string
	for _, f := range fields {
		if f != without {
			words = append(words, fieldWord(f))
		}
	}
	if more := len(words) - maxFieldWords; more > 1 {
		words = append(words[:maxFieldWords], strconv.Itoa(more)+" more")
	}
	return listed(words, "and")
}

// listed joins words: "a, b or c".
func listed(words []string, last string) string {
	if n := len(words) - 1; n > 0 {
		return strings.Join(words[:n], ", ") + " " + last + " " + words[n]
	}
	return strings.Join(words, "")
}

// fieldWord names a field of a user, group or webhook as people do.
func fieldWord(field string) string {
	switch field {
	case "email":
		return "e-mail"
	case "external_id":
		return "external ID"
	case "expires_at":
		return "expiry"
	case "linked_accounts":
		return "accounts"
	case "sensitive":
		return "sensitive values"
	}
	in, key, keyed := strings.Cut(field, ".")
	in = strings.ReplaceAll(in, "_", " ")
	if keyed && in == "sensitive" {
		in = "sensitive value"
	}
	if keyed && in == "system properties" {
		in = "system property"
	}
	if keyed {
		in += " " + key
	}
	return cut(visible(in), 64)
}

// cut returns at most so many characters of a text.
func cut(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return text
}

// visible replaces the characters by which a text could change the order of what is around it,
// or hide. A key of metadata may have any.
func visible(text string) string {
	return strings.Map(func(r rune) rune {
		if hides(r) {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

func hides(r rune) bool { return unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) }
