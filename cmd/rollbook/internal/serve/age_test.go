package serve

import (
	"testing"
	"time"
)

func TestAge(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30d": 30 * day, "1d": day, "36h": 36 * time.Hour, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute, "off": 0,
	} {
		a := age(time.Second)
		if err := a.UnmarshalText([]byte(text)); err != nil || a.Duration() != want {
			t.Errorf("%s: %v %v", text, a.Duration(), err)
		}
	}
	for _, text := range []string{"", "30", "d", "-1d", "+1d", "1.5d", "0d", "0s", "-1h", "OFF", "on", "99999d", "1d12h", "30 d"} {
		a := age(time.Second)
		if err := a.UnmarshalText([]byte(text)); err == nil || a != age(time.Second) {
			t.Errorf("%q is %v", text, a.Duration())
		}
	}
}
