package serve

import (
	"context"
	"errors"
	"log/slog"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/access"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/cli"
	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tenants"
	"github.com/rollbook-go/rollbook/enduser/keyfile"
)

// parts is what the server has of its files, and can read again.
type parts struct {
	keys    *access.Keys
	logins  *logins
	tenants *tenants.File
	tls     *certificate    // nil without TLS
	ring    *keyfile.Shared // nil unless the keyring is shared
}

// read checks the settings and reads the files. It creates none.
func (s *Serve) read(p *parts, env *cli.Env, log *slog.Logger) (err error) {
	switch {
	case s.MaxConnections < 0:
		return errors.New("-max-connections must not be negative")
	case s.RetainCount < 0:
		return errors.New("-retain-count must not be negative")
	}
	if p.tenants, err = s.Tenants.Open(); err != nil {
		return err
	}
	if p.tls, err = s.TLS.open(env.Now, log); err != nil {
		return err
	}
	if p.logins, err = newLogins(s.Login, env.Now); err != nil || s.Access.None() {
		return err
	}
	return s.openKeys(p)
}

// openKeys reads the keys.
func (s *Serve) openKeys(p *parts) (err error) {
	if p.keys, err = s.Access.Open(); err != nil {
		return err
	}
	return p.logins.open(p.keys.Authenticate)
}

// makeKey makes the server's own key if none is given, and returns it.
func (s *Serve) makeKey(p *parts) (string, error) {
	if p.keys != nil {
		return "", nil
	}
	made, err := ownKey(keyFile)
	if err != nil {
		return "", err
	}
	s.Access.Key = []string{made + "=demo"}
	return made, s.openKeys(p)
}

func (p *parts) scheme() string {
	if p.tls != nil {
		return "https"
	}
	return "http"
}

// again is a file that can be read again.
type again struct {
	flag string
	read func() error
}

// onHangup has SIGHUP read the files again, if there are any, also while the server starts, which
// a store that does not answer can make long. They are read when started is called.
func (s *Serve) onHangup(ctx context.Context, env *cli.Env, p *parts, log *slog.Logger) (started func()) {
	if env.OnHangup == nil || !s.canReload(env) {
		return func() {}
	}
	ready := make(chan struct{})
	env.OnHangup(func() {
		select {
		case <-ready:
		case <-ctx.Done(): // the server ends, or has never started
			select {
			case <-ready:
			default:
				return
			}
		}
		reload(s.again(p), log)
	})
	return func() { close(ready) }
}

// canReload reports whether there is a file that can be read again, or one of -config.
func (s *Serve) canReload(env *cli.Env) bool {
	_, shared := s.Keyring.File(&s.Store)
	return shared || s.Access.Keys != "" || s.Tenants.Tenants != "" || s.TLS.Cert != "" || env.Config != ""
}

func (s *Serve) again(p *parts) (files []again) {
	if s.Access.Keys != "" {
		files = append(files, again{"-keys", p.keys.Reload})
	}
	if s.Tenants.Tenants != "" {
		files = append(files, again{"-tenants", p.tenants.Reload})
	}
	if p.tls != nil {
		files = append(files, again{"-tls-cert", p.tls.reload})
	}
	if p.ring != nil {
		files = append(files, again{"-keyring", p.ring.Reload})
	}
	return files
}

// reload reads the files again. One that is wrong changes nothing.
func reload(files []again, log *slog.Logger) {
	if len(files) == 0 {
		log.Info("no file that is read again; settings need another start")
	}
	for _, f := range files {
		if err := f.read(); err != nil {
			log.Error("a file could not be read again; nothing has changed", slog.String("setting", f.flag), slog.Any("error", err))
		} else {
			log.Info("read again", slog.String("setting", f.flag))
		}
	}
}
