package postgres_test

import (
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/observed"
	"github.com/rollbook-go/rollbook/store"
	"github.com/rollbook-go/rollbook/store/postgres"
)

func TestObserver(t *testing.T) {
	h := newHome(t)
	var told observed.Recorder
	s := h.open(t, &postgres.Options{Observer: told.Observer()})
	told.Check(t, s, damager{Store: s, home: h}.Damage, 2) // a group for each Apply
}

// A read whose reply is lost is made again, and told as a retry and as no call that failed.
func TestObserverOfRetries(t *testing.T) {
	h := newHome(t)
	n := newNetwork(t, h)
	var told observed.Recorder
	s := n.home.open(t, &postgres.Options{Observer: told.Observer()})
	put(t, s, "tenant", store.Create(user("id"), nil))
	told.Calls, told.Retries = nil, nil
	n.lose(reply)
	_, err := s.Get(t.Context(), "tenant", store.ID("id"))
	must(t, err)
	if len(told.Calls) != 1 || told.Calls[0].Err != nil {
		t.Errorf("told of the calls %+v", told.Calls)
	}
	if len(told.Retries) != 1 || told.Retries[0].Method != told.Calls[0].Method || told.Retries[0].Err == nil {
		t.Errorf("told of the retries %+v", told.Retries)
	}
}
