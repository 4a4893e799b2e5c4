// Package access has the keys of the server: who may do what, and how often.
package access

import (
	"fmt"
)

// Flags are the flags that say who may do what. The command serve embeds them.
type Flags struct {
	Key  []string `sep:"none" secret:"" placeholder:"KEY=TENANT[/ENVIRONMENT][@ACTOR]" help:"A key and what it stands for; repeatable. Everyone on a host can see the arguments of programs: -keys is better. Without any key, one for tenant demo is made and kept in rollbook.key."`
	Keys string   `placeholder:"FILE" help:"TOML file with keys and what each may do, readable by its owner alone; read again on SIGHUP."`
	Rate string   `default:"on" enum:"on,off" help:"Limit requests by key: on or off. Rates that a key has in the file of -keys always hold."`
}

// None reports whether no key is given.
func (f *Flags) None() bool { return len(f.Key) == 0 && f.Keys == "" }

// Open reads the keys. Its errors name the flag and show no key.
func (f *Flags) Open() (*Keys, error) {
	k := &Keys{path: f.Keys}
	for _, text := range f.Key {
		e, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("-key: %w", err)
		}
		k.flags = append(k.flags, e)
	}
	if _, err := newSet(k.flags); err != nil {
		return nil, fmt.Errorf("-key: %w", err)
	}
	return k, k.Reload()
}
