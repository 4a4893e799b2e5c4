package redis

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/alicebob/miniredis/v2"
	"github.com/google/go-cmp/cmp"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
)

// A client that repeats by itself sends the same bytes each time. The later of two attempts
// may arrive first: if it is refused, the other must not be done.
func TestLateTryOfClientThatRepeats(t *testing.T) {
	client := goredis.NewClient(&goredis.Options{Addr: miniredis.RunT(t).Addr(), MaxRetries: 3})
	defer func() { _ = client.Close() }()
	s, err := New(client, nil)
	if err != nil {
		t.Fatal(err)
	}
	key := []store.Key{{Kind: "k", Value: "v"}}
	holder := store.Record{ID: "holder", Kind: "user", Unique: key}
	claim := store.Create(store.Record{ID: "heir", Kind: "user", Unique: key}, nil)
	var got []any
	got = append(got, raw(t, s, "n1", false, store.Create(holder, nil))[0])
	got = append(got, raw(t, s, "n2", false, claim)[0])
	got = append(got, raw(t, s, "n3", false, store.Remove("gone", "user", nil))[0])
	holder.Created, holder.Revision = 1, 1
	got = append(got, raw(t, s, "n4", false, store.Delete(holder, nil))[0])
	got = append(got, raw(t, s, "n2", false, claim)[0])
	if diff := cmp.Diff([]any{"done", "taken", "stale", "done", "dead"}, got); diff != "" {
		t.Errorf("statuses (-want +got):\n%s", diff)
	}
}

type replyError string

func (e replyError) Error() string { return string(e) }
func (replyError) RedisError()     {}

// forgetful is a server that does not know a script, and breaks the connection after it got
// the text. The answer to the WAIT before is then about other writes.
type forgetful struct{ pipelines int }

func (*forgetful) DialHook(next goredis.DialHook) goredis.DialHook          { return next }
func (*forgetful) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook { return next }

func (f *forgetful) ProcessPipelineHook(goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(_ context.Context, cmds []goredis.Cmder) error {
		f.pipelines++
		if f.pipelines == 1 {
			cmds[0].SetErr(replyError("NOSCRIPT No matching script."))
			cmds[1].(*goredis.IntCmd).SetVal(1)
			return cmds[0].Err()
		}
		args := cmds[0].Args()
		nonce := argvAt(fixedKeys+1) + 1
		cmds[0].(*goredis.Cmd).SetVal("done" + *args[nonce].(*string) + digits(1))
		cmds[1].SetErr(io.EOF)
		return io.EOF
	}
}

func TestReplicasOfTheLastPipeline(t *testing.T) {
	client := NewClient(&goredis.UniversalOptions{Addrs: []string{"localhost:1"}})
	defer func() { _ = client.Close() }()
	client.AddHook(&forgetful{})
	s, err := New(client, &Options{WaitReplicas: 1, RetryFor: -1})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Apply(t.Context(), "tenant", store.Ops(store.Create(store.Record{ID: "id", Kind: "user"}, nil)))
	if !errors.Is(err, store.ErrUnknown) {
		t.Errorf("error is %v, want ErrUnknown: no replica is known to have it", err)
	}
}

// refusing answers the first pipelines with an error, and the others as a server does that
// has one replica.
type refusing struct {
	forgetful
	reply error
	left  int
}

func (f *refusing) ProcessPipelineHook(goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return func(_ context.Context, cmds []goredis.Cmder) error {
		cmds[1].(*goredis.IntCmd).SetVal(1)
		if f.left--; f.left >= 0 {
			cmds[0].SetErr(f.reply)
			return f.reply
		}
		args := cmds[0].Args()
		cmds[0].(*goredis.Cmd).SetVal([]any{"done", args[len(args)-1]})
		return nil
	}
}

// TestConfirmWhileASlotMoves: a slot moves with its data, so a Confirm that meets the move is
// repeated. After other errors it is not: the next master would confirm what it never had.
func TestConfirmWhileASlotMoves(t *testing.T) {
	for reply, passes := range map[string]bool{
		"MOVED 1 localhost:1": true,
		"TRYAGAIN Multiple keys request during rehashing of slot":                            true,
		"ERR Script attempted to access a non local key in a cluster node script: 0, on @1.": true,
		"READONLY You can't write against a read only replica.":                              false,
		"ERR something else": false,
	} {
		client := NewClient(&goredis.UniversalOptions{Addrs: []string{"localhost:1"}})
		defer func() { _ = client.Close() }()
		hook := &refusing{reply: replyError(reply), left: 2}
		client.AddHook(hook)
		s, err := New(client, &Options{WaitReplicas: 1})
		if err != nil {
			t.Fatal(err)
		}
		err = s.Confirm(t.Context(), "tenant")
		if passes && err != nil || !passes && (!errors.Is(err, store.ErrUnavailable) || hook.left != 1) {
			t.Errorf("%s: %v with %d errors left", reply, err, hook.left)
		}
	}
}
