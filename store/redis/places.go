package redis

// places is a map to integers that is a list while it is short, as it nearly always is. The
// zero value is ready to use.
type places[K comparable] struct {
	short []place[K]
	long  map[K]int
}

type place[K comparable] struct {
	key K
	at  int
}

// shortest is how many places are searched faster in a list than in a map.
const shortest = 16

func (p *places[K]) get(key K) (int, bool) {
	if p.long != nil {
		at, ok := p.long[key]
		return at, ok
	}
	for i := range p.short {
		if p.short[i].key == key {
			return p.short[i].at, true
		}
	}
	return 0, false
}

func (p *places[K]) set(key K, at int) {
	if p.long == nil && len(p.short) < shortest {
		for i := range p.short {
			if p.short[i].key == key {
				p.short[i].at = at
				return
			}
		}
		p.short = append(p.short, place[K]{key, at})
		return
	}
	if p.long == nil {
		p.long = make(map[K]int, 2*shortest)
		for _, s := range p.short {
			p.long[s.key] = s.at
		}
	}
	p.long[key] = at
}
