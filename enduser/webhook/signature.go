package webhook

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/rollbook-go/rollbook/enduser"
)

// sign sets the headers that identify and sign a request: those of Standard Webhooks and, in
// Ada's format, those of the service that Ada sends with, which are signed in the same way. The
// time is that of the attempt, since receivers refuse old signatures.
func sign(h http.Header, d *enduser.Delivery, at time.Time, body []byte) error {
	secrets := d.Secrets()
	if len(secrets) == 0 {
		return fmt.Errorf("%w: there is none", ErrSecret)
	}
	signatures := make([]string, len(secrets))
	for i, secret := range secrets {
		key, err := parseSecret(secret)
		if err != nil {
			return err
		}
		if signatures[i], err = key.Sign(d.ID, at, body); err != nil {
			return err
		}
	}
	names := []string{"webhook-"}
	if d.Webhook.Format == enduser.FormatAda {
		names = append(names, "svix-")
	}
	for _, name := range names {
		h.Set(name+"id", d.ID)
		h.Set(name+"timestamp", strconv.FormatInt(at.Unix(), 10))
		h.Set(name+"signature", strings.Join(signatures, " "))
	}
	return nil
}

// The errors of [Verify], for [errors.Is]. None of their texts has anything of the request or
// of a secret in it.
var (
	// ErrHeaders: one of the headers webhook-id, webhook-timestamp and webhook-signature is
	// missing, malformed or given twice.
	ErrHeaders = errors.New("webhook: invalid headers")

	// ErrTimestamp: the request was signed more than five minutes ago, or in five minutes
	// from now. Somebody sends an old request again, or a clock is wrong.
	ErrTimestamp = errors.New("webhook: timestamp too far away")

	// ErrSignature: no signature of the request is by one of the secrets.
	ErrSignature = errors.New("webhook: no valid signature")

	// ErrSecret: there is no secret to verify with, or one of them is malformed. This is a
	// mistake of the receiver, not of the request.
	ErrSecret = errors.New("webhook: invalid secret")
)

// Limits of Standard Webhooks for a key.
const (
	minKey = 24 // bytes
	maxKey = 64
)

// Verify reports whether a request is a webhook's: signed with one of the secrets, unchanged,
// and sent within the last five minutes. It reads the headers of Standard Webhooks and needs
// the body byte by byte as it came. Give it one secret, or two while one is being rotated.
//
// A request that passes may still be one that was handled before: an event can be delivered
// more than once, always with the same webhook-id.
func Verify(header http.Header, body []byte, secrets ...string) error {
	if len(secrets) == 0 {
		return fmt.Errorf("%w: none is given", ErrSecret)
	}
	keys := make([]*standardwebhooks.Webhook, len(secrets))
	for i, secret := range secrets {
		var err error
		if keys[i], err = parseSecret(secret); err != nil {
			return err
		}
	}
	for _, name := range []string{standardwebhooks.HeaderWebhookID, standardwebhooks.HeaderWebhookTimestamp, standardwebhooks.HeaderWebhookSignature} {
		if len(header.Values(name)) != 1 {
			return fmt.Errorf("%w: %s must be there once", ErrHeaders, name)
		}
	}
	if strings.Contains(header.Get(standardwebhooks.HeaderWebhookID), ".") { // id.timestamp.body would not be unique
		return fmt.Errorf("%w: %s", ErrHeaders, standardwebhooks.HeaderWebhookID)
	}
	var err error
	for _, key := range keys {
		if err = key.Verify(body, header); err == nil {
			return nil
		}
	}
	switch {
	case errors.Is(err, standardwebhooks.ErrMessageTooOld), errors.Is(err, standardwebhooks.ErrMessageTooNew):
		return ErrTimestamp
	case errors.Is(err, standardwebhooks.ErrNoMatchingSignature):
		return ErrSignature
	default:
		return ErrHeaders
	}
}

// parseSecret reads a secret. The library takes an empty one, too, under which anybody can
// sign.
func parseSecret(secret string) (*standardwebhooks.Webhook, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < minKey || len(key) > maxKey {
		return nil, fmt.Errorf("%w: want whsec_ and %d to %d bytes in base64", ErrSecret, minKey, maxKey)
	}
	return standardwebhooks.NewWebhookRaw(key)
}
