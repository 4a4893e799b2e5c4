package enduser

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store"
)

// goldenAnswers are the answers that testdata/codec/answer holds; see goldenBodies.
func goldenAnswers() map[string]answer {
	due := millis(1_800_000_000_000)
	return map[string]answer{
		"v1-created.json":   {request: "00ff", did: "created", kind: kindUser, id: "u1", until: due},
		"v1-unchanged.json": {request: "00ff", did: "unchanged", kind: kindUser, id: "u1", until: due},
		"v1-deleted.json":   {request: "00ff", did: "deleted", kind: kindGroup, id: "g1", until: due},
		"v1-token.json":     {request: "00ff", did: "updated", kind: kindGroup, id: "g1", token: []byte{1, 2, 255}, until: due},
	}
}

func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	for name, want := range goldenAnswers() {
		body := encodeAnswer(&want, nil)
		golden := goldenBody(t, filepath.Join("testdata", "codec", "answer", name), body)
		got, err := decodeAnswer(&store.Record{ID: answerID("x"), Kind: kindAnswer, Due: want.until, Data: golden})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(want, got, cmp.AllowUnexported(answer{})); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if string(body) != string(golden) {
			t.Errorf("%s: the same answer now has the body\n%s\nwant\n%s", name, body, golden)
		}
	}
}

// The digests of keys and calls are the same in every program that serves one store: another
// one would not know its own key again.
func TestGoldenDigests(t *testing.T) {
	t.Parallel()
	key := &Idempotency{Key: "order-7"}
	spec := &Spec{
		ExternalID: "a", Name: "b", FirstName: "c", LastName: "d", Email: "e", Avatar: "f", Language: "g", ExpiresIn: time.Hour,
		Metadata: Metadata{"k": Int(1), "j": Null}, SystemProperties: Metadata{"s": String("t")}, Accounts: []Account{{"x", "y"}, {"x", "z"}},
		Groups: []string{"h", "i"}, Clear: []string{"name"}, Sensitive: map[string]Secret{"p": NewSecret(Int(7)), "q": {}},
	}
	group := &GroupSpec{ExternalID: "a", Name: "b", Metadata: Metadata{"k": Int(1)}, SystemProperties: Metadata{"s": Int(2)}}
	hook := &WebhookSpec{URL: "u", Description: "d", Events: []string{"e"}, Format: FormatAda, Headers: map[string]Secret{"h": NewSecret(Int(1))}}
	var lines []string
	seen := make(map[string]int)
	for i, of := range []*once{
		newOnce(key, "", &request{kind: kindUser, call: "create", spec: spec}),
		newOnce(key, "ann", &request{kind: kindUser, call: "create", spec: &Spec{}}),
		newOnce(key, "bob", &request{kind: kindGroup, call: "create", groupSpec: group}),
		newOnce(key, "eve", &request{kind: kindUser, call: "link", user: ByAccount(Account{"x", "y"}), account: Account{"x", "y"}}),
		newOnce(key, "ken", &request{kind: kindGroup, call: "rotate", group: GroupByID("g"), overlap: time.Hour}),
		newOnce(key, "kim", &request{kind: kindWebhook, call: "update", webhook: "h"}),
		newOnce(key, "lee", &request{kind: kindWebhook, call: "create", webhookSpec: hook}),
		newOnce(&Idempotency{Key: "order-7", Scope: "ann"}, "ann", &request{}),
		newOnce(&Idempotency{Key: "order-7", Scope: "bob", Digest: []byte("request")}, "bob", &request{}),
		newOnce(&Idempotency{Key: "order-8", Scope: "bob", Digest: []byte("request")}, "bob", &request{}),
	} {
		for _, digest := range []string{of.id, of.digest} {
			if other, is := seen[digest]; is {
				t.Errorf("%d and %d have the same %s", other, i, digest)
			}
			seen[digest] = i
		}
		lines = append(lines, fmt.Sprintf("%d %s %s\n", i, of.id, of.digest))
	}
	all := strings.Join(lines, "")
	if golden := string(goldenBody(t, filepath.Join("testdata", "codec", "answer", "v1-digests.txt"), []byte(all))); all != golden {
		t.Errorf("digests are now\n%s\nwant\n%s", all, golden)
	}
}
