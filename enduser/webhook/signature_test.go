package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/rollbook-go/rollbook/enduser"
)

// The vector of the specification.
const (
	vectorSecret    = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" //nolint:gosec // published
	vectorID        = "msg_p5jXN8AQM9LWM0D4loKWxJek"
	vectorTime      = 1614265330
	vectorBody      = `{"test": 2432232314}`
	vectorSignature = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
)

func TestVector(t *testing.T) {
	for _, format := range []enduser.WebhookFormat{enduser.FormatNative, enduser.FormatAda} {
		d := &enduser.Delivery{ID: vectorID, Webhook: enduser.Webhook{Format: format}}
		d.Open(nil, vectorSecret)
		h := make(http.Header)
		if err := sign(h, d, time.Unix(vectorTime, 999e6), []byte(vectorBody)); err != nil {
			t.Fatal(err)
		}
		for _, prefix := range []string{"webhook-", "svix-"} {
			want := []string{vectorID, strconv.Itoa(vectorTime), vectorSignature}
			if prefix == "svix-" && format == enduser.FormatNative {
				want = []string{"", "", ""}
			}
			if got := []string{h.Get(prefix + "id"), h.Get(prefix + "timestamp"), h.Get(prefix + "signature")}; !slices.Equal(got, want) {
				t.Errorf("format %q: %s* are %q, want %q", format, prefix, got, want)
			}
		}
		if err := Verify(h, []byte(vectorBody), vectorSecret); !errors.Is(err, ErrTimestamp) {
			t.Errorf("an old request: %v", err)
		}
	}
}

// message is a signed request.
type message struct {
	header  http.Header
	body    []byte
	secrets []string // the newest first
}

// randomMessage signs an event with one secret or, as while one is rotated, with two.
func randomMessage(t *testing.T, dice *rand.Rand) message {
	t.Helper()
	d := delivery("https://public.example/")
	d.ID = fmt.Sprintf("msg_%x", dice.Uint64())
	if dice.IntN(2) == 0 {
		d.Webhook.Format = enduser.FormatAda
	}
	d.Event.User.Name = randomText(dice)
	d.Event.User.Metadata = enduser.Metadata{"note": enduser.String(randomText(dice))}
	m := message{header: make(http.Header), secrets: []string{secret(dice.Int())}}
	if dice.IntN(2) == 0 {
		m.secrets = append(m.secrets, secret(dice.Int()))
	}
	d.Open(nil, m.secrets...)
	m.body = bodyOf(d)
	if err := sign(m.header, d, time.Now(), m.body); err != nil {
		t.Fatal(err)
	}
	return m
}

func randomText(dice *rand.Rand) string {
	text := make([]rune, dice.IntN(100))
	for i := range text {
		text[i] = rune(dice.IntN(0xd800))
	}
	return string(text)
}

// TestMessages: the official library verifies what is signed here, with each secret, and so
// does Verify.
func TestMessages(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	both := 0
	for range 1000 {
		m := randomMessage(t, dice)
		if n := len(strings.Fields(m.header.Get("webhook-signature"))); n != len(m.secrets) {
			t.Fatalf("%d signatures by %d secrets", n, len(m.secrets))
		}
		both += len(m.secrets) - 1
		for _, secret := range m.secrets {
			official, err := standardwebhooks.NewWebhook(secret)
			if err != nil {
				t.Fatal(err)
			}
			if err := official.Verify(m.body, m.header); err != nil {
				t.Fatalf("the official library: %v\n%s", err, m.body)
			}
			if err := Verify(m.header, m.body, secret); err != nil {
				t.Fatal(err)
			}
			if err := Verify(m.header, m.body, vectorSecret, secret); err != nil { // the receiver is rotating, too
				t.Fatal(err)
			}
		}
	}
	if both < 300 {
		t.Errorf("%d with two signatures", both)
	}
}

// TestTampered: no message that was changed in any way is verified.
func TestTampered(t *testing.T) {
	dice := rand.New(rand.NewPCG(3, 4))
	for i := range 240 {
		m := randomMessage(t, dice)
		what, want := tamper(&m, dice, i%12)
		official, err := standardwebhooks.NewWebhook(m.secrets[0])
		if err != nil {
			t.Fatal(err)
		}
		if err := Verify(m.header, m.body, m.secrets...); !errors.Is(err, want) || err == nil {
			t.Errorf("%s: %v, want %v", what, err, want)
		}
		if errors.Is(want, ErrSignature) && official.Verify(m.body, m.header) == nil {
			t.Errorf("%s: the official library accepts it", what)
		}
	}
}

// tamper changes a message in one of twelve ways, and returns the error that Verify must have.
func tamper(m *message, dice *rand.Rand, way int) (string, error) {
	h := m.header
	flip := func(b []byte) []byte {
		b = slices.Clone(b)
		b[dice.IntN(len(b))] ^= 1 << dice.IntN(7)
		return b
	}
	switch way {
	case 0:
		m.body = flip(m.body)
		return "another body", ErrSignature
	case 1:
		m.body = append(m.body, ' ')
		return "a longer body", ErrSignature
	case 2:
		m.body = m.body[:len(m.body)-1]
		return "a shorter body", ErrSignature
	case 3:
		h.Set("webhook-id", h.Get("webhook-id")+"0")
		return "another ID", ErrSignature
	case 4:
		at, _ := strconv.Atoi(h.Get("webhook-timestamp"))
		h.Set("webhook-timestamp", strconv.Itoa(at+1+dice.IntN(100)))
		return "another time", ErrSignature
	case 5:
		for i := range m.secrets {
			m.secrets[i] = secret(dice.Int())
		}
		return "another secret", ErrSignature
	case 6:
		h.Set("webhook-signature", strings.ReplaceAll(h.Get("webhook-signature"), "v1,", "v1a,"))
		return "another version of signatures", ErrSignature
	case 7:
		signature, _, _ := strings.Cut(h.Get("webhook-signature"), " ")
		raw, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "v1,"))
		h.Set("webhook-signature", "v1,"+base64.StdEncoding.EncodeToString(flip(raw)))
		return "another signature", ErrSignature
	case 8:
		h.Set("webhook-signature", "v1, v1 , v1,"+strings.Repeat("A", 44))
		return "empty signatures", ErrSignature
	case 9:
		h.Del([]string{"webhook-id", "webhook-timestamp", "webhook-signature"}[dice.IntN(3)])
		return "a header is missing", ErrHeaders
	case 10:
		h.Set("webhook-timestamp", []string{"", "now", "1e9", "0x10", "99999999999999999999"}[dice.IntN(5)])
		return "a time that is none", ErrHeaders
	default: // the same text to be signed, taken apart elsewhere
		h.Set("webhook-id", h.Get("webhook-id")+"."+h.Get("webhook-timestamp"))
		return "a dot in the ID", ErrHeaders
	}
}

// TestTimes: five minutes before and after are allowed.
func TestTimes(t *testing.T) {
	for _, test := range []struct {
		off  time.Duration
		want error
	}{
		{-6 * time.Minute, ErrTimestamp},
		{-4 * time.Minute, nil},
		{0, nil},
		{4 * time.Minute, nil},
		{6 * time.Minute, ErrTimestamp},
		{-1e6 * time.Hour, ErrTimestamp},
	} {
		d, h := delivery(""), make(http.Header)
		if err := sign(h, d, time.Now().Add(test.off), []byte("{}")); err != nil {
			t.Fatal(err)
		}
		if err := Verify(h, []byte("{}"), secret(1)); !errors.Is(err, test.want) || err == nil != (test.want == nil) {
			t.Errorf("%v away: %v, want %v", test.off, err, test.want)
		}
	}
}

func TestSecrets(t *testing.T) {
	m := randomMessage(t, rand.New(rand.NewPCG(5, 6)))
	short, long := base64.StdEncoding.EncodeToString(make([]byte, 23)), base64.StdEncoding.EncodeToString(make([]byte, 65))
	for _, secrets := range [][]string{nil, {""}, {"whsec_"}, {"whsec_" + short}, {short}, {"whsec_" + long}, {"whsec_?"}, {m.secrets[0], ""}, {"WHSEC_" + m.secrets[0][6:]}} {
		err := Verify(m.header, m.body, secrets...)
		if !errors.Is(err, ErrSecret) {
			t.Errorf("%d secrets: %v", len(secrets), err)
		}
	}
	if err := Verify(m.header, m.body, strings.TrimPrefix(m.secrets[0], "whsec_")); err != nil {
		t.Errorf("without its prefix: %v", err)
	}
	twice := m.header.Clone()
	twice.Add("webhook-signature", "v1,x")
	if err := Verify(twice, m.body, m.secrets...); !errors.Is(err, ErrHeaders) {
		t.Errorf("a header twice: %v", err)
	}
	d := delivery("")
	for _, secrets := range [][]string{nil, {""}, {secret(1), "x"}} {
		d.Open(nil, secrets...)
		if err := sign(make(http.Header), d, time.Now(), nil); !errors.Is(err, ErrSecret) {
			t.Errorf("signing with %d secrets: %v", len(secrets), err)
		}
	}
}

// FuzzVerify: nothing that comes is a panic, and what was not signed is not verified.
func FuzzVerify(f *testing.F) {
	f.Add("msg_1", "1614265330", "v1,x", []byte("{}"))
	f.Add(vectorID, strconv.Itoa(vectorTime), vectorSignature, []byte(vectorBody))
	f.Add("", "-1", " ,, v1,", []byte(nil))
	f.Fuzz(func(t *testing.T, id, at, signature string, body []byte) {
		h := http.Header{}
		h.Set("webhook-id", id)
		h.Set("webhook-timestamp", at)
		h.Set("webhook-signature", signature)
		if err := Verify(h, body, secret(1)); err == nil {
			t.Errorf("id %q, time %q, signature %q and body %q are verified", id, at, signature, body)
		}
	})
}
