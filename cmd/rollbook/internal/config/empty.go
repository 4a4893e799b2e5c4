package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// checkEmpty returns an error if a setting was given without a value: by a script whose variable
// is not set, or a secret that is not there yet. The default may be less safe than what was meant.
func (s *sources) checkEmpty(ctx *kong.Context) error {
	for _, p := range ctx.Path {
		if p.Flag == nil {
			continue
		}
		if _, ok := s.settings[p.Flag.Name]; !ok {
			continue
		}
		empty := false
		switch v := ctx.FlagValue(p.Flag).(type) {
		case string:
			empty = v == ""
		case []string:
			emptied := len(v) == 0 && strings.HasSuffix(s.used[p.Flag.Name], fileSuffix)
			empty = emptied || slices.Contains(v, "")
		}
		if empty {
			return s.explain(fmt.Errorf("--%s: its value is empty", p.Flag.Name))
		}
	}
	return nil
}
