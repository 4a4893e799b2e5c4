package redis_test

import (
	"net"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// WAIT promises no more than what its own connection has written. A refusal writes nothing that lasts, and
// still waits until the replicas have what it rests on, whoever wrote that.
func TestRefusalWaitsForWritesOfOthers(t *testing.T) {
	master, replica := redistest.Server(t), redistest.Server(t)
	host, port, err := net.SplitHostPort(master.Addr)
	if err != nil {
		t.Fatal(err)
	}
	master.Set(t, "repl-diskless-sync-delay", "0")
	replica.Do(t, "replicaof", host, port)
	plain := on(master).open(t, nil)
	opts := &redisstore.Options{WaitReplicas: 1, WaitTimeout: 20 * time.Millisecond, RetryFor: 60 * time.Millisecond}
	patient := on(master).open(t, &redisstore.Options{WaitReplicas: 1, RetryFor: 30 * time.Second})
	put(t, patient, "tenant", store.Create(user("first"), nil)) // the replica follows

	if err := replica.Pause(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = replica.Resume() }()
	holder := user("holder")
	holder.Unique = []store.Key{{Kind: "name", Value: "n"}}
	put(t, plain, "tenant", store.Create(holder, nil))
	claim := user("other")
	claim.Unique = holder.Unique
	apply := func(op store.Op) func(*redisstore.Store) error {
		return func(st *redisstore.Store) error {
			return second(st.Apply(t.Context(), "tenant", store.Ops(op)))
		}
	}
	for name, refused := range map[string]func(*redisstore.Store) error{
		"taken": apply(store.Create(claim, nil)),
		"stale": apply(store.Create(user("holder"), nil)),
		"import": func(st *redisstore.Store) error {
			return st.Import(t.Context(), "tenant", store.Part{Records: []store.Record{imported("holder", 9)}})
		},
		"drop": func(st *redisstore.Store) error { return st.Drop(t.Context(), "tenant") },
	} {
		err := refused(on(master).open(t, opts))
		if wantError(t, err, store.ErrUnavailable); t.Failed() {
			t.Errorf("%s: answered from a state that no replica has", name)
		}
	}
	if err := replica.Resume(); err != nil {
		t.Fatal(err)
	}
	wantTaken(t, second(patient.Apply(t.Context(), "tenant", store.Ops(store.Create(claim, nil)))))
}

func second[T any](_ T, err error) error { return err }
