package access

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rollbook-go/rollbook/cmd/rollbook/internal/tomlfile"
	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/httpapi"
)

// file is the file of -keys.
type file struct {
	Keys []fileKey `toml:"key"`
}

type fileKey struct {
	Name        string
	Secret      string
	SHA256      string
	Tenant      string
	Environment string
	Actor       string
	ReadOnly    bool      `toml:"read_only"`
	Actions     *[]string // nil: all
	Rates       *[]string // nil: the server's
}

// readFile returns the keys of a file.
func readFile(path string) ([]*key, error) {
	var f file
	if err := tomlfile.ReadPrivate(path, &f); err != nil {
		return nil, err
	}
	if len(f.Keys) == 0 { // somebody is writing it
		return nil, fmt.Errorf("%s has no key", path)
	}
	keys := make([]*key, 0, len(f.Keys))
	for i, k := range f.Keys {
		parsed, err := k.parse()
		if err != nil {
			return nil, fmt.Errorf("%s: key %d: %w", path, i+1, err)
		}
		keys = append(keys, parsed)
	}
	return keys, nil
}

func (k *fileKey) parse() (*key, error) {
	p := httpapi.Principal{Tenant: k.Tenant, Environment: enduser.Environment(k.Environment), Actor: k.Actor, ReadOnly: k.ReadOnly, Credential: k.Name}
	switch {
	case p.Tenant == "":
		return nil, errors.New("tenant is missing")
	case p.Environment != "" && p.Environment != enduser.Customer && p.Environment != enduser.Testing:
		return nil, errors.New("environment must be Customer or Testing")
	case (k.Secret == "") == (k.SHA256 == ""):
		return nil, errors.New("it must have either secret or sha256")
	}
	parsed, err := k.identify(p)
	if err != nil {
		return nil, err
	}
	if k.Actions != nil {
		if parsed.actions, err = parseActions(*k.Actions); err != nil {
			return nil, err
		}
	}
	if k.Rates != nil {
		parsed.rates, err = parseRates(*k.Rates)
	}
	return parsed, err
}

func (k *fileKey) identify(p httpapi.Principal) (*key, error) {
	if k.Secret != "" {
		return newKey(k.Secret, p)
	}
	sum, err := hex.DecodeString(k.SHA256)
	if err != nil || len(sum) != sha256.Size {
		return nil, errors.New("sha256 must have 64 hexadecimal digits")
	}
	return hashedKey([sha256.Size]byte(sum), p)
}

func parseActions(names []string) (map[string]bool, error) {
	known := make(map[string]bool)
	for _, a := range httpapi.Actions() {
		known[a.Name] = true
	}
	actions := make(map[string]bool)
	for _, name := range names {
		if !known[name] {
			return nil, fmt.Errorf("actions: there is no %q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		actions[name] = true
	}
	return actions, nil
}

// parseRates reads rates such as 200/s, 6000/m and 50/10s.
func parseRates(texts []string) ([]httpapi.Rate, error) {
	const maxRates = 8 // of the 32 that a limiter counts for a key
	if len(texts) > maxRates {
		return nil, fmt.Errorf("rates: more than %d", maxRates)
	}
	rates := []httpapi.Rate{}
	for _, text := range texts {
		count, per, _ := strings.Cut(text, "/")
		requests, err := strconv.Atoi(count)
		span, ok := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[per]
		if !ok {
			var spanErr error
			span, spanErr = time.ParseDuration(per)
			err = errors.Join(err, spanErr)
		}
		if err != nil || requests < 1 || span < time.Second || span > 30*24*time.Hour {
			return nil, fmt.Errorf("rates: %q is not a number of requests and a time, such as 200/s, 6000/m, 50/10s or 1000/d", text)
		}
		rate := httpapi.Rate{Requests: requests, Per: span}
		if slices.Contains(rates, rate) { // a limiter would count each request twice
			return nil, fmt.Errorf("rates: %s is given twice", text)
		}
		rates = append(rates, rate)
	}
	return rates, nil
}
