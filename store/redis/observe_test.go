package redis_test

import (
	"errors"
	"testing"

	"github.com/rollbook-go/rollbook/internal/testing/observed"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

func TestObserver(t *testing.T) {
	b := onMini(t)
	var told observed.Recorder
	st := b.open(t, &redisstore.Options{Observer: told.Observer()})
	told.Check(t, st, st.Damage, 3) // a group for each Apply, and for Trim
	told.Calls = nil
	err := st.Scrub(t.Context())
	wantError(t, err, store.ErrUnavailable)
	if len(told.Calls) != 1 || told.Calls[0].Method != "Scrub" || !errors.Is(told.Calls[0].Err, store.ErrUnavailable) {
		t.Errorf("told of %+v", told.Calls)
	}
}

// A lost reply is a group that failed and a retry, and no call that failed.
func TestObserverOfRetries(t *testing.T) {
	b := onMini(t)
	var network lossyNetwork
	var told observed.Recorder
	st := b.openLossy(t, &network, &redisstore.Options{Observer: told.Observer()})
	teachScript(t, st)
	told.Calls, told.Groups, told.Retries = nil, nil, nil
	network.armed.Store(true)
	put(t, st, "tenant", store.Create(user("id"), nil))
	if len(told.Calls) != 1 || told.Calls[0].Err != nil {
		t.Errorf("told of the calls %+v", told.Calls)
	}
	if len(told.Groups) != 2 || told.Groups[0].Err == nil || told.Groups[1].Err != nil {
		t.Errorf("told of the groups %+v", told.Groups)
	}
	if len(told.Retries) != 1 || told.Retries[0].Method != "Apply" || told.Retries[0].Err == nil {
		t.Errorf("told of the retries %+v", told.Retries)
	}
}
