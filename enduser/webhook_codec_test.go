package enduser

import (
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/store"
)

var compareWebhooks = cmp.AllowUnexported(
	Webhook{}, webhookHeader{}, webhookSecret{}, Version{}, webhookTurn{}, parkedObject{}, queuedEvent{}, Redelivery{}, Position{},
	webhookLog{}, Attempt{}, DeadLetter{}, Value{},
)

func somePosition(revision int64) Position {
	return Position{scope: scopeOf("changes", "acme"), revision: revision, stamp: 7}
}

func fullWebhook() Webhook {
	return Webhook{
		ID: "0123", Tenant: "acme", Environment: Testing,
		URL: "https://example.com/hook?a=1&b=\u00e9", Description: "The \"CRM\"", Events: []string{"end_user.*", "group.deleted"}, Format: FormatAda,
		HeaderNames: []string{"Authorization", "X-Key"}, OldSecretUntil: millis(1700086400001),
		Disabled: true, DisabledReason: DisabledGone, DisabledAt: millis(1700000000500),
		CreatedBy: "key_1", UpdatedBy: "key_42", CreatedAt: millis(1700000000001), UpdatedAt: millis(1700000000999),
		Version: Version{12, 0x0123456789ab}, Revision: 12,
		headers: []webhookHeader{{"Authorization", []byte{1, 2}}, {"X-Key", []byte{3}}},
		secrets: []webhookSecret{{sealed: []byte{0, 0xff}}, {sealed: []byte{'"'}, until: millis(1700086400001)}},
	}
}

func fullTurn() webhookTurn {
	return webhookTurn{
		webhook: "0123", due: millis(1700000060000), owner: "node-7", position: somePosition(9),
		parked: []parkedObject{
			{kind: kindUser, id: "u1", at: somePosition(3), until: somePosition(8), attempts: 2, next: millis(1700000300000), since: millis(1700000000000)},
			{kind: kindGroup, id: "g1", at: somePosition(4), next: millis(1700000000001), since: millis(1700000000001)},
		},
		failures: 3, failingSince: millis(1700000000002), lastSuccess: millis(1690000000000), step: 2, retryAt: millis(1700000000009), gappedAt: millis(1680000000000),
		queue: []queuedEvent{{eventID: "msg_a", requestedAt: millis(1700000000003)}, {eventID: "msg_b", at: somePosition(2), requestedAt: millis(1700000000004)}},
		redelivery: &Redelivery{
			RequestedAt: millis(1700000000005), Position: somePosition(1), Through: somePosition(9), Sent: 4, attempts: 1, next: millis(1700000000006),
		},
	}
}

func fullLog() webhookLog {
	return webhookLog{webhook: "0123", attempts: []Attempt{
		{
			EventID: "msg_a", Event: "end_user.created", Kind: kindUser, ID: "u1", Number: 2, At: millis(1700000000000), Took: 1500 * time.Millisecond,
			Status: 503, Next: millis(1700000300000), Redelivery: true, position: somePosition(3),
		},
		{EventID: "msg_b", Event: EventPing, Number: 1, At: millis(1700000000001), Fault: "timeout"},
	}}
}

func fullDeadLetter() DeadLetter {
	return DeadLetter{
		EventID: "msg_a", Event: "end_user.created", Kind: kindUser, ID: "u1", Position: somePosition(3), Attempts: 8, Status: 500, Fault: "none",
		At: millis(1700000000000), webhook: "0123",
	}
}

// written is the record that an op writes, as the store would return it.
func written(t testing.TB, op store.Op, err error) store.Record {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	r := *op.New
	r.Revision, r.Created = 3, 2
	return r
}

// webhookBodies are bodies of every form, with the decoder of each. The decoder returns what it
// has read.
func webhookBodies(t testing.TB) map[string]struct {
	record store.Record
	want   any
	decode func(store.Record) (any, error)
} {
	t.Helper()
	type form = struct {
		record store.Record
		want   any
		decode func(store.Record) (any, error)
	}
	hook, turn, log, dead := fullWebhook(), fullTurn(), fullLog(), fullDeadLetter()
	w := writer{stamp: hook.Version.stamp}
	r := w.webhookOver(store.Record{ID: hook.ID, Kind: kindWebhook, Revision: 12}, &hook, nil)
	turnOp, err := turn.op()
	turnRecord := written(t, turnOp, err)
	turn.record = turnRecord
	logOp, err := log.op()
	log.record = written(t, logOp, err)
	return map[string]form{
		"webhook": {r, hook, func(r store.Record) (any, error) {
			return Tenant{name: "acme", env: Testing}.decodeWebhook(&r)
		}},
		"turn": {turnRecord, turn, func(r store.Record) (any, error) { return decodeTurn(&r) }},
		"log": {log.record, log, func(r store.Record) (any, error) {
			l := webhookLog{webhook: "0123", record: r}
			err := l.scan()
			return l, err
		}},
		"dead": {dead.record(), dead, func(r store.Record) (any, error) {
			var d DeadLetter
			err := decodeDead(&r, &d)
			return d, err
		}},
	}
}

func TestGoldenWebhooks(t *testing.T) {
	t.Parallel()
	for name, form := range webhookBodies(t) {
		golden := goldenBody(t, filepath.Join("testdata", "codec", "webhook", "v1-"+name+".json"), form.record.Data)
		if string(golden) != string(form.record.Data) {
			t.Errorf("%s: the same now has the body\n%s\nwant\n%s", name, form.record.Data, golden)
		}
		r := form.record
		r.Data = golden
		got, err := form.decode(r)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(form.want, got, compareWebhooks); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// A secret that was rotated out makes the webhook's record due, and a sweep drops it. A turn is
// due for whoever delivers, and a dead letter after 30 days.
func TestDueOfWebhookRecords(t *testing.T) {
	t.Parallel()
	forms := webhookBodies(t)
	for name, want := range map[string]time.Time{
		"webhook": millis(1700086400001), "turn": millis(1700000060000), "log": {}, "dead": millis(1700000000000).Add(30 * 24 * time.Hour),
	} {
		if got := forms[name].record.Due; !got.Equal(want) {
			t.Errorf("%s: due %v, want %v", name, got, want)
		}
	}
	h := fullWebhook()
	if h.secrets = h.secrets[:1]; !h.due().IsZero() {
		t.Errorf("due %v without an old secret", h.due())
	}
}

func TestCorruptWebhooks(t *testing.T) {
	t.Parallel()
	replaced := map[string]map[string][2]string{
		"webhook": {
			"without URL":         {`"url":"https`, `"canary":"https`},
			"without secrets":     {`"secrets":[`, `"canary":[`},
			"no secret":           {`"secrets":[{"sealed":"AP8"},{"sealed":"Ig","until":1700086400001}]`, `"secrets":[]`},
			"a secret unsealed":   {`{"sealed":"AP8"}`, `{}`},
			"a header unnamed":    {`{"name":"X-Key",`, `{`},
			"a header unsealed":   {`"sealed":"Aw"`, `"canary":1`},
			"disabled as a text":  {`"disabled":true`, `"disabled":"canary"`},
			"events as a text":    {`"events":["end_user.*","group.deleted"]`, `"events":"canary"`},
			"a member twice":      {`"w":1`, `"w":1,"url":"canary"`},
			"stamp out of range":  {`"stamp":`, `"stamp":999`},
			"a header of no text": {`"name":"X-Key"`, `"name":1`},
		},
		"turn": {
			"no position":           {`"position":"`, `"position":"canary`},
			"a negative number":     {`"failures":3`, `"failures":-3`},
			"a number too large":    {`"failures":3`, `"failures":2147483648`},
			"parked without ID":     {`"id":"u1",`, ``},
			"parked without kind":   {`"kind":"user",`, ``},
			"queued without ID":     {`{"id":"msg_a",`, `{"x":1,`},
			"redelivery, no bounds": {`"redelivery":{"through":`, `"redelivery":{"canary":`},
			"owner as a number":     {`"owner":"node-7"`, `"owner":7`},
		},
		"log": {
			"an attempt without ID": {`"event_id":"msg_a",`, ``},
			"no list":               {`"attempts":[`, `"attempts":{"canary":[`},
			"status as text":        {`"status":503`, `"status":"canary"`},
			"took":                  {`"took":1500`, `"took":-1`},
		},
		"dead": {
			"without webhook":  {`"webhook":"0123",`, ``},
			"without event":    {`"event_id":"msg_a",`, ``},
			"without position": {`"position":"`, `"canary":"`},
		},
	}
	for name, form := range webhookBodies(t) {
		check := func(t interface{ Errorf(string, ...any) }, what, body string, must bool) {
			r := form.record
			r.Data = []byte(body)
			got, err := form.decode(r)
			_, whole := errors.AsType[*UnreadableError](err)
			switch {
			case err == nil && must:
				t.Errorf("%s: %s: accepted: %v", name, what, got)
			case err == nil:
			case !whole || errors.Is(err, ErrInvalid) || !errors.Is(err, ErrCorrupt) && (must || !errors.Is(err, ErrNewer)):
				t.Errorf("%s: %s: %v, want an UnreadableError that is no ErrInvalid", name, what, err)
			case strings.Contains(err.Error(), "canary"):
				t.Errorf("%s: %s: the error quotes the body: %v", name, what, err)
			}
		}
		eachDamage(t, string(form.record.Data), replaced[name], check)
	}
}

func TestTurnsRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		at := rapid.OneOf(rapid.Just(time.Time{}), rapid.Map(rapid.Int64Range(1, 1<<47), millis))
		position := rapid.Map(rapid.Int64Range(1, 1<<40), somePosition)
		count := rapid.IntRange(0, 1<<31-1)
		turn := webhookTurn{
			webhook: "w", due: at.Draw(t, "due"), owner: rapid.String().Draw(t, "owner"), position: position.Draw(t, "position"),
			failures: count.Draw(t, "failures"), failingSince: at.Draw(t, "failing"), lastSuccess: at.Draw(t, "success"),
			step: count.Draw(t, "step"), retryAt: at.Draw(t, "retry"), gappedAt: at.Draw(t, "gapped"),
		}
		for range rapid.IntRange(0, 20).Draw(t, "parked") {
			turn.parked = append(turn.parked, parkedObject{
				kind: kindUser, id: rapid.StringN(1, 20, -1).Draw(t, "id"), at: position.Draw(t, "at"),
				until: rapid.OneOf(rapid.Just(Position{}), position).Draw(t, "until"), attempts: count.Draw(t, "attempts"),
				next: at.Draw(t, "next"), since: at.Draw(t, "since"),
			})
		}
		for range rapid.IntRange(0, maxQueued).Draw(t, "queued") {
			turn.queue = append(turn.queue, queuedEvent{eventID: rapid.StringN(1, 20, -1).Draw(t, "event"), requestedAt: at.Draw(t, "requested")})
		}
		if rapid.Bool().Draw(t, "redelivery") {
			turn.redelivery = &Redelivery{Position: position.Draw(t, "from"), Through: position.Draw(t, "through"), Sent: count.Draw(t, "sent")}
		}
		op, err := turn.op()
		if err != nil || !json.Valid(op.New.Data) {
			t.Fatalf("%v: %s", err, op.New.Data)
		}
		got, err := decodeTurn(op.New)
		if err != nil {
			t.Fatalf("%v: %s", err, op.New.Data)
		}
		turn.record = *op.New
		if diff := cmp.Diff(turn, got, compareWebhooks); diff != "" {
			t.Fatalf("%s\n(-want +got):\n%s", op.New.Data, diff)
		}
	})
}

// The log keeps the last 200 attempts, and what a newer program has added.
func TestWebhookLog(t *testing.T) {
	t.Parallel()
	l := webhookLog{webhook: "w"}
	for i := range 3 * maxLogged {
		l.add(Attempt{EventID: "msg", Number: i})
	}
	if len(l.attempts) != maxLogged || l.attempts[0].Number != 2*maxLogged || l.attempts[maxLogged-1].Number != 3*maxLogged-1 {
		t.Errorf("%d attempts, from %d", len(l.attempts), l.attempts[0].Number)
	}
	op, err := l.op()
	r := written(t, op, err)
	r.Data = []byte(strings.Replace(string(r.Data), `"w":1`, `"w":1,"new":[1]`, 1))
	r.Unique = []store.Key{{Kind: "new", Value: "1"}}
	again := webhookLog{webhook: "w", record: r}
	if err := again.scan(); err != nil {
		t.Fatal(err)
	}
	op, err = again.op()
	if next := written(t, op, err); !strings.HasSuffix(string(next.Data), `,"new":[1]}`) || len(next.Unique) != 1 {
		t.Errorf("the body is %s, the keys are %v", next.Data[max(0, len(next.Data)-40):], next.Unique)
	}
	again.record.Data = []byte(strings.Replace(string(r.Data), `"w":1`, `"w":2`, 1))
	if _, err := again.op(); !errors.Is(err, ErrNewer) {
		t.Errorf("over a log of a newer program: %v", err)
	}
}

// Whatever a Sender says, the log and the dead letter can be written and read.
func TestOutcomesOfAnySender(t *testing.T) {
	t.Parallel()
	wild := Attempt{EventID: "m", Status: -1, Took: -time.Second, Fault: strings.Repeat("\xff\x00é", 1<<20)}
	l := webhookLog{webhook: "w"}
	for range maxLogged {
		l.add(wild)
	}
	op, err := l.op()
	r := written(t, op, err)
	again := webhookLog{record: r}
	if err := again.scan(); err != nil || len(r.Data) > 100<<10 {
		t.Errorf("a log of %d bytes: %v", len(r.Data), err)
	}
	d := DeadLetter{EventID: "m", webhook: "w", Position: somePosition(1), Status: 1 << 40, Fault: wild.Fault}
	r = d.record()
	if err := decodeDead(&r, &d); err != nil || len(d.Fault) > 64 {
		t.Errorf("a fault of %d bytes: %v", len(d.Fault), err)
	}
}

func FuzzDecodeTurn(f *testing.F) {
	turn := fullTurn()
	f.Add(string(turn.encode(nil)))
	f.Add(`{"r":1,"w":1,"parked":[{"id":"a","kind":"user"}]}`)
	f.Fuzz(func(t *testing.T, body string) {
		r := store.Record{ID: "w/turn", Kind: kindWebhookTurn, Revision: 1, Data: []byte(body)}
		got, err := decodeTurn(&r)
		if err != nil {
			if errors.Is(err, ErrInvalid) || !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrNewer) {
				t.Errorf("%v", err)
			}
			return
		}
		op, err := got.op()
		if errors.Is(err, ErrNewer) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeTurn(op.New)
		again.record, got.record = store.Record{}, store.Record{}
		if diff := cmp.Diff(got, again, compareWebhooks); diff != "" || err != nil {
			t.Errorf("lost when written back: %v\n%s", err, diff)
		}
	})
}

// The ID of an event is the same for one place in one feed, and another for any other.
func TestEventID(t *testing.T) {
	t.Parallel()
	at := somePosition(3)
	first := eventID("acme", at)
	if first != eventID("acme", at) || !strings.HasPrefix(first, "msg_") || len(first) != 26 {
		t.Errorf("the ID is %q", first)
	}
	again := at
	again.stamp++ // the same revision in another history
	seen := map[string]bool{first: true, newEventID(): true, newEventID(): true}
	for _, id := range []string{eventID("t/acme", at), eventID("acme", somePosition(4)), eventID("acme", again)} {
		seen[id] = true
	}
	if len(seen) != 6 {
		t.Errorf("two events have one ID: %v", seen)
	}
}

// A webhook gets what its filter and its format have, and no more.
func TestSelects(t *testing.T) {
	t.Parallel()
	change := func(kind string, what ChangeType, fields ...string) *Change {
		return &Change{Kind: kind, Type: what, Fields: fields}
	}
	created, deleted := change(kindUser, ChangeCreated), change(kindUser, ChangeDeleted)
	team, off := change(kindGroup, ChangeUpdated, "name"), change(kindWebhook, "disabled")
	for i, row := range []struct {
		events []string
		format WebhookFormat
		change *Change
		want   bool
	}{
		{nil, "", created, true},
		{nil, "", off, true},
		{[]string{"end_user.created"}, "", created, true},
		{[]string{"end_user.created"}, "", deleted, false},
		{[]string{"end_user.*"}, "", deleted, true},
		{[]string{"end_user.*"}, "", team, false},
		{[]string{"group.updated", "end_user.deleted"}, "", team, true},
		{[]string{"webhook.*"}, "", off, true},
		{[]string{"end_user.updated"}, "", change(kindUser, ChangeUnreadable), true},
		{nil, FormatAda, created, true},
		{nil, FormatAda, deleted, false},
		{nil, FormatAda, team, false},
		{nil, FormatAda, off, false},
		{nil, FormatAda, change(kindUser, ChangeAssociated), false},
		{nil, FormatAda, change(kindUser, ChangeUnreadable), true},
		{nil, FormatAda, change(kindUser, ChangeUpdated), true},
		{nil, FormatAda, change(kindUser, ChangeUpdated, "name"), true},
		{nil, FormatAda, change(kindUser, ChangeUpdated, "metadata"), true},
		{nil, FormatAda, change(kindUser, ChangeUpdated, "metadata.plan"), true},
		{nil, FormatAda, change(kindUser, ChangeUpdated, "metadata.browser"), false},
		{nil, FormatAda, change(kindUser, ChangeUpdated, "metadata.browser", "email"), true},
		{nil, FormatAda, change(kindUser, ChangeUpdated, "system_properties.x", "groups", "sensitive.k"), false},
		{[]string{"end_user.created"}, FormatAda, change(kindUser, ChangeUpdated, "name"), false},
	} {
		h := Webhook{Events: row.events, Format: row.format}
		if got := h.selects(row.change); got != row.want {
			t.Errorf("row %d: %v %q selects %s %v: %v", i, row.events, row.format, eventType(row.change), row.change.Fields, got)
		}
	}
	for _, known := range EventTypes() {
		if kind, _, _ := strings.Cut(known, "."); kind != "end_user" && kind != kindGroup && kind != kindWebhook {
			t.Errorf("%s is of no kind", known)
		}
	}
}
