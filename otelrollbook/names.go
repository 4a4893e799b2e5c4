package otelrollbook

import (
	"maps"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

const (
	maxTenants = 100
	maxFaults  = 20
	other      = "other" // stands for all that are too many
)

// lookup is a map that grows seldom and is read often.
type lookup[K comparable, V any] struct {
	mu sync.Mutex // of those who write
	of atomic.Pointer[map[K]V]
}

// get returns the value of a key. The first time add makes it, from how many there are; if it
// reports false the value is not kept.
func (l *lookup[K, V]) get(key K, add func(K, int) (V, bool)) V {
	if m := l.of.Load(); m != nil {
		if v, ok := (*m)[key]; ok {
			return v
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var before map[K]V
	if m := l.of.Load(); m != nil {
		before = *m
	}
	if v, ok := before[key]; ok {
		return v
	}
	v, keep := add(key, len(before))
	if keep {
		next := make(map[K]V, len(before)+1)
		maps.Copy(next, before)
		next[key] = v
		l.of.Store(&next)
	}
	return v
}

// names bounds how many names of something are shown.
type names struct {
	most int
	seen lookup[string, string]
}

func newNames(most int) *names { return &names{most: most} }

// shown returns the name, or "other" if there are too many.
func (n *names) shown(name string) string {
	return n.seen.get(name, func(name string, count int) (string, bool) {
		if count < n.most {
			return name, true
		}
		return other, false
	})
}

// set is attributes in the forms that instruments take, made once: they cost nothing when
// they are used.
type set struct {
	add    []metric.AddOption
	record []metric.RecordOption
}

func newSet(attrs ...attribute.KeyValue) *set {
	o := metric.WithAttributeSet(attribute.NewSet(attrs...))
	return &set{add: []metric.AddOption{o}, record: []metric.RecordOption{o}}
}

// sets are the attributes that were used, by what they were made from: a few words out of few.
type sets[K interface {
	comparable
	attributed
}] struct {
	made lookup[K, *set]
}

// attributed is what attributes are made from.
type attributed interface{ attributes() []attribute.KeyValue }

func (s *sets[K]) of(key K) *set {
	return s.made.get(key, func(key K, _ int) (*set, bool) { return newSet(key.attributes()...), true })
}
