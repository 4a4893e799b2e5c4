package csvfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

// The fields whose columns have more than a name.
const (
	fieldMetadata = "metadata"
	fieldSystem   = "system_properties"
	fieldAccount  = "linked_account"
	fieldAccounts = "linked_accounts"
	fieldGroups   = "groups"
	fieldRejected = "rejected"
	fieldSkipped  = "-"
)

// column is what a column holds.
type column struct {
	field string // such as "metadata"
	key   string // behind a dot: of metadata, system_properties or linked_account
}

// setters set the fields that have one value.
var setters = map[string]func(in *enduser.Import, cell string) error{
	"id":          text(func(in *enduser.Import) *string { return &in.ID }),
	"external_id": text(func(in *enduser.Import) *string { return &in.ExternalID }),
	"name":        text(func(in *enduser.Import) *string { return &in.Name }),
	"first_name":  text(func(in *enduser.Import) *string { return &in.FirstName }),
	"last_name":   text(func(in *enduser.Import) *string { return &in.LastName }),
	"email":       text(func(in *enduser.Import) *string { return &in.Email }),
	"avatar":      text(func(in *enduser.Import) *string { return &in.Avatar }),
	"language":    text(func(in *enduser.Import) *string { return &in.Language }),
	"created_by":  text(func(in *enduser.Import) *string { return &in.CreatedBy }),
	"updated_by":  text(func(in *enduser.Import) *string { return &in.UpdatedBy }),
	"created_at":  moment(func(in *enduser.Import) *time.Time { return &in.CreatedAt }),
	"updated_at":  moment(func(in *enduser.Import) *time.Time { return &in.UpdatedAt }),
	"expires_at":  moment(func(in *enduser.Import) *time.Time { return &in.ExpiresAt }),
}

func text(of func(*enduser.Import) *string) func(*enduser.Import, string) error {
	return func(in *enduser.Import, cell string) error {
		*of(in) = cell
		return nil
	}
}

func moment(of func(*enduser.Import) *time.Time) func(*enduser.Import, string) error {
	return func(in *enduser.Import, cell string) (err error) {
		for _, layout := range [...]string{time.RFC3339, "2006-01-02 15:04:05Z07:00", "2006-01-02 15:04:05Z07", time.DateTime, time.DateOnly} {
			if *of(in), err = time.Parse(layout, cell); err == nil {
				return nil
			}
		}
		return errors.New("must be a time such as 2026-01-02T03:04:05Z, or a day")
	}
}

// columns returns what the columns of a file hold.
func columns(header []string, named map[string]string) ([]column, error) {
	all := make([]column, len(header))
	missing := make(map[string]bool)
	for name := range named {
		missing[name] = true
	}
	seen := make(map[column]bool)
	for i, name := range header {
		field, given := named[name]
		if !given {
			field = name
		}
		delete(missing, name)
		var ok bool
		if all[i], ok = parseColumn(field); !ok {
			shown := name
			if strings.ContainsAny(name, "'\\\r\n") { // what the shell would run if it were pasted
				shown = "COLUMN"
			}
			return nil, fmt.Errorf("%w: column %d, %q: no such field; -column '%[4]s=FIELD' names one, '%[4]s=-' skips it", ErrColumn, i+1, name, shown)
		}
		if seen[all[i]] && all[i].field != fieldSkipped && all[i].field != fieldRejected {
			return nil, fmt.Errorf("%w: column %d, %q, is there twice", ErrColumn, i+1, name)
		}
		seen[all[i]] = true
	}
	for name := range missing {
		return nil, fmt.Errorf("%w: there is no column %q", ErrColumn, name)
	}
	return all, nil
}

// parseColumn reads the name of a field. Keys behind a dot stay as they are.
func parseColumn(name string) (column, bool) {
	name = strings.TrimSpace(name)
	field, key, keyed := strings.Cut(name, ".")
	if name != fieldSkipped {
		field = strings.ToLower(strings.NewReplacer("-", "_", " ", "_").Replace(field))
	}
	c := column{field, key}
	if keyed {
		return c, key != "" && (field == fieldMetadata || field == fieldSystem || field == fieldAccount)
	}
	switch field {
	case fieldMetadata, fieldSystem, fieldAccounts, fieldGroups, fieldRejected, fieldSkipped:
		return c, true
	}
	_, ok := setters[field]
	return c, ok
}

// user reads the user of a row. Its errors name the column and quote nothing.
func (s *Source) user(cells []string) (*enduser.Import, error) {
	in := new(enduser.Import)
	for i, cell := range cells {
		if cell == "" {
			continue
		}
		if err := s.columns[i].set(in, cell); err != nil {
			return nil, fmt.Errorf("column %q: %w", s.header[i], err)
		}
	}
	return in, nil
}

func (c column) set(in *enduser.Import, cell string) error {
	switch c.field {
	case fieldRejected, fieldSkipped:
		return nil
	case fieldMetadata:
		return c.values(&in.Metadata, cell)
	case fieldSystem:
		return c.values(&in.SystemProperties, cell)
	case fieldAccount:
		in.Accounts = append(in.Accounts, enduser.Account{Type: c.key, ID: cell})
		return nil
	case fieldAccounts:
		return accounts(in, cell)
	case fieldGroups:
		return groups(in, cell)
	}
	return setters[c.field](in, cell)
}

// values adds a JSON object, or the value of a key.
func (c column) values(to *enduser.Metadata, cell string) error {
	if *to == nil {
		*to = make(enduser.Metadata)
	}
	if c.key != "" {
		(*to)[c.key] = enduser.String(cell)
		return nil
	}
	m, err := enduser.ParseMetadata(cell)
	maps.Copy(*to, m)
	return err
}

// maxItems is how many values a cell may have. More would take much more memory than the cell.
const maxItems = 10_000

func tooMany(cell string) error {
	if strings.Count(cell, ";")+strings.Count(cell, ",") > maxItems {
		return fmt.Errorf("has more than %d values", maxItems)
	}
	return nil
}

func accounts(in *enduser.Import, cell string) error {
	if err := tooMany(cell); err != nil {
		return err
	}
	var all []struct{ Type, ID string }
	if json.Unmarshal([]byte(cell), &all) != nil {
		return errors.New(`must be a JSON array of objects with "type" and "id"`)
	}
	for _, a := range all {
		in.Accounts = append(in.Accounts, enduser.Account{Type: a.Type, ID: a.ID})
	}
	return nil
}

func groups(in *enduser.Import, cell string) error {
	if err := tooMany(cell); err != nil {
		return err
	}
	if strings.HasPrefix(strings.TrimSpace(cell), "[") {
		if json.Unmarshal([]byte(cell), &in.Groups) != nil {
			return errors.New("must be a JSON array of texts")
		}
		return nil
	}
	for id := range strings.SplitSeq(cell, ";") {
		in.Groups = append(in.Groups, strings.TrimSpace(id))
	}
	return nil
}
