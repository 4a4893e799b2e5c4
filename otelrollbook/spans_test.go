package otelrollbook_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/internal/testing/faultstore"
	"github.com/rollbook-go/rollbook/otelrollbook"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/memory"
)

// TestStoreSpans: the calls of the store are spans within that of the request, and only those that
// go wrong are errors.
func TestStoreSpans(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	faults := &faultstore.Store{Store: memory.New(nil)}
	users := enduser.New(r.Spans(faults, "memory"), nil)
	native, err := httpapi.New(users, tokens(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	h := r.Handler(native)
	if _, err := users.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	send(h, http.MethodGet, "/v1/end-users/nobody", "")
	faults.Fail(errors.New("the disk of ann@example.com is gone"))
	send(h, http.MethodGet, "/v1/end-users/nobody", "")

	type span struct {
		name, kind, message string
		code                codes.Code
		inRequest           bool
	}
	var got []span
	all := r.spans.GetSpans()
	for i, s := range all {
		this := span{name: s.Name, code: s.Status.Code, message: s.Status.Description}
		for _, kv := range s.Attributes {
			if kv.Key == "error.type" {
				this.kind = kv.Value.String()
			}
		}
		if i+1 < len(all) {
			this.inRequest = s.Parent.SpanID() == all[i+1].SpanContext.SpanID()
		}
		got = append(got, this)
	}
	if diff := cmp.Diff([]span{
		{name: "store.Get", kind: "not_found", inRequest: true},
		{name: "GET /v1/end-users/{id}"},
		{name: "store.Get", kind: "_OTHER", message: "_OTHER", code: codes.Error, inRequest: true},
		{name: "GET /v1/end-users/{id}", kind: "unavailable", code: codes.Error},
	}, got, cmp.AllowUnexported(span{})); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestEveryCall: every read and write within a trace is a span, and is done; nothing else is a span.
func TestEveryCall(t *testing.T) {
	t.Parallel()
	r := newRig(t, otelrollbook.Options{})
	inner := memory.New(nil)
	st := r.Spans(inner, "memory")
	record := store.Record{ID: "u1", Kind: "user", Data: []byte("{}"), Due: time.UnixMilli(1)}
	calls := func(ctx context.Context) {
		rev, err := st.Apply(ctx, "acme", store.Ops(store.Create(record, []byte("made"))))
		one, err1 := st.Get(ctx, "acme", store.ID("u1"))
		list, err2 := st.List(ctx, "acme", store.Query{Kind: "user"})
		due, err3 := st.Due(ctx, store.DueQuery{Kinds: []string{"user"}, Before: time.UnixMilli(2), Limit: 1})
		feed, err4 := st.Changes(ctx, "acme", store.ChangeQuery{})
		tenants, err5 := st.Tenants(ctx, store.TenantQuery{})
		_, err6 := st.Apply(ctx, "acme", store.Ops(store.Delete(one, nil)))
		err7 := st.Trim(ctx, "acme", rev)
		if err := errors.Join(err, err1, err2, err3, err4, err5, err6, err7); err != nil {
			t.Error(err)
		}
		if rev == 0 || one.ID != "u1" || len(list.Records) != 1 || len(due.Tenants) != 1 || len(feed.Changes) == 0 || len(tenants.Names) != 1 {
			t.Errorf("%v %v %v %v %v %v", rev, one, list, due, feed, tenants)
		}
	}
	calls(t.Context())
	if n := len(r.spans.GetSpans()); n > 0 {
		t.Errorf("%d spans outside of a trace", n)
	}
	ctx, request := sdktrace.NewTracerProvider().Tracer("test").Start(t.Context(), "request")
	calls(ctx)
	request.End()
	var names []string
	for _, s := range r.spans.GetSpans() {
		names = append(names, s.Name)
		if len(s.Attributes) != 2 || s.Status.Code != codes.Unset {
			t.Errorf("%s: %v %v", s.Name, attributesOf(s), s.Status)
		}
	}
	if diff := cmp.Diff([]string{
		"store.Apply", "store.Get", "store.List", "store.Due", "store.Changes", "store.Tenants", "store.Apply", "store.Trim",
	}, names); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if _, ok := store.As[store.Waiter](st); !ok {
		t.Error("hides optional interfaces")
	}
	if nothing, err := otelrollbook.New(nil); err != nil || nothing.Spans(inner, "memory") != store.Store(inner) {
		t.Errorf("without spans the store is another, %v", err)
	}
}
