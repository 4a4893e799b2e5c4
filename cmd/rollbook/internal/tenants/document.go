package tenants

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/BurntSushi/toml"
)

// document is a file of tenants.
type document struct {
	Default tenant
	Tenant  map[string]struct{ Policy, Schema toml.Primitive }

	tenants map[string]tenant // made of both
}

// tenant is what the file says of a tenant.
type tenant struct {
	Policy policy
	Schema schema
}

// policy is enduser.Policy with the names that its fields have in the file.
type policy struct {
	UniqueEmail      bool     `toml:"unique_email"`
	Placeholders     bool     `toml:"placeholders"`
	AccountTypes     []string `toml:"account_types"`
	MaxExternalID    int      `toml:"max_external_id"`
	MaxName          int      `toml:"max_name"`
	MaxEmail         int      `toml:"max_email"`
	MaxAvatar        int      `toml:"max_avatar"`
	MaxMetadataKeys  int      `toml:"max_metadata_keys"`
	MaxMetadataKey   int      `toml:"max_metadata_key"`
	MaxMetadataBytes int      `toml:"max_metadata_bytes"`
	MaxAccounts      int      `toml:"max_accounts"`
	MaxAccountID     int      `toml:"max_account_id"`
	MaxGroups        int      `toml:"max_groups"`
}

// schema is enduser.Schema with the names that its fields have in the file.
type schema struct {
	IndexedMetadata []string `toml:"indexed_metadata"`
	ExactIDs        bool     `toml:"exact_ids"`
	NoNameIndex     bool     `toml:"no_name_index"`
	NoteExternalIDs bool     `toml:"note_external_ids"`
}

// of returns what the file says of a tenant.
func (d *document) of(name string) tenant {
	if t, ok := d.tenants[name]; ok {
		return t
	}
	return d.Default
}

// Complete implements tomlfile.Completer. A tenant has what its own tables say, and the rest as
// the default has it.
func (d *document) Complete(md *toml.MetaData) error {
	if err := d.Default.check(); err != nil {
		return fmt.Errorf("default.%w", err)
	}
	d.tenants = make(map[string]tenant, len(d.Tenant))
	for _, name := range slices.Sorted(maps.Keys(d.Tenant)) {
		const maxName = 255 // bytes
		if name == "" || len(name) > maxName || !utf8.ValidString(name) || strings.ContainsFunc(name, unicode.IsControl) {
			return fmt.Errorf("a tenant's name must be 1 to %d bytes of text", maxName)
		}
		own, t := d.Tenant[name], d.Default
		// Package toml decodes a list into the memory of the one before.
		t.Policy.AccountTypes, t.Schema.IndexedMetadata = slices.Clone(t.Policy.AccountTypes), slices.Clone(t.Schema.IndexedMetadata)
		if err := md.PrimitiveDecode(own.Policy, &t.Policy); err != nil {
			return err
		}
		if err := md.PrimitiveDecode(own.Schema, &t.Schema); err != nil {
			return err
		}
		if err := t.check(); err != nil {
			return fmt.Errorf("tenant.%s.%w", name, err)
		}
		d.tenants[name] = t
	}
	return nil
}

// check returns an error that begins with the name of what is wrong.
func (t tenant) check() error {
	const maxIndexed = 32
	if len(t.Schema.IndexedMetadata) > maxIndexed {
		return fmt.Errorf("schema.indexed_metadata has more than %d keys", maxIndexed)
	}
	if slices.Contains(t.Schema.IndexedMetadata, "") || slices.Contains(t.Policy.AccountTypes, "") {
		return errors.New("schema.indexed_metadata or policy.account_types has an empty text")
	}
	for field, value := range reflect.ValueOf(t.Policy).Fields() {
		if value.Kind() == reflect.Int && value.Int() < 0 {
			return fmt.Errorf("policy.%s must not be negative", field.Tag.Get("toml"))
		}
	}
	return nil
}
