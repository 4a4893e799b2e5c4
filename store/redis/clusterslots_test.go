package redis

import (
	"context"
	"errors"
	"testing"

	goredis "github.com/redis/go-redis/v9"
)

// says is a node that has a layout, or fails, or never answers.
type says struct {
	master string
	err    error
	hangs  bool
}

func (says) DialHook(next goredis.DialHook) goredis.DialHook { return next }
func (says) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

func (s says) ProcessHook(goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		if s.hangs {
			<-ctx.Done()
			return ctx.Err()
		}
		slots := []goredis.ClusterSlot{{End: 16383, Nodes: []goredis.ClusterNode{{Addr: s.master}}}}
		cmd.(*goredis.ClusterSlotsCmd).SetVal(slots)
		cmd.SetErr(s.err)
		return s.err
	}
}

// A client takes the layout of most nodes, whichever it asked, and waits for none that hangs.
func TestLayoutOfMost(t *testing.T) {
	failed := errors.New("failed")
	for name, test := range map[string]struct {
		nodes []says // the first is the one that is asked
		want  string // "": an error
	}{
		"alone":              {[]says{{master: "a"}}, "a"},
		"cut off":            {[]says{{master: "old"}, {master: "a"}, {master: "a"}}, "a"},
		"hangs":              {[]says{{hangs: true}, {master: "a"}, {master: "a"}}, "a"},
		"hangs, others fail": {[]says{{hangs: true}, {err: failed}, {master: "a"}}, "a"},
		"all fail":           {[]says{{err: failed}, {err: failed}}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			known := new(clusterNodes)
			for _, s := range test.nodes {
				node := goredis.NewClient(&goredis.Options{Addr: "localhost:1"})
				defer func() { _ = node.Close() }()
				known.add(node)
				node.AddHook(&slotsHook{nodes: known, node: node})
				node.AddHook(s)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			slots, err := known.nodes[0].ClusterSlots(ctx).Result() //nolint:staticcheck // what go-redis asks for
			switch {
			case test.want == "" && err == nil:
				t.Errorf("layout %v, want an error", slots)
			case test.want != "" && (err != nil || slots[0].Nodes[0].Addr != test.want):
				t.Errorf("layout %v, %v; want master %s", slots, err, test.want)
			}
		})
	}
}
