package vendors_test

import (
	"strings"
	"testing"
)

// Whatever a file has in it, each row is something or has an error, and behind the position of a
// row are the rows that were behind it.
func FuzzFile(f *testing.F) {
	for _, seed := range []string{
		"{\"id\":\"a\"}\n{\"id\":\"b\"}", "[{\"id\":\"a\"},{\"end_user_id\":7}]", "{\n\"data\":[\n{\"id\":\"a\"},{\"id\":1}],\"meta\":{}}",
		`{"results":{"customers":[{"provided_id":"a","token":null,"mapping":{"1":null}}]}}`, "{\"data\":null}\n{\"data\":{\"data\":[1,{}]}}",
		"{\"type\":\"rejected\"}\n{\"id\":\"a\",\"linkedAccounts\":[{\"accountID\":\"\"}]}", "\ufeff{\n", "{\"a\":[\n{", "\xff\xfe", "{\"id\":\"a\"\n{\"id\":\"b\"}",
	} {
		for n := range formats {
			f.Add(seed, n)
		}
	}
	f.Fuzz(func(t *testing.T, text string, n int) {
		format := formats[uint(n)%uint(len(formats))]
		all, err := read(t, format, text, "")
		for i, row := range all {
			given := 0
			for _, is := range []bool{row.User != nil, row.Group != nil, row.Err != nil} {
				if is {
					given++
				}
			}
			if given != 1 || row.At == "" || strings.Contains(row.Text, "\n") {
				t.Fatalf("row %d: %+v", i, row)
			}
		}
		if len(all) == 0 {
			return
		}
		middle := len(all) / 2
		rest, again := read(t, format, text, all[middle].Position)
		if len(rest) != len(all)-middle-1 || (err == nil) != (again == nil) {
			t.Fatalf("%d of %d rows behind row %d; %v, %v", len(rest), len(all), middle, err, again)
		}
	})
}
