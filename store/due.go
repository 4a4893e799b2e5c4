package store

import "time"

// Due is later than the Unix epoch and before this year, so that it fits 53 bits
// as milliseconds: some databases keep numbers as floating point.
const maxYear = 10000

// Millis returns t in milliseconds since the Unix epoch, rounded up, and 0 for
// the zero time. A valid Due is converted exactly. A Due d is earlier than a bound t,
// such as DueQuery.Before, exactly if Millis(d) < Millis(t). A time outside the range of
// a Due becomes an end of that range: 1 or the first millisecond of the year 10000.
func Millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	if t.Unix() < 0 {
		return 1
	}
	if t.UTC().Year() >= maxYear {
		return endOfDue
	}
	ms := t.UnixMilli()
	if t.Nanosecond()%int(time.Millisecond) != 0 {
		ms++
	}
	return max(ms, 1)
}

// FromMillis is the inverse of Millis for a valid Due: UTC, and the zero time for 0.
func FromMillis(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// endOfDue is the first millisecond of the year 10000.
const endOfDue = 253402300800000
