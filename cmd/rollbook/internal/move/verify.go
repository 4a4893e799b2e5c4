package move

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/backend"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/store"
)

// Verify reads a whole store and reports what is damaged.
type Verify struct {
	backend.Store `embed:""`

	Mend bool `help:"Put right what follows from the records, such as index entries."`
}

// Run lists what is damaged. Others may use the store meanwhile.
func (c *Verify) Run(ctx context.Context, env *cli.Env) (err error) {
	st, closer, err := c.OpenExisting(ctx, env.Warnings())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closer.Close()) }()
	verifier, ok := store.As[store.Verifier](st)
	if !ok {
		return errors.ErrUnsupported
	}
	var done verified
	progress := env.Progress("verifying", total(ctx, st))
	defer progress.End()
	table := env.Table("DAMAGE", "TENANT", "RECORD", "CHANGE", "MENDED")
	for f, err := range verifier.Verify(ctx, store.VerifyOptions{Mend: c.Mend, Progress: func(records int) {
		done.Records = records
		progress.Set(int64(records))
	}}) {
		if err != nil {
			return errors.Join(err, table.End())
		}
		done.Damaged++
		change, isMended := "", "no"
		if f.Seq != 0 {
			change = strconv.FormatInt(int64(f.Seq), 10)
		}
		if f.Mended {
			done.Mended++
			isMended = "yes"
		}
		if err := table.Row(found(f), f.Damage.String(), f.Tenant, f.ID, change, isMended); err != nil {
			return err
		}
	}
	progress.End()
	err = errors.Join(table.End(), env.Result(done,
		[2]string{"records", strconv.Itoa(done.Records)},
		[2]string{"damaged", strconv.Itoa(done.Damaged)},
		[2]string{"mended", strconv.Itoa(done.Mended)},
	))
	if err == nil && done.Damaged > done.Mended {
		return cli.Exit(cli.Rejected, fmt.Errorf("findings that were not mended: %d", done.Damaged-done.Mended))
	}
	return err
}

// verified is the result of a verification, behind the list of what is damaged.
type verified struct {
	Records int `json:"records"` // that were checked
	Damaged int `json:"damaged"` // findings, those that were mended included
	Mended  int `json:"mended"`
}

// shown is a finding as it is shown.
type shown struct {
	Damage string         `json:"damage"`
	Tenant string         `json:"tenant"`
	ID     string         `json:"id,omitempty"`
	Seq    store.Revision `json:"seq,omitempty"`
	Mended bool           `json:"mended"`
}

func found(f store.Finding) shown {
	return shown{f.Damage.String(), f.Tenant, f.ID, f.Seq, f.Mended}
}

func line(f store.Finding) string {
	switch {
	case f.ID != "":
		return fmt.Sprintf("%v: tenant %s, record %s", f.Damage, f.Tenant, f.ID)
	case f.Seq != 0:
		return fmt.Sprintf("%v: tenant %s, change %d", f.Damage, f.Tenant, f.Seq)
	}
	return fmt.Sprintf("%v: tenant %s", f.Damage, f.Tenant)
}
