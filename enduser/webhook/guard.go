package webhook

import (
	"errors"
	"net/netip"
	"slices"
	"syscall"

	"code.dny.dev/ssrf"
)

// errRefused: a connection to that address and port is not allowed. It does not name them: an
// answer that tells addresses apart maps the network behind the guard.
var errRefused = errors.New("webhook: refused address")

// guard decides which addresses may be connected to. It is asked by the dialer, for every
// address that a name stands for and after the name was resolved: whatever a name, a number or
// another spelling of an address leads to, the answer is about the packet's destination.
type guard struct {
	special *ssrf.Guardian
	deny    []netip.Prefix
}

func newGuard(opts *Options) *guard {
	ports := append([]uint16{443}, opts.Ports...)
	if opts.AllowHTTP {
		ports = append(ports, 80)
	}
	options := []ssrf.Option{ssrf.WithPorts(ports...)}
	if opts.AllowPrivate {
		options = []ssrf.Option{
			ssrf.WithAnyPort(),
			ssrf.WithAllowedV4Prefixes(prefixes("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16")...),
			ssrf.WithAllowedV6Prefixes(prefixes("::1/128", "fc00::/7")...),
		}
	}
	return &guard{special: ssrf.New(options...), deny: append(metadataServices(), opts.Deny...)}
}

// metadataServices returns the addresses at which clouds hand out credentials, and which are
// in no range that is refused anyway, or in one that AllowPrivate opens.
func metadataServices() []netip.Prefix {
	return prefixes(
		"168.63.129.16/32", // Azure
		"fd00:ec2::/32",    // AWS
		"fd20:ce::254/128", // Google Cloud
	)
}

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		all[i] = netip.MustParsePrefix(text)
	}
	return all
}

// control is the Control of a [net.Dialer].
func (g *guard) control(network, address string, c syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return errRefused
	}
	denied := func(p netip.Prefix) bool { return p.Contains(to.Addr().WithZone("").Unmap()) }
	if slices.ContainsFunc(g.deny, denied) || g.special.Safe(network, address, c) != nil {
		return errRefused
	}
	return nil
}
