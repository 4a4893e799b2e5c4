package serve

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"time"
)

// lookEvery is how often the files of a certificate are looked at, at most.
const lookEvery = time.Second

// tlsFlags are the flags of TLS.
type tlsFlags struct {
	Cert string `placeholder:"FILE" help:"PEM file with the certificate, and those between it and the root: serves HTTPS. Read again when it has changed."`
	Key  string `placeholder:"FILE" help:"PEM file with the key of -tls-cert."`
}

// open reads the files. It returns nil if none is given.
func (f tlsFlags) open(now func() time.Time, log *slog.Logger) (*certificate, error) {
	switch {
	case f.Cert == "" && f.Key == "":
		return nil, nil //nolint:nilnil // no TLS
	case f.Cert == "" || f.Key == "":
		return nil, errors.New("-tls-cert and -tls-key belong together")
	}
	c := &certificate{tlsFlags: f, now: now, log: log}
	return c, c.reload()
}

// certificate is the certificate that the server shows, and its key. It is read again when one
// of its files has changed. A certificate that cannot be read, or does not fit its key, changes
// nothing.
type certificate struct {
	tlsFlags

	now func() time.Time
	log *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	looked  time.Time
	seen    [2]fs.FileInfo // of the files when they were last read
}

// config returns what the server needs to speak TLS.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: c.get}
}

// get returns the current certificate, for a handshake.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := c.now(); now.Sub(c.looked) >= lookEvery || now.Before(c.looked) {
		if c.changed() {
			if err := c.read(); err != nil {
				c.log.Error("the new certificate cannot be used: the old one stays", slog.Any("error", err))
			}
		}
		c.looked = now
	}
	return c.current, nil
}

// reload reads the files again.
func (c *certificate) reload() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.read()
}

// changed reports whether a file is not the one that was last read. A file that is missing
// has not changed: it is about to be replaced.
func (c *certificate) changed() bool {
	for i, path := range [...]string{c.Cert, c.Key} {
		now, err := os.Stat(path)
		if err != nil {
			return false
		}
		was := c.seen[i]
		if was == nil || !os.SameFile(was, now) || was.Size() != now.Size() || !was.ModTime().Equal(now.ModTime()) {
			return true
		}
	}
	return false
}

func (c *certificate) read() error {
	for i, path := range [...]string{c.Cert, c.Key} {
		info, err := os.Stat(path) // before it is read: a change meanwhile is seen later
		if err != nil {
			return fmt.Errorf("%s: %w", [...]string{"-tls-cert", "-tls-key"}[i], err)
		}
		c.seen[i] = info
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return fmt.Errorf("-tls-cert %s, -tls-key %s: %w", c.Cert, c.Key, err)
	}
	c.current = &pair
	level := slog.LevelInfo
	if !c.now().Before(pair.Leaf.NotAfter) {
		level = slog.LevelWarn
	}
	c.log.Log(context.Background(), level, "certificate", slog.Time("not_after", pair.Leaf.NotAfter))
	return nil
}
