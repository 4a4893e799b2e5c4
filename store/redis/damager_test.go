package redis

import (
	"context"
	"errors"
	"hash/fnv"
	"strconv"

	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// damagedKey marks a prefix below which something was damaged on purpose, so that entries
// that are left behind are no inconsistency.
const damagedKey = "damaged"

// Damage flips a bit of a stored record that every write depends on.
func (s *Store) Damage(ctx context.Context, tenant, id string) error {
	sp := s.space(tenant)
	stored, err := s.client.HGet(ctx, sp.records(), id).Result()
	if err != nil {
		return err
	}
	bit := someBit(id, headerLen+headAt)
	if bit >= 8*headerLen {
		bit += 8 * checksumLen
	}
	return errors.Join(
		s.client.HSet(ctx, s.prefix+damagedKey, "", "").Err(),
		s.client.HSet(ctx, sp.records(), id, flipped(stored, bit)).Err())
}

// DamageChange flips a bit of an entry of the feed.
func (s *Store) DamageChange(ctx context.Context, tenant string, seq store.Revision) error {
	sp := s.space(tenant)
	at := strconv.FormatInt(int64(seq), 10)
	members, err := s.client.ZRangeByScore(ctx, sp.feed(), &goredis.ZRangeBy{Min: at, Max: at}).Result()
	if err != nil || len(members) != 1 {
		return errors.Join(err, errors.New("no such entry"))
	}
	member := members[0]
	return errors.Join(
		s.client.HSet(ctx, s.prefix+damagedKey, "", "").Err(),
		s.client.ZRem(ctx, sp.feed(), member).Err(),
		s.client.ZAdd(ctx, sp.feed(), goredis.Z{Score: float64(seq), Member: flipped(member, someBit(at, len(member)))}).Err())
}

// Corrupt does one kind of damage to what is stored of a record.
func (s *Store) Corrupt(ctx context.Context, tenant string, damage store.Damage, id string) error {
	sp := s.space(tenant)
	r, err := s.Get(ctx, tenant, store.ID(id))
	if err != nil {
		return err
	}
	if err := s.client.Set(ctx, s.prefix+corruptedKey, "", 0).Err(); err != nil {
		return err
	}
	stray := store.Key{Kind: "stray", Value: "stray"}
	created := goredis.Z{Score: float64(r.Created), Member: r.ID}
	switch damage {
	case store.DamagedRecord:
		return s.Damage(ctx, tenant, id)
	case store.DamagedChange:
		return s.DamageChange(ctx, tenant, r.Revision)
	case store.MissingKey:
		return s.client.HDel(ctx, sp.unique(), uniqueField(r.Unique[0])).Err()
	case store.StrayKey:
		return s.client.HSet(ctx, sp.unique(), uniqueField(stray), id).Err()
	case store.MissingTerm:
		return s.client.ZRem(ctx, sp.index(r.Kind, r.Index[0]), id).Err()
	case store.StrayTerm:
		return s.client.ZAdd(ctx, sp.index(r.Kind, stray), created).Err()
	case store.WrongDue:
		return s.client.ZRem(ctx, sp.queue(), queueMember(r.Kind, tenant)).Err()
	case store.LowRevision:
		return s.client.HSet(ctx, sp.records(), counterField, digits(r.Revision-1)).Err()
	case store.MissingTenant, store.DamagedStructure: // not of a record
	}
	return errors.New("no such damage")
}

// corruptedKey marks a prefix below which something was corrupted on purpose.
const corruptedKey = "corrupted"

// MendCorrupted mends what Corrupt has damaged, if anything, so that all is as it should be.
func (s *Store) MendCorrupted(ctx context.Context) error {
	if n, err := s.client.Del(ctx, s.prefix+corruptedKey).Result(); err != nil || n == 0 {
		return err
	}
	for _, err := range s.Verify(ctx, store.VerifyOptions{Mend: true}) {
		if err != nil {
			return err
		}
	}
	return nil
}

// someBit returns a bit of some bytes that differs from name to name.
func someBit(name string, bytes int) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name))
	return int(h.Sum32()) % (8 * bytes)
}

func flipped(s string, bit int) string {
	b := []byte(s)
	b[bit/8] ^= 1 << (bit % 8)
	return string(b)
}
