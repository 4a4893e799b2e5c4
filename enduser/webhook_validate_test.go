package enduser_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

// What is wrong is named, all at once, and nothing is written.
func TestInvalidWebhooks(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	w := newWorld(memory.New(nil))
	hooks := w.acme.Webhooks()
	good := enduser.WebhookSpec{URL: "https://example.com"}
	for i, row := range []struct {
		change func(*enduser.WebhookSpec)
		want   []string
	}{
		{func(s *enduser.WebhookSpec) { s.URL = "" }, []string{"url required"}},
		{func(s *enduser.WebhookSpec) { s.URL = "https://example.com/" + strings.Repeat("x", 2029) }, []string{"url too_long"}},
		{func(s *enduser.WebhookSpec) { s.URL = "https://example.com/\x00" }, []string{"url invalid_characters"}},
		{func(s *enduser.WebhookSpec) { s.URL = "https://example.com/\xff" }, []string{"url invalid_utf8"}},
		{func(s *enduser.WebhookSpec) { s.URL = " https://example.com/" }, []string{"url invalid_format"}},
		{func(s *enduser.WebhookSpec) { s.Description = strings.Repeat("x", 257) }, []string{"description too_long"}},
		{func(s *enduser.WebhookSpec) { s.Description = "a\nb" }, []string{"description invalid_characters"}},
		{func(s *enduser.WebhookSpec) { s.Format = "xml" }, []string{"format invalid_value"}},
		{func(s *enduser.WebhookSpec) { s.Format = "native" }, []string{"format invalid_value"}},
		{
			func(s *enduser.WebhookSpec) {
				s.Events = []string{"end_user.created", "end_user", "end_user.created", "*", ""}
			},
			[]string{"events[1] invalid_value", "events[2] duplicate", "events[3] invalid_value", "events[4] invalid_value"},
		},
		{
			func(s *enduser.WebhookSpec) { s.Events = []string{"webhook.ping", "user.created", "x.*", "END_USER.*"} },
			[]string{"events[0] invalid_value", "events[1] invalid_value", "events[2] invalid_value", "events[3] invalid_value"},
		},
		{func(s *enduser.WebhookSpec) { s.Events = make([]string, 51) }, []string{"events too_many"}},
		{
			func(s *enduser.WebhookSpec) { s.URL, s.Format, s.Description = "x", "x", "\x00" },
			[]string{"url invalid_format", "format invalid_value", "description invalid_characters"},
		},
	} {
		s := good
		row.change(&s)
		wantInvalid(t, fmt.Sprint("row ", i), third(hooks.Create(ctx, s)), row.want...)
	}
	for _, url := range []string{
		"example.com", "//example.com", "/hook", "https:example.com", "https://", "https:///hook", "https://:443/", "https://user@example.com", "https://user:pw@example.com",
		"https://@example.com", "https://example.com#", "https://example.com/#a", "https://example.com/a b", "https://example.com/%zz", "https://example.com:0/",
		"https://example.com:65536/", "https://example.com:x/", "https://[::1", "https://example.com\\@b.c", "https://exa<mple.com", "https://{host}/",
	} {
		wantInvalid(t, url, third(hooks.Create(ctx, enduser.WebhookSpec{URL: url})), "url invalid_format")
	}
	for _, url := range []string{"http://example.com", "ftp://example.com/", "file://host/etc", "gopher://example.com", "HTTP://example.com"} {
		wantInvalid(t, url, third(hooks.Create(ctx, enduser.WebhookSpec{URL: url})), "url invalid_value")
	}
	for name, want := range map[string]string{
		"": "headers invalid_value", "a b": "headers invalid_value", "a:": "headers invalid_value", "a\r\nb": "headers invalid_value", "\u00e9": "headers invalid_value",
		"a\x00": "headers invalid_value", strings.Repeat("x", 129): "headers invalid_value",
		"host": "headers.host invalid_value", "Content-Type": "headers.Content-Type invalid_value", "content-length": "headers.content-length invalid_value",
		"webhook-id": "headers.webhook-id invalid_value", "WEBHOOK-SIGNATURE": "headers.WEBHOOK-SIGNATURE invalid_value", "svix-id": "headers.svix-id invalid_value",
		"connection": "headers.connection invalid_value", "te": "headers.te invalid_value", "transfer-encoding": "headers.transfer-encoding invalid_value",
		"Proxy-Authorization": "headers.Proxy-Authorization invalid_value", "upgrade": "headers.upgrade invalid_value", "expect": "headers.expect invalid_value",
		"trailer": "headers.trailer invalid_value", "keep-alive": "headers.keep-alive invalid_value", "accept-encoding": "headers.accept-encoding invalid_value",
	} {
		s := good
		s.Headers = secrets{name: secret("x")}
		wantInvalid(t, name, third(hooks.Create(ctx, s)), want)
	}
	for value, code := range map[string]string{
		"": "required", strings.Repeat("x", 4097): "too_long", "a\r\nX-Other: b": "invalid_characters", "a\nb": "invalid_characters", "a\x00b": "invalid_characters",
		" a": "invalid_characters", "a\t": "invalid_characters", "\u00e9": "invalid_characters", "\x7f": "invalid_characters",
	} {
		s := good
		s.Headers = secrets{"X-Key": secret(value)}
		wantInvalid(t, fmt.Sprintf("%.9q", value), third(hooks.Create(ctx, s)), "headers.X-Key "+code)
	}
	s := good
	s.Headers = secrets{"X-Key": enduser.NewSecret(enduser.Int(1)), "x-key": secret("a")}
	wantInvalid(t, "number, twice", third(hooks.Create(ctx, s)), "headers.X-Key invalid_value", "headers.x-key duplicate")
	s.Headers = make(secrets)
	for i := range 11 {
		s.Headers[fmt.Sprint("X-", i)] = secret("x")
	}
	wantInvalid(t, "11 headers", third(hooks.Create(ctx, s)), "headers too_many")
	delete(s.Headers, "X-3")
	hooked(hooks.Create(ctx, s))(t)
	for i := range 30 {
		s.Headers[fmt.Sprint("Y-", i)] = secret("x")
	}
	wantInvalid(t, "40 headers", third(hooks.Create(ctx, s)), "headers too_many")
	if all := allHooks(t, w.acme); len(all) != 1 {
		t.Errorf("%d webhooks were written", len(all))
	}
	for _, url := range []string{
		"https://example.com", "HTTPS://EXAMPLE.com:443/a/b?c=%20&d=\u00e9", "https://b\u00fccher.example/", "https://10.0.0.1:8443/", "https://[::1]/", "https://localhost",
		"https://example.com/" + strings.Repeat("x", 2028),
	} {
		if h, _, err := hooks.Create(ctx, enduser.WebhookSpec{URL: url}); err != nil || h.URL != url {
			t.Errorf("%.40q: %v", url, err)
		}
	}
	insecure := enduser.New(memory.New(nil), &enduser.Options{Keyring: enduser.NewKeyring(testKey("k1")), InsecureWebhooks: true})
	hooked(insecure.Tenant("acme").Webhooks().Create(ctx, enduser.WebhookSpec{URL: "http://localhost:8080"}))(t)
	wantInvalid(t, "insecure", third(insecure.Tenant("acme").Webhooks().Create(ctx, enduser.WebhookSpec{URL: "ftp://a"})), "url invalid_value")
}
