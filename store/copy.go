package store

import (
	"context"
	"errors"
)

// ErrSourceChanged: while [Copy] was under way the source was written to, or the target was by
// somebody else. The target is not a copy: stop the writers and begin again with an empty one.
var ErrSourceChanged = errors.New("store: the source or the target was changed during the copy")

// ErrNotEmpty: the target of a [Copy] has something that the source does not have.
var ErrNotEmpty = errors.New("store: the target is not empty")

// CopyOptions are the settings of [Copy]. The zero value is ready to use.
type CopyOptions struct {
	// AtOnce is how many tenants are copied at a time. 0 means 8. Each takes up to 4 MiB of
	// memory.
	AtOnce int

	// Damaged is called for each record and entry of the source that cannot be read, with
	// its tenant and its ID or Seq. If it returns nil, the copy goes on without it, and
	// readers of the feed do not learn that there was an entry; otherwise the copy ends with
	// that error. It may be called again for the same one. If Damaged is nil, the copy ends
	// with ErrDamaged.
	Damaged func(Finding) error

	// Progress is called from time to time, by one goroutine at a time. The copy waits for it.
	Progress func(CopyProgress)
}

// CopyProgress says how far a [Copy] has come. The numbers grow to the same ends in both of
// its halves; in a copy that is taken up again those of the first one begin where it was.
type CopyProgress struct {
	Comparing bool // the second half: everything is there, and is compared with the source
	CopyResult
}

// CopyResult says what a target has after a [Copy].
type CopyResult struct {
	Tenants int // that have a record or an entry of the feed
	Records int
	Changes int // entries of the feeds
	Skipped int // damaged records and entries; see CopyOptions.Damaged
}

// Copy copies all tenants from one store to another, which is empty: records and feeds with
// their revisions, so that versions, cursors and positions stay good. It does not copy the names of tenants
// that have neither a record nor an entry.
//
// Nobody may write to either store during the copy. At the end Copy reads both again and
// compares them; if they differ it returns ErrSourceChanged. What is written to the source
// after that, or was still on its way, is not noticed.
//
// After any other error, or a kill, call Copy again: it goes on where it was. Before it
// writes, it looks whether all that the target has is of this source, else it returns
// ErrNotEmpty.
//
// The source must be a [KindLister] and the target an [Importer], else the error is an
// errors.ErrUnsupported. Nil options mean the zero options.
func Copy(ctx context.Context, dst, src Store, opts *CopyOptions) (CopyResult, error) {
	return CopyResult{}, errors.ErrUnsupported
}
