package webhook

import (
	"context"
	"net/netip"

	"github.com/rollbook-go/rollbook/enduser"
)

// Options are the settings of a Deliverer. The zero value is ready to use: it sends to https
// URLs on port 443 of public addresses.
type Options struct {
	// AllowPrivate also allows the addresses of this machine and of private networks
	// (RFC 1918, RFC 4193), and any port. It is for development: tenants can then make this
	// process send requests to whatever listens there. Other addresses that are not public
	// stay refused, such as 169.254.169.254, where clouds keep credentials.
	AllowPrivate bool

	// AllowHTTP also allows http URLs, and port 80. It is for development: anyone on the
	// way can read what is sent. The Manager must allow such URLs, too; see
	// [enduser.Options].
	AllowHTTP bool

	// Ports are allowed beside 443.
	Ports []uint16

	// Deny are addresses that are refused although they are public or AllowPrivate is set:
	// those of machines of your own behind the same firewall, and the prefix of a NAT64 of
	// your own, which would lead to private addresses.
	Deny []netip.Prefix

	// Deliver are the settings of the deliveries themselves.
	Deliver enduser.DeliverOptions
}

// Deliverer sends the events of all tenants to their webhooks. It is safe for concurrent use,
// and so are several of them on one store, in one process or in many: they share the work.
type Deliverer struct {
	users  *enduser.Manager
	sender *sender
	opts   enduser.DeliverOptions
}

// New returns a Deliverer. It does nothing until Run is called. Nil options mean the zero
// Options. New panics if there is no Manager.
func New(users *enduser.Manager, opts *Options) *Deliverer {
	if users == nil {
		panic("webhook.New: the Manager is nil") //nolint:forbidigo // a mistake of the program, seen at its start
	}
	var o Options
	if opts != nil {
		o = *opts
	}
	return &Deliverer{users: users, sender: newSender(users.Now, &o), opts: o.Deliver}
}

// Run delivers until the context ends, and returns the context's error; see
// [enduser.Manager.Deliver].
func (d *Deliverer) Run(ctx context.Context) error {
	defer d.sender.transport.CloseIdleConnections()
	return d.users.Deliver(ctx, d.sender, &d.opts)
}

// Sender returns what Run sends with. It is for hosts that choose what is sent by a Sender of
// their own: it makes the request of a delivery, checks where it goes, and reads the answer.
func (d *Deliverer) Sender() enduser.Sender { return d.sender }
