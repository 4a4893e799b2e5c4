package webhook

import (
	"errors"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/nodehooks"
)

// TestNode: another implementation of Standard Webhooks verifies what is signed here, and
// nothing that was tampered with.
func TestNode(t *testing.T) {
	dice := rand.New(rand.NewPCG(7, 8))
	var requests []nodehooks.Request
	for range 1000 {
		m := randomMessage(t, dice)
		for _, secret := range m.secrets {
			requests = append(requests, nodehooks.Request{Header: m.header, Body: m.body, Secret: secret, At: time.Now()})
		}
	}
	whole := len(requests)
	for i := range 240 {
		m := randomMessage(t, dice)
		_, want := tamper(&m, dice, i%12)
		if errors.Is(want, ErrSignature) {
			requests = append(requests, nodehooks.Request{Header: m.header, Body: m.body, Secret: m.secrets[0], At: time.Now()})
		}
	}
	if whole < 1300 || len(requests)-whole < 150 {
		t.Errorf("%d signatures, %d requests that were tampered with", whole, len(requests)-whole)
	}
	for i, wrong := range nodehooks.Verify(t, requests) {
		switch {
		case i < whole && wrong != "":
			t.Errorf("%s\n%q\n%s", wrong, requests[i].Header, requests[i].Body)
		case i >= whole && !strings.Contains(wrong, "signature"):
			t.Errorf("tampered with: %q", wrong)
		}
	}
}
