package enduser

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/rollbook-go/rollbook/internal/fold"
	"github.com/rollbook-go/rollbook/internal/jsontext"
)

// violations collects everything that is invalid in a write.
type violations []Violation

func (v *violations) add(field Field, code, message string) {
	*v = append(*v, Violation{field, code, message})
}

// err returns the violations as an *InvalidError, or nil if there are none.
func (v violations) err() error {
	if len(v) == 0 {
		return nil
	}
	return &InvalidError{Violations: v}
}

// with returns the violations together with those of err, if that is an *InvalidError. Any
// other error it returns unchanged.
func (v violations) with(err error) error {
	invalid, ok := errors.AsType[*InvalidError](err)
	if len(v) == 0 || err != nil && !ok {
		return err
	}
	if ok {
		v = append(v, invalid.Violations...)
	}
	return v.err()
}

// normalize brings the fields that a caller gave into the form in which they are stored.
func (u *User) normalize() {
	u.Email = strings.TrimSpace(u.Email)
	for _, m := range []*Metadata{&u.Metadata, &u.SystemProperties} {
		if m.hasNull() { // rare: the map may be the caller's
			*m = Metadata(nil).merge(*m)
		}
		if len(*m) == 0 {
			*m = nil
		}
	}
	if len(u.Accounts) == 0 {
		u.Accounts = nil
	}
	if len(u.Groups) == 0 {
		u.Groups = nil
	}
	u.ExpiresAt = wholeMillis(u.ExpiresAt)
}

// validate validates the fields of u that differ from old, and an edit of the sensitive
// values.
func (p *Policy) validate(old, u *User, edit *sensitiveEdit) error {
	var v violations
	if u.ExternalID != old.ExternalID {
		p.checkExternalID(&v, u.ExternalID)
	}
	for _, f := range []struct{ name, now, before string }{
		{"name", u.Name, old.Name},
		{"first_name", u.FirstName, old.FirstName},
		{"last_name", u.LastName, old.LastName},
	} {
		if f.now != f.before {
			p.checkName(&v, Field{Name: f.name}, f.now)
		}
	}
	if u.Email != old.Email {
		checkEmail(&v, u.Email, p.MaxEmail)
	}
	if u.Avatar != old.Avatar {
		p.checkAvatar(&v, u.Avatar)
	}
	if u.Language != old.Language {
		checkLanguage(&v, u.Language)
	}
	p.checkMetadata(&v, "metadata", old.Metadata, u.Metadata)
	p.checkMetadata(&v, "system_properties", old.SystemProperties, u.SystemProperties)
	p.checkAccounts(&v, old.Accounts, u.Accounts)
	p.checkGroups(&v, old.Groups, u.Groups)
	checkSensitive(&v, edit)
	if !u.ExpiresAt.Equal(old.ExpiresAt) && !u.ExpiresAt.IsZero() && !inRange(u.ExpiresAt) {
		v.add(Field{Name: "expires_at"}, CodeValue, "must lie between the years 1970 and 9999")
	}
	return v.err()
}

func (p *Policy) checkExternalID(v *violations, id string) {
	if id == "" {
		return
	}
	field := Field{Name: "external_id"}
	p.checkPlaceholder(v, field, id)
	checkExternalID(v, field, id, p.MaxExternalID)
}

// checkExternalID validates an external ID, which is compared by its folded key.
func checkExternalID(v *violations, field Field, id string, limit int) {
	before := len(*v)
	checkIdentifier(v, field, id, limit)
	// Folding triples its length at most.
	if len(*v) == before && 3*len(id) > maxExternalIDKey && len(fold.Key(id)) > maxExternalIDKey {
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d bytes", maxExternalIDKey))
	}
}

// checkGroupID validates the external ID of a group, also where a user names it.
func (p *Policy) checkGroupID(v *violations, field Field, id string) {
	p.checkPlaceholder(v, field, id)
	checkIdentifier(v, field, id, maxGroupID)
}

// checkPlaceholder rejects the texts that programs send which have lost an ID.
func (p *Policy) checkPlaceholder(v *violations, field Field, id string) {
	if p.Placeholders || len(id) > len("[object Object]") {
		return
	}
	for _, placeholder := range [...]string{"undefined", "null", "(null)", "nil", "none", "nan", "[object Object]"} {
		if strings.EqualFold(id, placeholder) {
			v.add(field, CodePlaceholder, "must be an ID, not a placeholder for a missing one")
		}
	}
}

// checkIdentifier validates an identifier that people read and compare.
func checkIdentifier(v *violations, field Field, id string, limit int) {
	if len(id) > maxBytesPerCharacter*limit {
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d characters", limit))
		return
	}
	if code := identifierFault(id); code != "" {
		v.add(field, code, identifierMessage(code))
		return
	}
	if strings.ContainsAny(id, "<>") {
		v.add(field, CodeCharacter, "must not contain < or >")
	}
	if fold.Len(id) > limit {
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d characters", limit))
	}
}

// maxBytesPerCharacter is the length of the longest composed character of an identifier. It
// bounds the texts that are examined closely.
const maxBytesPerCharacter = 4 * (fold.MaxMarks + 1)

func (p *Policy) checkName(v *violations, field Field, name string) {
	if len(name) > maxBytesPerCharacter*p.MaxName {
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d characters", p.MaxName))
		return
	}
	if code := textFault(name); code != "" {
		v.add(field, code, textMessage(code))
	} else if fold.Len(name) > p.MaxName {
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d characters", p.MaxName))
	}
}

func checkEmail(v *violations, address string, limit int) {
	field := Field{Name: "email"}
	if len(address) > limit {
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d bytes", limit))
		return
	}
	switch code := identifierFault(address); {
	case address == "":
	case code != "":
		v.add(field, code, identifierMessage(code))
	case !isAddress(address):
		v.add(field, CodeFormat, "must be an e-mail address (RFC 5322 addr-spec)")
	}
}

func (p *Policy) checkAvatar(v *violations, avatar string) {
	field := Field{Name: "avatar"}
	if avatar == "" {
		return
	}
	if code := textFault(avatar); code != "" {
		v.add(field, code, textMessage(code))
		return
	}
	if len(avatar) > p.MaxAvatar {
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d bytes", p.MaxAvatar))
		return
	}
	if isPlainURL(avatar) {
		return
	}
	u, err := url.Parse(avatar)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || strings.ContainsAny(avatar, " \"<>\\^`{|}") {
		v.add(field, CodeFormat, "must be an absolute http or https URL")
	}
}

// isPlainURL reports whether s is an http or https URL of a host name, perhaps a port, and
// unreserved characters. Most URLs are.
func isPlainURL(s string) bool {
	rest, ok := strings.CutPrefix(s, "https://")
	if !ok {
		rest, ok = strings.CutPrefix(s, "http://")
	}
	host, path, _ := strings.Cut(rest, "/")
	return ok && host != "" && isOf(host, ".-") && isOf(path, "/-._~?=&+")
}

// isOf reports whether s has only ASCII letters, digits and the given other characters.
func isOf(s, others string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte(others, c) < 0 {
			return false
		}
	}
	return true
}

func checkLanguage(v *violations, tag string) {
	if tag == "" {
		return
	}
	if len(tag) > maxLanguage {
		v.add(Field{Name: "language"}, CodeLength, fmt.Sprintf("must have at most %d bytes", maxLanguage))
		return
	}
	if !isLanguageTag(tag) {
		v.add(Field{Name: "language"}, CodeFormat, "must be a well-formed language tag (BCP 47)")
	}
}

// maxValueDepth is how deep a metadata value may be nested. It stands two levels deep in a
// user's body, which must be readable.
const maxValueDepth = jsontext.MaxDepth - 2

func (p *Policy) checkMetadata(v *violations, name string, old, m Metadata) {
	field := Field{Name: name}
	var few [16]string
	for _, key := range m.sortedKeys(few[:0]) {
		value := m[key]
		if before, ok := old[key]; ok && before == value {
			continue
		}
		switch code := textFault(key); {
		case key == "":
			v.add(field, CodeRequired, "a key must not be empty")
		case code != "":
			v.add(field, code, "a key "+textMessage(code))
		case fold.Len(key) > p.MaxMetadataKey:
			v.add(field, CodeLength, fmt.Sprintf("a key must have at most %d characters", p.MaxMetadataKey))
		case !utf8.ValidString(value.text):
			v.add(Field{Name: name, Key: key}, CodeUTF8, textMessage(CodeUTF8))
		case jsontext.Depth(value.text) > maxValueDepth:
			v.add(Field{Name: name, Key: key}, CodeJSON, fmt.Sprintf("must be nested at most %d deep", maxValueDepth))
		}
	}
	if len(m) > max(p.MaxMetadataKeys, len(old)) {
		v.add(field, CodeCount, fmt.Sprintf("must have at most %d keys", p.MaxMetadataKeys))
	}
	if size := m.size(); size > p.MaxMetadataBytes && size > old.size() {
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d bytes as compact JSON", p.MaxMetadataBytes))
	}
}

func (p *Policy) checkAccounts(v *violations, old, accounts []Account) {
	if slices.Equal(old, accounts) {
		return
	}
	const name = "linked_accounts"
	if len(accounts) > max(p.MaxAccounts, len(old)) {
		v.add(Field{Name: name}, CodeCount, fmt.Sprintf("must be at most %d", p.MaxAccounts))
		return // the loop below takes time that grows with the square of their number
	}
	for i, a := range accounts {
		if slices.Contains(accounts[:i], a) {
			v.add(Field{Name: name, Item: i + 1}, CodeDuplicate, "is given twice")
		}
		if slices.Contains(old, a) {
			continue
		}
		p.checkAccountType(v, Field{Name: name, Item: i + 1, Member: "type"}, a.Type)
		p.checkPlaceholder(v, Field{Name: name, Item: i + 1, Member: "id"}, a.ID)
		checkToken(v, Field{Name: name, Item: i + 1, Member: "id"}, a.ID, p.MaxAccountID)
	}
}

func (p *Policy) checkAccountType(v *violations, field Field, accountType string) {
	checkToken(v, field, accountType, maxAccountType)
	if len(p.AccountTypes) > 0 && accountType != "" && !slices.Contains(p.AccountTypes, accountType) {
		v.add(field, CodeValue, "must be one of "+strings.Join(p.AccountTypes, ", "))
	}
}

func (p *Policy) checkGroups(v *violations, old, groups []string) {
	if slices.Equal(old, groups) {
		return
	}
	if len(groups) > max(p.MaxGroups, len(old)) {
		v.add(Field{Name: "groups"}, CodeCount, fmt.Sprintf("must be at most %d", p.MaxGroups))
		return // likewise
	}
	named := make(map[string]bool, len(groups))
	for i, group := range groups {
		field, before := Field{Name: "groups", Item: i + 1}, len(*v)
		if group == "" {
			v.add(field, CodeRequired, "must not be empty")
		} else if !slices.Contains(old, group) {
			p.checkGroupID(v, field, group)
		}
		if len(*v) > before {
			continue
		}
		key := norm.NFC.String(group)
		if named[key] {
			v.add(field, CodeDuplicate, "is given twice")
		}
		named[key] = true
	}
}

// checkToken validates a text of another system, which is compared byte by byte.
func checkToken(v *violations, field Field, s string, limit int) {
	switch code := textFault(s); {
	case s == "":
		v.add(field, CodeRequired, "must not be empty")
	case code != "":
		v.add(field, code, textMessage(code))
	case utf8.RuneCountInString(s) > limit:
		v.add(field, CodeLength, fmt.Sprintf("must have at most %d characters", limit))
	}
}

func textMessage(code string) string {
	switch code {
	case CodeUTF8:
		return "must be valid UTF-8"
	case CodeSpace:
		return "must not begin or end with white space"
	default:
		return "must not contain control characters"
	}
}

func identifierMessage(code string) string {
	if code == CodeCharacter {
		return "must not contain control, invisible, unassigned or compatibility characters"
	}
	return textMessage(code)
}
