package keyfile

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
)

var (
	_ enduser.Keyring      = (*Keyring)(nil)
	_ enduser.KeyDestroyer = (*Keyring)(nil)
)

// Keyring has its keys in a file. [Open] makes one. It is safe for concurrent use. It holds no
// file open, so there is nothing to close.
//
// A call that must write the file waits for other writers, until its context ends: then it
// returns the context's error. Calls that only read do not wait.
type Keyring struct {
	path string
	now  func() time.Time
	turn chan struct{} // taken by the call that reads or replaces the file

	writing chan struct{} // taken first by a call that writes, while it waits for other processes

	mu    sync.RWMutex    // of all below
	file  fs.FileInfo     // of the file that was read
	infos []KeyInfo       // of all keys in it
	keys  []held          // those that have not expired
	spent map[string]bool // those that have expired once
}

// held is a key in memory.
type held struct {
	KeyInfo
	key enduser.Key
}

// Options are the settings of a Keyring. The zero value is ready to use.
type Options struct {
	// Existing makes Open return ErrMissing instead of making a new file. Set it from the
	// second start on: a folder that is not mounted then does not get a new file, whose keys
	// open nothing.
	Existing bool

	// Now is the clock. Nil means time.Now.
	Now func() time.Time
}

// Open returns the Keyring of a file. If there is none, and never was, it makes one with one
// durable key; the folder must exist. Nil options mean the zero Options. It returns
// ErrMissing, ErrExposed, ErrNotRegular, ErrCorrupt or ErrVersion if the file cannot be used,
// and leaves it as it is. It also returns ErrExposed if anybody may remove files from the
// folder.
func Open(ctx context.Context, path string, opts *Options) (*Keyring, error) {
	if !supported {
		return nil, fmt.Errorf("keyfile: locks on files: %w", errors.ErrUnsupported)
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	if o.Now == nil {
		o.Now = time.Now //nolint:forbidigo // the one place that reads the clock
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	folder, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("keyfile: %w", err)
	}
	if folder.Mode().Perm()&0o002 != 0 && folder.Mode()&fs.ModeSticky == 0 {
		return nil, fmt.Errorf("%w: anybody can write to its folder: %s", ErrExposed, path)
	}
	k := &Keyring{path: path, now: o.Now, turn: make(chan struct{}, 1), writing: make(chan struct{}, 1), spent: make(map[string]bool)}
	if err := k.begin(ctx, o.Existing); err != nil {
		return nil, err
	}
	return k, nil
}

// begin reads the file, and makes it if there never was one.
func (k *Keyring) begin(ctx context.Context, existing bool) error {
	l, err := lock(ctx, k.path)
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // what matters was synced
	if err := clean(k.path); err != nil {
		return err
	}
	c, err := read(k.path)
	if errors.Is(err, ErrMissing) {
		had, markErr := marked(l)
		if markErr != nil {
			return fmt.Errorf("keyfile: %w", markErr)
		}
		if had || existing {
			return err
		}
		c, err = firstFile(k.path, k.now())
	}
	if err != nil {
		return err
	}
	defer c.wipe()
	if err := mark(k.path, l); err != nil {
		return fmt.Errorf("keyfile: %w", err)
	}
	return k.adopt(c.records, c.info)
}

// firstFile makes the file, with one key.
func firstFile(path string, now time.Time) (*content, error) {
	first := newDurable(now)
	first.Primary = true
	c := &content{records: []record{first}}
	c.bytes = encode(c.records)
	info, err := replace(path, c.bytes, nil)
	if err != nil {
		c.wipe()
		return nil, err
	}
	c.info = info
	return c, nil
}

// adopt makes the keys in the file, but for the expired ones, those that the Keyring knows.
func (k *Keyring) adopt(records []record, info fs.FileInfo) error {
	now := k.now()
	k.mu.Lock()
	defer k.mu.Unlock()
	infos := make([]KeyInfo, 0, len(records))
	keys := make([]held, 0, len(records))
	spent := make(map[string]bool)
	for i := range records {
		r := &records[i]
		infos = append(infos, r.KeyInfo)
		if k.spent[r.ID] || r.over(now) {
			spent[r.ID] = true
			continue
		}
		key, err := enduser.NewKey(r.ID, r.secret)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrCorrupt, err)
		}
		keys = append(keys, held{r.KeyInfo, key})
	}
	k.file, k.infos, k.keys, k.spent = info, infos, keys, spent
	return nil
}

// enter waits for a turn, and returns the function that ends it.
func enter(ctx context.Context, turn chan struct{}) (leave func(), err error) {
	select {
	case turn <- struct{}{}:
		return func() { <-turn }, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("keyfile: %w", ctx.Err())
	}
}

// current reports whether the file is the one that the Keyring has read.
func (k *Keyring) current() (bool, error) {
	info, err := look(k.path)
	if err != nil {
		return false, err
	}
	k.mu.RLock()
	defer k.mu.RUnlock()
	return unchanged(info, k.file), nil
}

// refresh reads the file if it was changed. It needs the turn.
func (k *Keyring) refresh() error {
	if current, err := k.current(); current || err != nil {
		return err
	}
	c, err := read(k.path)
	if err != nil {
		return err
	}
	defer c.wipe()
	return k.adopt(c.records, c.info)
}

// update reads the file if it was changed, and waits for the turn to do so.
func (k *Keyring) update(ctx context.Context) error {
	if current, err := k.current(); current || err != nil {
		return err
	}
	leave, err := enter(ctx, k.turn)
	if err != nil {
		return err
	}
	defer leave()
	return k.refresh()
}

// change writes the file with the keys that edit returns. edit gets those in the file that
// have not expired. While change waits for other processes, calls that only read do not wait
// for it.
func (k *Keyring) change(ctx context.Context, edit func(keys []record, now time.Time) ([]record, error)) error {
	done, err := enter(ctx, k.writing)
	if err != nil {
		return err
	}
	defer done()
	l, err := lock(ctx, k.path)
	if err != nil {
		return err
	}
	defer l.Close() //nolint:errcheck // what matters was synced
	leave, err := enter(ctx, k.turn)
	if err != nil {
		return err
	}
	defer leave()
	if err := clean(k.path); err != nil {
		return err
	}
	c, err := read(k.path)
	if err != nil {
		return err
	}
	defer c.wipe()
	if err := mark(k.path, l); err != nil {
		return fmt.Errorf("keyfile: %w", err)
	}
	now := k.now()
	kept := make([]record, 0, len(c.records)+1) // one more, so that edit leaves no copies
	defer clear(kept[:cap(kept)])
	for i := range c.records {
		if !c.records[i].over(now) {
			kept = append(kept, c.records[i])
		}
	}
	next, err := edit(kept, now)
	if err != nil {
		return err
	}
	info := c.info
	if !slices.Equal(next, c.records) {
		b := encode(next)
		defer clear(b)
		if info, err = replace(k.path, b, c.info); err != nil {
			return err
		}
	}
	return k.adopt(next, info)
}

// String returns "keyfile" and the path.
func (k *Keyring) String() string { return "keyfile " + k.path }
