package serve

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pair is the files of a certificate.
type pair struct{ cert, key string }

func pairIn(dir string) pair {
	return pair{filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")}
}

// write writes a new certificate of 127.0.0.1 with a serial number, and its key, as programs do that
// renew certificates: each file beside the old one, which it then replaces.
func (p pair) write(t *testing.T, serial int64, ends time.Time) *x509.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: ends.AddDate(-1, 0, 0), NotAfter: ends,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	replace(t, p.key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
	replace(t, p.cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func replace(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// TestCertificate: a new certificate is shown a second after it is there, at the latest. One that does not
// fit its key changes nothing and is logged once.
func TestCertificate(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	log, p := new(logged), pairIn(t.TempDir())
	p.write(t, 1, now.AddDate(0, 1, 0))
	c, err := tlsFlags{p.cert, p.key}.open(func() time.Time { return now }, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	want := func(serial int64) {
		t.Helper()
		for range 3 {
			got, err := c.get(nil)
			if err != nil || got.Leaf.SerialNumber.Int64() != serial {
				t.Errorf("%v %v, want %d", got.Leaf.SerialNumber, err, serial)
			}
		}
	}
	want(1)
	p.write(t, 2, now.AddDate(0, 2, 0))
	want(1) // it was looked at just now
	now = now.Add(time.Second)
	want(2)
	now = now.AddDate(-1, 0, 0) // the clock was wrong
	p.write(t, 3, now.AddDate(0, 3, 0))
	want(3)

	for _, damage := range []func(){
		func() { replace(t, p.key, []byte("no key")) },
		func() { replace(t, p.key, nil) },
		func() {
			other := pairIn(t.TempDir())
			other.write(t, 4, now)
			if err := os.Rename(other.key, p.key); err != nil {
				t.Fatal(err)
			}
		},
	} {
		damage()
		before := log.count("level=ERROR")
		for range 3 {
			now = now.Add(time.Minute)
			want(3)
		}
		if n := log.count("level=ERROR") - before; n != 1 {
			t.Errorf("%d errors in the log:\n%s", n, log)
		}
		if err := c.reload(); err == nil || !strings.Contains(err.Error(), "-tls-key") {
			t.Errorf("the error does not name the flag: %v", err)
		}
	}
	if err := os.Remove(p.cert); err != nil {
		t.Fatal(err)
	}
	before := log.String()
	now = now.Add(time.Minute)
	want(3)
	if log.String() != before {
		t.Error("a file that is missing for a moment is in the log")
	}
	p.write(t, 5, now) // has ended
	now = now.Add(time.Minute)
	want(5)
	if log.count("level=WARN") != 1 {
		t.Errorf("the end of the certificate is not in the log:\n%s", log)
	}
}

// TestCertificateIsAPair: one flag alone, or a file that is missing, ends the start.
func TestCertificateIsAPair(t *testing.T) {
	p := pairIn(t.TempDir())
	p.write(t, 1, time.Now().Add(time.Hour))
	for _, f := range []tlsFlags{{Cert: p.cert}, {Key: p.key}, {p.cert, p.key + "x"}, {p.cert + "x", p.key}, {p.key, p.key}} {
		if _, err := f.open(time.Now, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "-tls-") {
			t.Errorf("%+v: %v", f, err)
		}
	}
	if c, err := (tlsFlags{}).open(time.Now, nil); c != nil || err != nil {
		t.Errorf("without TLS: %v %v", c, err)
	}
}

// TestTLS: the command serves HTTP/2 and HTTP/1.1 over TLS 1.2 or later, and shows a new certificate to
// clients that come after it.
func TestTLS(t *testing.T) {
	p := pairIn(t.TempDir())
	roots := x509.NewCertPool()
	roots.AddCert(p.write(t, 1, time.Now().Add(time.Hour)))
	s := startServe(t, "-tls-cert", p.cert, "-tls-key", p.key)
	if !strings.HasPrefix(s.url, "https://127.0.0.1:") {
		t.Fatalf("it listens on %s", s.url)
	}
	for _, protocol := range []int{1, 2} {
		transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: protocol == 2, DisableKeepAlives: true}
		answer, err := (&http.Client{Transport: transport}).Get(s.url + "/livez")
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != http.StatusOK || answer.ProtoMajor != protocol {
			t.Errorf("%s %s", answer.Proto, answer.Status)
		}
	}
	if _, err := handshake(s.url, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}); err == nil { //nolint:gosec // that is the case
		t.Error("it speaks TLS 1.1")
	}
	if _, err := handshake(s.url, &tls.Config{RootCAs: roots, MaxVersion: tls.VersionTLS12}); err != nil { //nolint:gosec // likewise
		t.Errorf("TLS 1.2: %v", err)
	}

	roots.AddCert(p.write(t, 2, time.Now().Add(time.Hour)))
	last := time.After(patience)
	for tick := time.Tick(10 * time.Millisecond); ; {
		serial, err := handshake(s.url, &tls.Config{RootCAs: roots})
		if err != nil {
			t.Fatal(err)
		}
		if serial == 2 {
			break
		}
		select {
		case <-tick:
		case <-last:
			t.Fatal("it shows the old certificate")
		}
	}
	if s.hangup == nil {
		t.Fatal("SIGHUP ends it")
	}
	replace(t, p.key, []byte("no key"))
	s.hangup()
	if n := s.log.count("nothing has changed"); n != 1 {
		t.Errorf("the log has it %d times:\n%s", n, s.log)
	}
	if serial, err := handshake(s.url, &tls.Config{RootCAs: roots}); err != nil || serial != 2 {
		t.Errorf("certificate %d, %v", serial, err)
	}
	roots.AddCert(p.write(t, 3, time.Now().Add(time.Hour)))
	s.hangup()
	if serial, err := handshake(s.url, &tls.Config{RootCAs: roots}); err != nil || serial != 3 {
		t.Errorf("certificate %d, %v", serial, err)
	}
}

// handshake returns the serial number of the certificate that a server shows.
func handshake(url string, c *tls.Config) (int64, error) {
	conn, err := (&tls.Dialer{Config: c}).DialContext(context.Background(), "tcp", strings.TrimPrefix(url, "https://"))
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.Int64(), nil
}

// TestTLSDrains: a server that ends answers requests of HTTP/2 that it has begun.
func TestTLSDrains(t *testing.T) {
	p := pairIn(t.TempDir())
	roots := x509.NewCertPool()
	roots.AddCert(p.write(t, 1, time.Now().Add(time.Hour)))
	s := limitedServer(10)
	var err error
	if s.tls, err = (tlsFlags{p.cert, p.key}).open(time.Now, s.log); err != nil {
		t.Fatal(err)
	}
	entered := make(chan struct{})
	r := run(t, s, http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		close(entered)
		<-s.closing
		_, _ = io.WriteString(w, strconv.Itoa(q.ProtoMajor))
	}))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}, ForceAttemptHTTP2: true}
	answered := make(chan answer, 1)
	go func() {
		a, err := send(&http.Client{Transport: transport}, "GET", "https"+strings.TrimPrefix(r.url, "http"), nil)
		if err != nil {
			t.Error(err)
		}
		answered <- a
	}()
	<-entered
	r.end()
	if a := <-answered; a.status != http.StatusOK || a.body != "2" {
		t.Errorf("%+v", a)
	}
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
}
