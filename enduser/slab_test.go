package enduser

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// A page of users from one slab is what it is without, whatever is then done to one of them.
func TestUsersOfAPageShareNothingThatChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.SliceOfN(anyUser(), 1, 20).Draw(t, "users")
		in := new(slab)
		var got []User
		for i := range want {
			var u User
			if err := u.decode(want[i].Tenant, want[i].Environment, recordOf(&want[i]), in); err != nil {
				t.Fatal(err)
			}
			got = append(got, u)
		}
		if diff := cmp.Diff(want, got, compareUsers); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
		changed := rapid.IntRange(0, len(want)-1).Draw(t, "changed")
		u := &got[changed]
		u.Groups = append(u.Groups, "another")
		u.Accounts = append(u.Accounts, Account{"another", "another"})
		clear(u.Groups)
		clear(u.Accounts)
		clear(u.Metadata)
		clear(u.SystemProperties)
		got[changed] = want[changed]
		if diff := cmp.Diff(want, got, compareUsers); diff != "" {
			t.Fatalf("a change of one user changes another (-want +got):\n%s", diff)
		}
	})
}

// A string that is kept keeps a piece of the page, not the page.
func TestSlabIsMadeOfPieces(t *testing.T) {
	t.Parallel()
	for _, size := range []int{1, 100, slabText - 1, slabText, slabText + 1, 100_000} {
		in := new(slab)
		pieces := 0
		for n := range 1000 {
			text := in.join("id", []byte(strings.Repeat("x", size)))
			if text != "id"+strings.Repeat("x", size) {
				t.Fatalf("%d bytes: the text is another", size)
			}
			if in.text.Len() == len(text) {
				pieces++
			}
			if in.text.Cap() > slabText*5/4 { // a larger text is alone
				t.Fatalf("%d bytes: a piece of %d bytes for user %d", size, in.text.Cap(), n)
			}
		}
		if most := 12 + 2*1000*(size+2)/slabText; size < slabText/2 && pieces > most {
			t.Errorf("%d bytes: %d pieces, want at most %d", size, pieces, most)
		}
	}
}

// The second user of a page takes no more than the first.
func TestDecodeAllocations(t *testing.T) { //nolint:paralleltest // AllocsPerRun counts those of the whole process
	u := fullUser()
	r := recordOf(&u)
	alone := testing.AllocsPerRun(100, func() {
		if _, err := decodeUser("acme", Customer, r); err != nil {
			t.Fatal(err)
		}
	})
	in := new(slab)
	shared := testing.AllocsPerRun(100, func() {
		var u User
		if err := u.decode("acme", Customer, r, in); err != nil {
			t.Fatal(err)
		}
	})
	const perMap = 2
	if maps := float64(2 * perMap); alone > maps+3 || shared > maps+1 {
		t.Errorf("a user with two maps, groups and accounts takes %v allocations alone and %v in a page", alone, shared)
	}
}
