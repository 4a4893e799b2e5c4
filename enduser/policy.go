package enduser

import (
	"cmp"
	"time"
)

// Policy says what may be written through a handle. The zero value is ready to use. (A
// tenant's [Schema] says by what its users are found.) A policy validates only what a write
// changes: a stricter one does not make existing users unwritable.
type Policy struct {
	// UniqueEmail makes e-mail addresses unique: a write that sets one claims it for the
	// user. It is a conflict if another user has the address, claimed or not.
	UniqueEmail bool

	// Placeholders accepts external IDs of users and groups, and IDs of linked accounts,
	// that are, in any case, undefined, null, (null), nil, none, nan or [object Object].
	// Programs that have lost an ID send these, and all that do would share one user.
	// Without it they are invalid, with [CodePlaceholder].
	Placeholders bool

	// AccountTypes lists the types that a linked account may have. None means any.
	AccountTypes []string

	// Limits; zero means the default.
	MaxExternalID    int // characters; 255, which is the most
	MaxName          int // characters of each name; 256
	MaxEmail         int // bytes; 254
	MaxAvatar        int // bytes; 2,048
	MaxMetadataKeys  int // 256
	MaxMetadataKey   int // characters of a key; 128
	MaxMetadataBytes int // of the metadata as compact JSON; 10,240, at most 256 KiB
	MaxAccounts      int // linked accounts; 16, at most 32
	MaxAccountID     int // characters of an account's ID; 256
	MaxGroups        int // 64, at most 128
}

// ProvisionalTTL is how long a provisional user lives by default.
const ProvisionalTTL = 24 * time.Hour

const (
	maxExternalID    = 255                    // characters, under any policy
	maxExternalIDKey = 512                    // bytes of the comparison key
	maxEmail         = 254                    // bytes
	maxEmailKey      = 3*maxEmail + maxDomain // of the comparison key; folding makes no text longer than three times
	maxAccountID     = 256                    // characters, under any policy
	maxAccountType   = 255                    // characters
	maxLanguage      = 64                     // bytes
)

// Or returns p with every zero field set to that of base, and with UniqueEmail and
// Placeholders where either has it.
func (p Policy) Or(base Policy) Policy {
	p.UniqueEmail = p.UniqueEmail || base.UniqueEmail
	p.Placeholders = p.Placeholders || base.Placeholders
	if len(p.AccountTypes) == 0 {
		p.AccountTypes = base.AccountTypes
	}
	p.MaxExternalID = cmp.Or(p.MaxExternalID, base.MaxExternalID)
	p.MaxName = cmp.Or(p.MaxName, base.MaxName)
	p.MaxEmail = cmp.Or(p.MaxEmail, base.MaxEmail)
	p.MaxAvatar = cmp.Or(p.MaxAvatar, base.MaxAvatar)
	p.MaxMetadataKeys = cmp.Or(p.MaxMetadataKeys, base.MaxMetadataKeys)
	p.MaxMetadataKey = cmp.Or(p.MaxMetadataKey, base.MaxMetadataKey)
	p.MaxMetadataBytes = cmp.Or(p.MaxMetadataBytes, base.MaxMetadataBytes)
	p.MaxAccounts = cmp.Or(p.MaxAccounts, base.MaxAccounts)
	p.MaxAccountID = cmp.Or(p.MaxAccountID, base.MaxAccountID)
	p.MaxGroups = cmp.Or(p.MaxGroups, base.MaxGroups)
	return p
}

// withDefaults fills in the defaults, and cuts limits to what the store can hold.
func (p Policy) withDefaults() Policy {
	for _, l := range []struct {
		field            *int
		standard, atMost int
	}{
		{&p.MaxExternalID, maxExternalID, maxExternalID},
		{&p.MaxName, 256, 4096},
		{&p.MaxEmail, maxEmail, maxEmail},
		{&p.MaxAvatar, 2048, 16 << 10},
		{&p.MaxMetadataKeys, 256, 4096},
		{&p.MaxMetadataKey, 128, 256},
		{&p.MaxMetadataBytes, 10240, 256 << 10},
		{&p.MaxAccounts, 16, 32},
		{&p.MaxAccountID, maxAccountID, maxAccountID},
		{&p.MaxGroups, 64, 128},
	} {
		if *l.field <= 0 {
			*l.field = l.standard
		}
		*l.field = min(*l.field, l.atMost)
	}
	return p
}
