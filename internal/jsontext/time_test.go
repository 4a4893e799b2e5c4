package jsontext

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestAppendTime(t *testing.T) {
	t.Parallel()
	check := func(t rapid.TB, at time.Time) {
		t.Helper()
		want := `"` + at.UTC().Format(timeForm) + `"`
		if got := string(AppendTime([]byte("before "), at)); got != "before "+want {
			t.Errorf("%v: %s, want %s", at, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		check(t, time.UnixMilli(rapid.Int64Range(-1<<47, 1<<49).Draw(t, "ms")))
	})
	for _, text := range []string{
		"0000-01-01T00:00:00Z", "0009-02-03T04:05:06.007Z", "1999-12-31T23:59:59.999999999Z", "2024-02-29T12:30:45.1+05:30",
		"9999-12-31T23:59:59.999Z",
	} {
		at, err := time.Parse(time.RFC3339Nano, text)
		if err != nil {
			t.Fatal(err)
		}
		check(t, at)
	}
	check(t, time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC))
	check(t, time.Date(-1, 1, 1, 0, 0, 0, 0, time.UTC))
	if got := string(AppendTime(nil, time.Time{})); got != "null" {
		t.Errorf("the zero time: %s", got)
	}
}
