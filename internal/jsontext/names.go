package jsontext

// names reports whether a name is new. The first few need no memory.
type names struct {
	few  [24]string
	n    int
	met  uint64 // a bit for each name, by its length and ends: most new names have a new bit
	many map[string]struct{}
}

func (s *names) add(name string) bool {
	if s.many != nil {
		if _, dup := s.many[name]; dup {
			return false
		}
		s.many[name] = struct{}{}
		return true
	}
	bit := bitOf(name)
	if s.met&bit != 0 {
		for _, other := range s.few[:s.n] {
			if other == name {
				return false
			}
		}
	}
	s.met |= bit
	if s.n < len(s.few) {
		s.few[s.n] = name
		s.n++
		return true
	}
	s.many = make(map[string]struct{}, 4*len(s.few))
	for _, other := range s.few {
		s.many[other] = struct{}{}
	}
	s.many[name] = struct{}{}
	return true
}

func bitOf(name string) uint64 {
	if name == "" {
		return 1
	}
	return 1 << ((uint(len(name)) + 5*uint(name[0]) + 11*uint(name[len(name)-1])) % 64)
}
