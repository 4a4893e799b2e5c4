package webhook

import (
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/net/http/httpproxy"
)

// refusedHosts are hosts that stand for addresses which are not public.
func refusedHosts() []string {
	return []string{
		// this machine
		"127.0.0.1", "127.0.0.2", "127.255.255.254", "localhost", "localhost.", "LocalHost", "a.localhost", "loopback.example", "loopback6.example",
		"0.0.0.0", "0.1.2.3", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[::1%25lo]",
		// private networks
		"10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255", "intranet.example",
		"[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "100.64.0.1", "100.127.255.255",
		// link-local, and where clouds keep credentials
		"169.254.0.1", "169.254.169.254", "169.254.170.2", "metadata.example", "100.100.100.200", "192.0.0.192", "168.63.129.16",
		"[fe80::1]", "[fe80::1%25lo]", "[febf::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[::ffff:169.254.169.254]",
		// IPv4 in IPv6
		"[::127.0.0.1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]",
		"[64:ff9b:1::7f00:1]", "[2002:7f00:1::1]", "[2002:a9fe:a9fe::1]", "[2001::1]", "[2001:0:7f00:1::]", "nat64.example",
		// reserved, for documentation, for measurement, for many
		"192.0.0.1", "192.0.0.170", "192.0.2.1", "198.51.100.1", "203.0.113.1", "198.18.0.1", "198.19.255.255", "192.88.99.1", "192.31.196.1",
		"192.52.193.1", "192.175.48.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
		"[2001:db8::1]", "[3fff::1]", "[100::1]", "[2001:10::1]", "[2001:20::1]", "[2620:4f:8000::1]", "[5f00::1]", "[4000::1]", "[ff02::1]",
	}
}

// spellings are hosts that the C library's resolver takes for numbers, and Go's for names that
// do not exist.
func spellings() []string {
	return []string{"127.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "127.0.0.1.", "0", "2852039166", "0xa9fea9fe"}
}

// names is the resolver of the tests. It answers to names that it does not know with this
// machine.
func names(name string) []netip.Addr {
	known := map[string]string{
		"intranet.example": "10.0.0.5", "metadata.example": "169.254.169.254", "loopback6.example": "::1", "nat64.example": "64:ff9b::a9fe:a9fe",
		"public.example": "93.184.216.34", "public6.example": "2606:4700::1111", "xn--bcher-kva.example": "93.184.216.34",
	}
	if addr, ok := known[name]; ok {
		return []netip.Addr{netip.MustParseAddr(addr)}
	}
	return []netip.Addr{netip.MustParseAddr("127.0.0.1")}
}

// refuse sends to every target and returns which of the attempts were not refused, by one of
// these faults.
func refuse(t *testing.T, r *rig, targets []string, faults ...string) (through []string) {
	t.Helper()
	for _, to := range targets {
		if got := r.send(t, to); !slices.Contains(faults, got.Fault) {
			through = append(through, fmt.Sprintf("%s: %+v", to, got))
		}
	}
	return through
}

func TestRefusedAddresses(t *testing.T) {
	local := listen(t)
	port, err := strconv.ParseUint(local.port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	var targets []string
	for _, host := range refusedHosts() {
		targets = append(targets, "https://"+host+"/", "https://"+host+":"+local.port()+"/hook?a=b")
	}
	if len(targets) < 2*60 {
		t.Errorf("only %d targets", len(targets))
	}
	// The listener's port is allowed: it is the addresses that are refused.
	opts := &Options{Ports: []uint16{uint16(port)}}
	r := newRig(t, opts, func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	r.names = names
	through := refuse(t, r, targets, FaultAddress, FaultURL)
	// The resolver of this machine, as programs use it.
	r.sender.dialer.Resolver = nil
	for _, host := range spellings() {
		through = append(through, refuse(t, r, []string{"https://" + host + "/", "https://" + host + ":" + local.port() + "/"}, FaultAddress, FaultHost)...)
	}
	if len(through) > 0 || r.passed.Load() > 0 || local.n.Load() > 0 {
		t.Errorf("%d addresses passed the guard, %d connections were made, not refused: %q", r.passed.Load(), local.n.Load(), through)
	}

	// The same without a guard: the test would notice.
	r = newRig(t, opts, func(http.ResponseWriter, *http.Request) {})
	r.names = names
	r.sender.dialer.Control = func(_, address string, _ syscall.RawConn) error {
		r.passed.Add(1)
		if to, err := netip.ParseAddrPort(address); err != nil || !to.Addr().IsLoopback() {
			return errRefused
		}
		return nil
	}
	through = refuse(t, r, targets, FaultAddress, FaultURL)
	if r.passed.Load() < 120 || local.n.Load() == 0 || len(through) == 0 {
		t.Errorf("without a guard, %d dials and %d connections, not refused: %q", r.passed.Load(), local.n.Load(), through)
	}
}

func TestRefusedURLs(t *testing.T) {
	r := newRig(t, new(Options), func(http.ResponseWriter, *http.Request) { t.Error("a request arrived") })
	r.names = names
	targets := []string{
		"", "/", "public.example", "//public.example/", "https:public.example", "https://", "https:///hook", "https://:443/", "http://public.example/",
		"HTTP://public.example/", "ftp://public.example/", "file:///etc/passwd", "gopher://public.example/", "unix:///run/docker.sock", "javascript:alert(1)",
		"https://ann@public.example/", "https://ann:pw@public.example/", "https://public.example@127.0.0.1/", "https://public.example\r\n/", "https://public.example /",
		"https://public.example:80/", "https://public.example:22/", "https://public.example:6379/", "https://public.example:8443/",
		"https://public.example:0/", "https://public.example:x/", "https://127.0.0.1#@public.example/", `https://127.0.0.1\@public.example/`, "https://[public.example]/",
	}
	through := refuse(t, r, targets, FaultAddress, FaultURL)
	through = append(through, refuse(t, r, []string{"https://public.example:65536/", "https://public.example:100443/"}, FaultConnect)...)
	if len(through) > 0 || r.passed.Load() > 0 {
		t.Errorf("%d addresses passed the guard, not refused: %q", r.passed.Load(), through)
	}
}

// allowedURLs are targets that are reached, among them the neighbors of ranges that are not.
func allowedURLs() []string {
	urls := []string{
		"https://public.example/", "https://public.example:443/hook?a=b#c", "HTTPS://PUBLIC.EXAMPLE/", "https://public.example./", "https://public6.example/", "https://bücher.example/",
	}
	for _, host := range []string{
		"93.184.216.34", "8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255", "128.0.0.1", "169.253.1.1",
		"172.15.255.255", "172.32.0.1", "192.0.1.1", "192.167.1.1", "198.17.255.255", "198.20.0.1", "203.0.112.1", "223.255.255.255", "168.63.129.17",
		"[2606:4700::1111]", "[2001:4860:4860::8888]", "[2400:cb00::1]", "[2a00:1450:4001::1]", "[::ffff:8.8.8.8]",
	} {
		urls = append(urls, "https://"+host+"/")
	}
	return urls
}

func TestAllowedURLs(t *testing.T) {
	r := newRig(t, new(Options), func(http.ResponseWriter, *http.Request) {})
	r.sender.transport.DisableKeepAlives = true // each attempt connects
	r.names = func(name string) []netip.Addr { return names(strings.TrimSuffix(strings.ToLower(name), ".")) }
	for i, to := range allowedURLs() {
		if got := r.send(t, to); got.Status != http.StatusOK || got.Fault != "" {
			t.Errorf("%s: %+v", to, got)
		}
		if n := int(r.passed.Load()); n <= i {
			t.Errorf("%s: the guard was asked for %d addresses", to, n)
		}
	}
}

// TestPrivate: what AllowPrivate opens, and what not even it does.
func TestPrivate(t *testing.T) {
	r := newRig(t, &Options{AllowPrivate: true, AllowHTTP: true, Deny: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16"), netip.MustParsePrefix("8.8.8.0/24")}}, func(http.ResponseWriter, *http.Request) {})
	r.names = names
	own := "https://" + r.receiver.Listener.Addr().String()
	for _, to := range []string{
		own, "https://localhost" + own[strings.LastIndex(own, ":"):], "https://10.0.0.1/", "https://192.168.0.1:8443/", "https://172.16.0.1:22/", "https://[fd12::1]/", "https://8.8.4.4/",
	} {
		if got := r.send(t, to); got.Status != http.StatusOK {
			t.Errorf("%s: %+v", to, got)
		}
	}
	for _, to := range []string{
		"https://169.254.169.254/", "http://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://168.63.129.16/", "https://100.100.100.200/", "https://0.0.0.0/",
		"https://[fe80::1]/", "https://[64:ff9b::7f00:1]/", "https://224.0.0.1/", "https://10.9.1.2/", "https://[::ffff:10.9.1.2]/", "https://8.8.8.8/",
	} {
		if got := r.send(t, to); got.Fault != FaultAddress {
			t.Errorf("%s: %+v", to, got)
		}
	}
}

// TestPorts: which ports options open.
func TestPorts(t *testing.T) {
	for _, test := range []struct {
		opts Options
		want string
	}{
		{Options{}, "443"},
		{Options{AllowHTTP: true}, "80 443"},
		{Options{Ports: []uint16{8443}}, "443 8443"},
		{Options{AllowPrivate: true}, "22 80 443 8080 8443"},
	} {
		g := newGuard(&test.opts)
		var got []string
		for _, port := range []int{22, 80, 443, 8080, 8443} {
			if g.control("tcp4", fmt.Sprintf("8.8.8.8:%d", port), nil) == nil {
				got = append(got, strconv.Itoa(port))
			}
		}
		if got := strings.Join(got, " "); got != test.want {
			t.Errorf("%+v: ports %s, want %s", test.opts, got, test.want)
		}
	}
	for _, network := range []string{"tcp", "udp4", "unix", ""} {
		if newGuard(new(Options)).control(network, "8.8.8.8:443", nil) == nil {
			t.Errorf("network %q", network)
		}
	}
	for _, address := range []string{"", "8.8.8.8", "8.8.8.8:", ":443", "public.example:443", "8.8.8.8:443:443"} {
		if newGuard(new(Options)).control("tcp4", address, nil) == nil {
			t.Errorf("address %q", address)
		}
	}
}

// TestRebinding: a name that is public when it is looked at and this machine when it is
// connected to, or both at once.
func TestRebinding(t *testing.T) {
	local := listen(t)
	port, err := strconv.ParseUint(local.port(), 10, 16)
	if err != nil {
		t.Fatal(err)
	}
	public, loopback, loopback6 := netip.MustParseAddr("93.184.216.34"), netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("::1")
	answers := [][]netip.Addr{{public}, {loopback}, {public, loopback}, {loopback, public}, {loopback6, loopback}, {loopback6}}
	var arrived, asked atomic.Int64
	answer := func() []netip.Addr { return answers[asked.Load()%int64(len(answers))] }
	r := newRig(t, &Options{Ports: []uint16{uint16(port)}}, func(http.ResponseWriter, *http.Request) { arrived.Add(1) })
	r.names = func(string) []netip.Addr { return answer() }
	r.sender.transport.DisableKeepAlives = true // each attempt connects
	for range 1000 {
		got := r.send(t, "https://rebinding.example:"+local.port()+"/")
		refused := got.Fault == FaultAddress
		if !refused && (got.Status != http.StatusOK || !slices.Contains(answer(), public)) {
			t.Errorf("%v: %+v", answer(), got)
		}
		asked.Add(1)
	}
	if local.n.Load() > 0 || arrived.Load() < 100 {
		t.Errorf("%d connections to this machine, %d requests to the public one", local.n.Load(), arrived.Load())
	}
}

func TestRedirects(t *testing.T) {
	local := listen(t)
	var arrived atomic.Int64
	r := newRig(t, new(Options), func(w http.ResponseWriter, r *http.Request) {
		arrived.Add(1)
		status, to, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		code, _ := strconv.Atoi(status)
		w.Header().Set("Location", to)
		w.WriteHeader(code)
	})
	r.names = names
	n := int64(0)
	for _, status := range []int{300, 301, 302, 303, 307, 308} {
		for _, to := range []string{"https://169.254.169.254/", "http://127.0.0.1:" + local.port() + "/", "/200/again", "https://public.example/200/"} {
			n++
			if got := r.send(t, fmt.Sprintf("https://public.example/%d/%s", status, to)); got.Status != status {
				t.Errorf("%d to %s: %+v", status, to, got)
			}
		}
	}
	if arrived.Load() != n || local.n.Load() > 0 || r.passed.Load() != 1 {
		t.Errorf("%d requests for %d events, %d connections to the redirect's target, %d in all", arrived.Load(), n, local.n.Load(), r.passed.Load())
	}
}

func TestProxies(t *testing.T) {
	proxy := listen(t)
	for _, name := range []string{"HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		t.Setenv(name, "http://127.0.0.1:"+proxy.port())
	}
	r := newRig(t, &Options{AllowHTTP: true, AllowPrivate: true}, func(http.ResponseWriter, *http.Request) {})
	r.sender.transport.DisableKeepAlives = true // each attempt connects
	r.names = names
	if got := r.send(t, "https://public.example/"); got.Status != http.StatusOK {
		t.Errorf("%+v", got)
	}
	if r.send(t, "http://public.example/"); proxy.n.Load() > 0 || r.sender.transport.Proxy != nil {
		t.Errorf("%d connections to the proxy", proxy.n.Load())
	}
	// The same with a transport as others are: the test would notice.
	fromEnvironment := httpproxy.FromEnvironment().ProxyFunc() // package http remembers what it was before
	r.sender.transport.Proxy = func(r *http.Request) (*url.URL, error) { return fromEnvironment(r.URL) }
	if r.send(t, "https://public.example/"); proxy.n.Load() == 0 {
		t.Error("the proxy is none")
	}
}
