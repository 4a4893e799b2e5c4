package console

import (
	"maps"
	"slices"
	"strings"

	"github.com/rollbook-go/rollbook/enduser"
)

// draft is a user in an edit form: texts by the names of fields.
type draft struct {
	version enduser.Version // of the user, as the form shows it
	was     map[string]string
	value   map[string]string // as somebody has typed it
	picked  map[string]string // of a conflict: by part, "theirs", "mine" or "both"
}

// draftFields returns the names of the fields of a draft, in the order of the form.
func draftFields() []string {
	return []string{
		"external_id", "name", "first_name", "last_name", "email", "language", "avatar",
		"linked_accounts", "groups", "metadata",
	}
}

func isList(field string) bool { return field == "linked_accounts" || field == "groups" }

// draftOf returns a draft in which nothing is changed.
func draftOf(u *enduser.User) *draft {
	was := draftTexts(u)
	return &draft{version: u.Version, was: was, value: maps.Clone(was)}
}

// draftTexts returns the fields of a user as the form has them.
func draftTexts(u *enduser.User) map[string]string {
	accounts := make([]string, len(u.Accounts))
	for i, a := range u.Accounts {
		accounts[i] = accountText(a)
	}
	return map[string]string{
		"external_id": u.ExternalID, "name": u.Name, "first_name": u.FirstName, "last_name": u.LastName,
		"email": u.Email, "avatar": u.Avatar, "language": u.Language,
		"linked_accounts": strings.Join(accounts, "\n"),
		"groups":          strings.Join(u.Groups, "\n"),
		"metadata":        metadataText(u.Metadata),
	}
}

// accountText returns an account as a line of the form: its type, a colon, its ID. A colon in
// the type has a backslash before it, and so has a backslash.
func accountText(a enduser.Account) string {
	return strings.NewReplacer(`\`, `\\`, `:`, `\:`).Replace(a.Type) + ":" + a.ID
}

// parseAccount is the reverse of accountText. A line without a colon is an account without
// type, which is invalid.
func parseAccount(line string) enduser.Account {
	var kind strings.Builder
	for i := 0; i < len(line); i++ {
		switch {
		case line[i] == ':':
			return enduser.Account{Type: kind.String(), ID: line[i+1:]}
		case line[i] == '\\' && i+1 < len(line) && (line[i+1] == ':' || line[i+1] == '\\'):
			i++
		}
		kind.WriteByte(line[i])
	}
	return enduser.Account{ID: line}
}

// metadataText returns metadata as JSON for people. Values are spelled as they are stored: an
// integer keeps its digits.
func metadataText(m enduser.Metadata) string { return indented(string(m.AppendJSON(nil))) }

// lines returns the lines of a text that are not empty.
func lines(text string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return line == "" })
}

// canonical returns a field as draftTexts writes it, so that texts can be compared. Metadata
// that is not valid stays as it is.
func canonical(field, text string) string {
	switch {
	case isList(field):
		return strings.Join(lines(text), "\n")
	case field != "metadata":
		return text
	case strings.TrimSpace(text) == "":
		return "{}"
	}
	m, err := enduser.ParseMetadata(text)
	if err != nil {
		return text
	}
	maps.DeleteFunc(m, func(_ string, v enduser.Value) bool { return v.IsNull() })
	return metadataText(m)
}

const pickPrefix = "keep."

// readDraft reads a draft from a form.
func readDraft(f *form) (*draft, error) {
	d := &draft{was: make(map[string]string), value: make(map[string]string), picked: make(map[string]string)}
	for _, name := range draftFields() {
		if name == "metadata" && !f.values.Has(name) && !f.values.Has("was."+name) {
			continue // see maxMetadataText
		}
		d.was[name] = canonical(name, f.text("was."+name))
		d.value[name] = canonical(name, f.text(name))
	}
	for name := range f.values {
		if part, ok := strings.CutPrefix(name, pickPrefix); ok {
			d.picked[part] = f.oneOf(name, "mine", "theirs", "both")
		}
	}
	var err error
	if d.version, err = enduser.ParseVersion(f.text("version")); err != nil {
		f.wrong = true
	}
	return d, f.err()
}

// maxMetadataText is up to how many bytes of metadata are part of a form. More would not fit the
// body of a request together with what it was.
const maxMetadataText = 64 << 10

// complete adds to a draft what is not part of the form.
func (d *draft) complete(now map[string]string) {
	if _, ok := d.value["metadata"]; !ok {
		d.was["metadata"], d.value["metadata"] = now["metadata"], now["metadata"]
	}
}

// write writes what was changed into a user.
func (d *draft) write(e *enduser.Edit) error {
	for name, field := range map[string]*string{
		"external_id": &e.ExternalID, "name": &e.Name, "first_name": &e.FirstName, "last_name": &e.LastName,
		"email": &e.Email, "avatar": &e.Avatar, "language": &e.Language,
	} {
		if d.changed(name) {
			*field = d.value[name]
		}
	}
	if d.changed("linked_accounts") {
		e.Accounts = nil
		for _, line := range lines(d.value["linked_accounts"]) {
			e.Accounts = append(e.Accounts, parseAccount(line))
		}
	}
	if d.changed("groups") {
		e.Groups = lines(d.value["groups"])
	}
	if d.changed("metadata") {
		m, err := enduser.ParseMetadata(d.value["metadata"])
		if err != nil { // an invalid key, so that the answer has what is wrong in all fields
			m = enduser.Metadata{"": enduser.Bool(true)}
		}
		e.Metadata = m
	}
	return nil
}

func (d *draft) changed(field string) bool { return d.value[field] != d.was[field] }
