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
	MaxOps      = 128      // ops and requirements of one Apply
	MaxBatch    = 8 << 20  // Data and Notes of one Apply, added up
	MaxMatch    = 16       // terms of a Query
	MaxKinds    = 16       // kinds of a DueQuery
	MaxPlace    = 1024     // a place in a tenant's due records
	MaxLimit    = 1000     // items of a page, whichever method returns it

	// DefaultLimit is the page size if a limit is zero.
	DefaultLimit = 100

	// MaxPageData bounds the bodies of a page, Data and Notes added up: a page ends
	// before the item that would take it beyond, but never before the first.
	MaxPageData = 1 << 20

	// MaxBudget is the highest number of index entries that one call of List may read;
	// DefaultBudget holds if the query has none. Due reads at most DefaultBudget entries
	// that give nothing.
	MaxBudget     = 100_000
	DefaultBudget = 10_000

	// MaxCount is the highest cap of a count; DefaultCount holds if the query has none.
	MaxCount     = 100_000
	DefaultCount = 10_000
)
