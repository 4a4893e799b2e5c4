package redis

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// nodesAsked is how many nodes of a Cluster are asked for its layout.
const nodesAsked = 5

// newClusterClient returns a client of a Cluster. go-redis asks one node after another for
// the layout: it waits for a node that hangs, and believes one that is cut off from the
// others and knows only the past. This client asks several at once and takes the layout
// that most of them have.
func newClusterClient(o *goredis.UniversalOptions) *goredis.ClusterClient {
	c := o.Cluster()
	c.Dialer = failLate(o.Dialer)
	c.ClusterStateReloadInterval = time.Second
	client := goredis.NewClusterClient(c)
	known := new(clusterNodes)
	client.OnNewNode(func(node *goredis.Client) {
		known.add(node)
		node.AddHook(&slotsHook{nodes: known, node: node})
	})
	return client
}

// clusterNodes are the nodes that a client knows.
type clusterNodes struct {
	mu    sync.Mutex
	nodes []*goredis.Client
}

func (n *clusterNodes) add(node *goredis.Client) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes = append(n.nodes, node)
}

func (n *clusterNodes) remove(node *goredis.Client) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.nodes = slices.DeleteFunc(n.nodes, func(other *goredis.Client) bool { return other == node })
}

// some returns a node and up to nodesAsked-1 others.
func (n *clusterNodes) some(node *goredis.Client) []*goredis.Client {
	n.mu.Lock()
	defer n.mu.Unlock()
	chosen := []*goredis.Client{node}
	for _, i := range rand.Perm(len(n.nodes)) { //nolint:gosec // not a secret
		if len(chosen) == nodesAsked {
			break
		}
		if n.nodes[i] != node {
			chosen = append(chosen, n.nodes[i])
		}
	}
	return chosen
}

// slotsHook replaces a node's reply to CLUSTER SLOTS by that of most of several nodes.
type slotsHook struct {
	nodes *clusterNodes
	node  *goredis.Client
}

func (*slotsHook) DialHook(next goredis.DialHook) goredis.DialHook { return next }
func (*slotsHook) ProcessPipelineHook(next goredis.ProcessPipelineHook) goredis.ProcessPipelineHook {
	return next
}

// aloneKey marks the context of a CLUSTER SLOTS that the node answers for itself.
type aloneKey struct{}

func (h *slotsHook) ProcessHook(next goredis.ProcessHook) goredis.ProcessHook {
	return func(ctx context.Context, cmd goredis.Cmder) error {
		slots, ok := cmd.(*goredis.ClusterSlotsCmd)
		if !ok || ctx.Value(aloneKey{}) != nil {
			return next(ctx, cmd)
		}
		val, err := h.ask(context.WithValue(ctx, aloneKey{}, true))
		slots.SetVal(val)
		slots.SetErr(err)
		return err
	}
}

// opinion is a layout and the number of nodes that have it.
type opinion struct {
	slots []goredis.ClusterSlot
	nodes int
}

// ask returns the layout that most nodes have. If none answers, it returns the error of the
// last one.
func (h *slotsHook) ask(ctx context.Context) ([]goredis.ClusterSlot, error) {
	type answer struct {
		slots []goredis.ClusterSlot
		err   error
	}
	asked := h.nodes.some(h.node)
	answers := make(chan answer, len(asked))
	for _, node := range asked {
		go func() { // the client's timeouts bound it
			slots, err := node.ClusterSlots(ctx).Result() //nolint:staticcheck // what go-redis asks for
			if errors.Is(err, goredis.ErrClosed) {
				h.nodes.remove(node)
			}
			answers <- answer{slots, err}
		}()
	}
	opinions := make(map[string]*opinion)
	var best opinion
	var last error
	collect(len(asked), answers, func(a answer) (useful, decided bool) {
		if last = a.err; a.err != nil {
			return false, false
		}
		key := masters(a.slots)
		o := opinions[key]
		if o == nil {
			o = &opinion{slots: a.slots}
			opinions[key] = o
		}
		if o.nodes++; o.nodes > best.nodes {
			best = *o
		}
		return true, 2*best.nodes > len(asked)
	})
	if best.nodes == 0 {
		return nil, last
	}
	return best.slots, nil
}

// masters returns a text that says which master has which slots.
func masters(slots []goredis.ClusterSlot) string {
	list := make([]string, len(slots))
	for i, s := range slots {
		master := ""
		if len(s.Nodes) > 0 {
			master = s.Nodes[0].Addr
		}
		list[i] = fmt.Sprintf("%d-%d %s", s.Start, s.End, master)
	}
	slices.Sort(list)
	return strings.Join(list, "\n")
}
