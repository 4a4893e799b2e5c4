package serve

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// age is a time such as 30d, 36h or 90m, or off, which is 0.
type age time.Duration

const day = 24 * time.Hour

// Duration returns the age as a duration.
func (a age) Duration() time.Duration { return time.Duration(a) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (a *age) UnmarshalText(text []byte) error {
	if string(text) == "off" {
		*a = 0
		return nil
	}
	d, err := time.ParseDuration(string(text))
	if days, ok := strings.CutSuffix(string(text), "d"); ok {
		var n uint64
		n, err = strconv.ParseUint(days, 10, 16)
		d = time.Duration(n) * day
	}
	if err != nil || d <= 0 {
		return errors.New("must be a time such as 30d or 12h, or off")
	}
	*a = age(d)
	return nil
}
