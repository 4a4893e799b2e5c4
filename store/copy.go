package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
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
	// that error. It may be called again for the same one, and at the same time for those of
	// several tenants. If Damaged is nil, the copy ends with ErrDamaged.
	Damaged func(Finding) error

	// Progress is called after each step, by one goroutine at a time. The copy waits for it.
	Progress func(CopyProgress)
}

// CopyProgress says how far a [Copy] has come. In the first half the numbers are what this call
// has written: a copy that is taken up again begins at zero. In the second half they are what has been compared.
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
// their revisions, so that versions, cursors and positions stay good. It does not copy the names
// of tenants that have neither a record nor an entry. The target counts on from the highest
// revision that it has.
//
// Nobody may write to either store during the copy. At the end Copy reads both again and
// compares them. If they differ it returns ErrSourceChanged. It does not notice what is written
// to the source after that.
//
// After any other error, or a kill, call Copy again: it goes on where it was. Before it
// writes, it looks whether the newest of all that the target has is of this source, else it returns
// ErrNotEmpty. That is the error, too, if the source was changed after a copy was interrupted.
//
// The target must be an [Importer], and both stores must be a [KindLister], else the error is an
// errors.ErrUnsupported. Nil options mean the zero options.
func Copy(ctx context.Context, dst, src Store, opts *CopyOptions) (CopyResult, error) {
	c := copier{src: src, dst: dst, atOnce: 8}
	if opts != nil {
		c.opts = *opts
	}
	if c.opts.AtOnce > 0 {
		c.atOnce = c.opts.AtOnce
	}
	var can [3]bool
	c.importer, can[0] = As[Importer](dst)
	_, can[1] = As[KindLister](dst)
	_, can[2] = As[KindLister](src)
	if can != [3]bool{true, true, true} {
		return CopyResult{}, fmt.Errorf("store: copy: %w", errors.ErrUnsupported)
	}
	if err := c.eachTenant(ctx, dst, c.checkTarget); err != nil {
		return CopyResult{}, err
	}
	if err := c.eachTenant(ctx, src, c.copyTenant); err != nil {
		return CopyResult{}, err
	}
	c.done = CopyProgress{Comparing: true}
	if err := c.eachTenant(ctx, src, c.compareTenant); err != nil {
		return CopyResult{}, err
	}
	return c.done.CopyResult, c.noOthers(ctx)
}

// copier is one call of Copy.
type copier struct {
	src, dst Store
	importer Importer // dst
	opts     CopyOptions
	atOnce   int

	mu   sync.Mutex
	done CopyProgress
}

// add counts what was written or compared.
func (c *copier) add(n CopyResult) {
	if n == (CopyResult{}) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done.Tenants += n.Tenants
	c.done.Records += n.Records
	c.done.Changes += n.Changes
	c.done.Skipped += n.Skipped
	if c.opts.Progress != nil {
		c.opts.Progress(c.done)
	}
}

// eachTenant calls fn with the tenants of a store, several at a time. It returns the first
// error, after all calls have ended.
func (c *copier) eachTenant(ctx context.Context, s Store, fn func(ctx context.Context, tenant string) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		first error
		once  sync.Once
		calls sync.WaitGroup
		names = make(chan string)
	)
	fail := func(err error) {
		once.Do(func() { first = err })
		cancel()
	}
	for range c.atOnce {
		calls.Go(func() {
			for name := range names {
				if err := fn(ctx, name); err != nil {
					fail(err)
				}
			}
		})
	}
	for name, err := range tenantsOf(ctx, s) {
		if err != nil {
			fail(err)
			break
		}
		select {
		case names <- name:
			continue
		case <-ctx.Done():
			fail(ctx.Err())
		}
		break
	}
	close(names)
	calls.Wait()
	return first
}

// checkTarget returns ErrNotEmpty if the newest record of a kind in the target, or the newest entry,
// is not in the source.
func (c *copier) checkTarget(ctx context.Context, tenant string) error {
	kinds, _, err := Kinds(ctx, c.dst, tenant)
	if err != nil {
		return err
	}
	for _, kind := range kinds {
		mine, err := newest(ctx, c.dst, tenant, kind)
		if err != nil {
			return err
		}
		if mine.ID == "" { // all of them were deleted
			continue
		}
		switch theirs, err := c.src.Get(ctx, tenant, ID(mine.ID)); {
		case errors.Is(err, ErrNotFound), err == nil && !sameRecord(mine, theirs):
			return ErrNotEmpty
		case err != nil:
			return err
		}
	}
	mine, err := newestChange(ctx, c.dst, tenant)
	if err != nil || mine.Seq == 0 {
		return err
	}
	for theirs, err := range changesOf(ctx, c.src, tenant, mine.Seq-1, nil, c.skip) {
		if err != nil && !errors.Is(err, ErrTrimmed) {
			return err
		}
		if err == nil && sameChange(mine, theirs) {
			return nil
		}
		break
	}
	return ErrNotEmpty
}

// copyTenant copies a tenant. It reads a part while it writes the one before.
func (c *copier) copyTenant(ctx context.Context, tenant string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	parts, failed := make(chan Part), error(nil)
	go func() {
		defer close(parts)
		failed = c.read(ctx, tenant, func(p Part) error {
			select {
			case parts <- p:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	}()
	some := 0
	for p := range parts {
		err := c.importer.Import(ctx, tenant, p)
		if err != nil {
			cancel()
			for range parts { // until the reader has ended
			}
			return changedMeanwhile(err)
		}
		c.add(CopyResult{Records: len(p.Records), Changes: len(p.Changes)})
		some = 1
	}
	c.add(CopyResult{Tenants: some})
	return failed
}

// read calls emit with all parts of a tenant that the target does not have: kind by kind in
// the order of Created, and then the feed. So the newest of each says how far a copy has come.
func (c *copier) read(ctx context.Context, tenant string, emit func(Part) error) error {
	kinds, _, err := Kinds(ctx, c.src, tenant)
	if err != nil {
		return err
	}
	f := filler{emit: emit}
	for _, kind := range kinds {
		last, err := newest(ctx, c.dst, tenant, kind)
		if err != nil {
			return err
		}
		for r, err := range recordsOf(ctx, c.src, tenant, kind, last.Created, c.skip) {
			if err == nil {
				err = f.record(r)
			}
			if err != nil {
				return err
			}
		}
	}
	last, err := newestChange(ctx, c.dst, tenant)
	if err != nil {
		return err
	}
	var trimmed Revision
	for ch, err := range changesOf(ctx, c.src, tenant, last.Seq, &trimmed, c.skip) {
		if err == nil {
			err = f.change(ch, trimmed)
		}
		if err != nil {
			return err
		}
	}
	return f.flush()
}
