package enduser_test

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/internal/testing/backends"
	"github.com/rollbook-go/rollbook/internal/testing/ratios"
)

// deliverChild is the environment variable that has TestDeliverChild deliver from a file.
const deliverChild = "ROLLBOOK_DELIVER_CHILD"

// TestDeliverChild is the process of BenchmarkWritesWhileDelivering that delivers.
func TestDeliverChild(t *testing.T) {
	path := os.Getenv(deliverChild)
	if path == "" {
		return
	}
	d := newDeliveries(backends.OpenSQLite(t, path))
	d.set(func() { d.takes = func(*enduser.Delivery) time.Duration { return time.Millisecond } })
	answering(d.receiver, func(*enduser.Delivery) enduser.Result {
		d.got = nil
		return answer(200)
	})
	ctx, stop := context.WithCancel(t.Context())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin) // until the other process closes it
		stop()
	}()
	_ = d.users.Deliver(ctx, d, nil)
}

// BenchmarkWritesWhileDelivering compares the rate of writers while another process delivers
// everything to webhooks of their tenant with the rate while nobody does.
func BenchmarkWritesWhileDelivering(b *testing.B) {
	for _, hooks := range []int{1, 10} {
		b.Run(fmt.Sprint(hooks), func(b *testing.B) {
			path := filepath.Join(b.TempDir(), "users.db")
			d := newDeliveries(backends.OpenSQLite(b, path))
			var h enduser.Webhook
			for range hooks {
				h = d.hook(b)
			}
			var users []string
			for range 100 {
				users = append(users, d.user(b))
			}
			var r ratios.Set
			for b.Loop() {
				for range ratios.Passes(b) {
					alone := d.rate(b, users)
					child := exec.Command(os.Args[0], "-test.run=^TestDeliverChild$")
					child.Env = append(os.Environ(), deliverChild+"="+path)
					stdin := must(child.StdinPipe())(b)
					before := d.state(b, h).Position
					if err := child.Start(); err != nil {
						b.Fatal(err)
					}
					<-time.After(2 * time.Second)
					r.Add("x-alone", d.rate(b, users)/alone)
					_ = stdin.Close() // so that the next one need not wait for a lease to end
					_ = child.Wait()
					if d.state(b, h).Position == before {
						b.Error("nothing was delivered meanwhile")
					}
				}
			}
			r.Report(b)
		})
	}
}

// rate returns how many users eight writers change in a second.
func (d *deliveries) rate(b *testing.B, users []string) float64 {
	b.Helper()
	const span = 2 * time.Second
	ctx, cancel := context.WithTimeout(b.Context(), span)
	defer cancel()
	var n atomic.Int64
	var work sync.WaitGroup
	for w := range 8 {
		work.Go(func() {
			for i := w; ctx.Err() == nil; i += 8 {
				_, err := d.acme.Update(ctx, enduser.ByID(users[i%len(users)]), func(e *enduser.Edit) error {
					e.Name = fmt.Sprint(i)
					return nil
				})
				if err == nil {
					n.Add(1)
				}
			}
		})
	}
	work.Wait()
	return float64(n.Load()) / span.Seconds()
}
