package redis

import (
	stdcmp "cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// Inconsistencies reads and removes every key under a prefix, and compares everything that
// is derived with the records. Its error says what differs. Nobody may write meanwhile.
// Where something was damaged, more may be stored than is derived.
func Inconsistencies(ctx context.Context, client goredis.UniversalClient, prefix string) error {
	d, err := readDump(ctx, client, prefix)
	if err != nil {
		return err
	}
	want := newDump()
	want.damaged = d.damaged
	l := layout{prefix: prefix}
	var faults []error
	for key, fields := range d.hashes {
		bucket, letter, tenant, ok := split(prefix, key)
		switch {
		case !ok:
			faults = append(faults, fmt.Errorf("hash %q: not of this layout", key))
		case letter == recordsKey:
			if key != l.space(tenant).records() || bucket != bucketOf(tenant) {
				faults = append(faults, fmt.Errorf("hash %q: in the wrong bucket", key))
				continue
			}
			want.hashes[key] = fields
			s := l.space(tenant)
			faults = append(faults, want.derive(s, fields))
			want.add(s.tenants(), tenant, 0)
			for kind := range d.zsets[s.kinds()] { // also one of which there are none any more
				want.add(s.kinds(), kind, 0)
			}
			if d.zsets[s.feed()] != nil {
				want.zsets[s.feed()] = d.zsets[s.feed()]
				faults = append(faults, checkFeed(tenant, &d, d.zsets[s.feed()], fields))
			}
		}
	}
	if d.damaged {
		keepCommon(d.hashes, want.hashes)
		keepCommon(d.zsets, want.zsets)
	}
	if diff := cmp.Diff(want.hashes, d.hashes); diff != "" {
		faults = append(faults, fmt.Errorf("hashes (-derived +stored):\n%s", diff))
	}
	if diff := cmp.Diff(want.zsets, d.zsets); diff != "" {
		faults = append(faults, fmt.Errorf("sorted sets (-derived +stored):\n%s", diff))
	}
	return errors.Join(faults...)
}

// keepCommon removes what was left behind: what is stored and not derived, and an
// earlier place in a queue than the derived one.
func keepCommon[V stdcmp.Ordered](stored, derived map[string]map[string]V) {
	for key, fields := range stored {
		for field, value := range fields {
			want, ok := derived[key][field]
			if !ok {
				delete(fields, field)
			} else if value < want && strings.HasSuffix(key, queueKey) {
				fields[field] = want
			}
		}
		if len(fields) == 0 {
			delete(stored, key)
		}
	}
}

// derive adds what the records of a tenant demand.
func (d *dump) derive(s space, records map[string]string) error {
	last, _ := parseDigits(records[counterField])
	for id, stored := range records {
		if id == counterField || id == trimmedField || id == markField {
			continue
		}
		r, err := decodeRecord(s.tenant, id, stored)
		if err != nil && d.damaged {
			continue
		}
		if err != nil {
			return fmt.Errorf("record %q of %q: %w", id, s.tenant, err)
		}
		if r.Revision > last || r.Created > r.Revision {
			return fmt.Errorf("record %q of %q: revisions %d, %d of %d", id, s.tenant, r.Created, r.Revision, last)
		}
		d.add(s.kind(r.Kind), id, float64(r.Created))
		d.add(s.kinds(), r.Kind, 0)
		for _, term := range r.Index {
			d.add(s.index(r.Kind, term), id, float64(r.Created))
		}
		if ms := store.Millis(r.Due); ms > 0 {
			d.add(s.due(r.Kind), dueMember(ms, id), 0)
			queue, member := s.queue(), queueMember(r.Kind, s.tenant)
			if at, ok := d.zsets[queue][member]; !ok || float64(ms) < at {
				d.add(queue, member, float64(ms))
			}
		}
		for _, k := range r.Unique {
			if d.hashes[s.unique()] == nil {
				d.hashes[s.unique()] = map[string]string{}
			}
			if other, ok := d.hashes[s.unique()][uniqueField(k)]; ok {
				return fmt.Errorf("records %q and %q of %q: the same unique key", id, other, s.tenant)
			}
			d.hashes[s.unique()][uniqueField(k)] = id
		}
	}
	return nil
}

func checkFeed(tenant string, d *dump, members map[string]float64, records map[string]string) error {
	last, _ := parseDigits(records[counterField])
	trimmed, _ := parseDigits(records[trimmedField])
	seen := map[store.Revision]bool{}
	for member, score := range members {
		c := decodeChange(string(tenantTag(tenant)), member, store.Revision(score))
		if c.Damaged && d.damaged {
			continue
		}
		if c.Damaged {
			return fmt.Errorf("change %v of %q: damaged", score, tenant)
		}
		if float64(c.Revision) != score || c.Revision <= trimmed || c.Revision > last || seen[c.Revision] {
			return fmt.Errorf("change %d of %q: at %v, trimmed %d, last %d", c.Revision, tenant, score, trimmed, last)
		}
		seen[c.Revision] = true
	}
	return nil
}

// dump is what is stored under a prefix, the nonces left out.
type dump struct {
	hashes map[string]map[string]string
	zsets  map[string]map[string]float64

	damaged bool // something was, on purpose
}

func (d *dump) add(key, member string, score float64) {
	if d.zsets[key] == nil {
		d.zsets[key] = map[string]float64{}
	}
	d.zsets[key][member] = score
}

// eachServer calls fn for the server, or at the same time for all masters of a Cluster.
func eachServer(ctx context.Context, client goredis.UniversalClient, fn func(context.Context, *goredis.Client) error) error {
	if c, ok := client.(*goredis.ClusterClient); ok {
		return c.ForEachMaster(ctx, fn)
	}
	return fn(ctx, client.(*goredis.Client))
}

func newDump() dump {
	return dump{hashes: map[string]map[string]string{}, zsets: map[string]map[string]float64{}}
}

// readDump reads what is stored under a prefix, and removes it.
func readDump(ctx context.Context, client goredis.UniversalClient, prefix string) (dump, error) {
	all := newDump()
	var mu sync.Mutex
	return all, eachServer(ctx, client, func(ctx context.Context, node *goredis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		for cursor := uint64(0); ; {
			keys, next, err := node.Scan(ctx, cursor, escapeGlob(prefix)+"*", 5000).Result()
			if err == nil {
				err = all.read(ctx, node, prefix, keys)
			}
			if cursor = next; err != nil || cursor == 0 {
				return err
			}
		}
	})
}

// read reads keys, and removes them.
func (d *dump) read(ctx context.Context, node *goredis.Client, prefix string, keys []string) error {
	if len(keys) == 0 {
		return nil
	}
	pipe := node.Pipeline()
	types := make([]*goredis.StatusCmd, len(keys))
	for i, key := range keys {
		types[i] = pipe.Type(ctx, key)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	values := make([]goredis.Cmder, len(keys))
	for i, key := range keys {
		switch kind := types[i].Val(); kind {
		case "hash":
			values[i] = pipe.HGetAll(ctx, key)
		case "zset":
			if _, letter, _, _ := split(prefix, key); letter == noncesKey {
				values[i] = pipe.PTTL(ctx, key)
				continue
			}
			values[i] = pipe.ZRangeWithScores(ctx, key, 0, -1)
		case "none": // nonces that expired meanwhile
		default:
			return fmt.Errorf("key %q has type %s", key, kind)
		}
	}
	for _, key := range keys {
		pipe.Unlink(ctx, key)
	}
	if _, err := pipe.Exec(ctx); err != nil {
		return err
	}
	for i, key := range keys {
		switch value := values[i].(type) {
		case *goredis.MapStringStringCmd:
			if key == prefix+damagedKey {
				d.damaged = true
			} else {
				d.hashes[key] = value.Val()
			}
		case *goredis.ZSliceCmd:
			for _, z := range value.Val() {
				d.add(key, z.Member.(string), z.Score)
			}
		case *goredis.DurationCmd:
			if value.Val() == -1 {
				return fmt.Errorf("%q: nonces that do not expire", key)
			}
		}
	}
	return nil
}

// split takes the name of a tenant's hash apart.
func split(prefix, key string) (bucket int, letter, tenant string, ok bool) {
	rest := strings.TrimPrefix(key, prefix)
	if n, err := fmt.Sscanf(rest, "{%d}", &bucket); n != 1 || err != nil {
		return 0, "", "", false
	}
	_, rest, _ = strings.Cut(rest, "}")
	if len(rest) < 3 {
		return 0, "", "", false
	}
	return bucket, rest[:3], rest[3:], true
}
