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
