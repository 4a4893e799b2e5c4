package store

// The limits of the contract (rule 9). Lengths are in bytes.
const (
	MaxTenant   = 512      // a tenant's name
	MaxID       = 256      // a record's ID
	MaxKind     = 64       // a record's kind, and a key's
	MaxKeyValue = 2048     // a key's value
	MaxUnique   = 64       // unique keys of a record
	MaxIndex    = 256      // index terms of a record
	MaxData     = 1 << 20  // a record's Data
	MaxNote     = 64 << 10 // an op's Note
	MaxOps      = 128      // ops of one Apply
	MaxBatch    = 8 << 20  // Data and Notes of one Apply, added up
	MaxMatch    = 16       // terms of a Query
	MaxKinds    = 16       // kinds of a DueQuery
	MaxLimit    = 1000     // items of a page, whichever method returns it

	// DefaultLimit is the page size where a limit is zero.
	DefaultLimit = 100
)
