// Package tenants reads the file with the policy and the schema of each tenant.
package tenants

import (
	"fmt"
	"sync/atomic"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tomlfile"
	"github.com/rollbook-go/rollbook/enduser"
)

// Flags is the flag that names the file. Commands embed it.
type Flags struct {
	Tenants string `placeholder:"FILE" help:"TOML file with policies and schemas of tenants; the server reads it again on SIGHUP."`
}

// Open reads the file. Without one, every tenant has the zero policy and schema.
func (f *Flags) Open() (*File, error) {
	file := &File{path: f.Tenants}
	file.now.Store(new(document))
	if file.path == "" {
		return file, nil
	}
	d, err := read(file.path)
	if err != nil {
		return nil, err
	}
	file.now.Store(d)
	return file, nil
}

// File is the policies and schemas of tenants. It is safe for concurrent use.
type File struct {
	path string
	now  atomic.Pointer[document]
}

// Policy returns the policy of a tenant, for [enduser.Tenant.With]. What the file says of the
// tenant goes before what it says of all.
func (f *File) Policy(tenant string) enduser.Policy {
	return enduser.Policy(f.now.Load().of(tenant).Policy)
}

// Schema returns the schema of a tenant, for [enduser.Options].
func (f *File) Schema(tenant string) enduser.Schema {
	return enduser.Schema(f.now.Load().of(tenant).Schema)
}

// Reload reads the file again. If that fails, everything stays as it was. So it does if a
// tenant's external IDs would be compared in another way: that is another tenant to the store,
// and its users would seem lost.
func (f *File) Reload() error {
	if f.path == "" {
		return nil
	}
	next, err := read(f.path)
	if err != nil {
		return err
	}
	old := f.now.Load()
	if old.Default.Schema.ExactIDs != next.Default.Schema.ExactIDs {
		return fmt.Errorf("-tenants: %s: default.schema.exact_ids cannot change while the server runs", f.path)
	}
	for _, d := range []*document{old, next} {
		for name := range d.tenants {
			if old.of(name).Schema.ExactIDs != next.of(name).Schema.ExactIDs {
				return fmt.Errorf("-tenants: %s: exact_ids of a tenant cannot change while the server runs", f.path)
			}
		}
	}
	f.now.Store(next)
	return nil
}

func read(path string) (*document, error) {
	d := new(document)
	if err := tomlfile.Read(path, d); err != nil {
		return nil, fmt.Errorf("-tenants: %w", err)
	}
	return d, nil
}
