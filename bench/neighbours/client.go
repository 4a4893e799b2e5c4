package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const (
	largestLists = "/v1/end-users?limit=200"
	largestPage  = 11 << 20 / 10 // bytes of an answer
)

func worstFilter() string { return largestLists + "&name=" + url.QueryEscape(filterWords) }

type client struct {
	http http.Client
	base string
}

func newClient(addr string, connections int) *client {
	return &client{
		base: "http://" + addr,
		http: http.Client{
			Timeout:   30 * time.Second,
			Transport: &http.Transport{MaxConnsPerHost: connections, MaxIdleConnsPerHost: connections},
		},
	}
}

// get copies an answer, and returns its status and length.
func (c *client) get(ctx context.Context, key, path string, to io.Writer) (status, length int, err error) {
	return c.do(ctx, http.MethodGet, key, path, "", to)
}

func (c *client) do(ctx context.Context, method, key, path, body string, to io.Writer) (status, length int, err error) {
	r, err := http.NewRequestWithContext(ctx, method, c.base+path, strings.NewReader(body))
	if err != nil {
		return 0, 0, err
	}
	r.Header.Set("Authorization", "Bearer "+key)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(r)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = resp.Body.Close() }()
	n, err := io.Copy(to, resp.Body)
	return resp.StatusCode, int(n), err
}

// samples are how long lookups took.
type samples struct {
	took   []time.Duration
	errors int
}

// at returns a percentile, of samples in order.
func (s *samples) at(percent int) time.Duration {
	if len(s.took) == 0 {
		return 0
	}
	return s.took[(len(s.took)-1)*percent/100]
}

// lookUp gets users of the quiet tenant by ID, one after the other, spread over a time.
func lookUp(ctx context.Context, c *client, ids []string, span time.Duration) (s samples, err error) {
	next := time.NewTicker(span / lookups)
	defer next.Stop()
	last := time.Now().Add(4 * span)
	for i := 0; i < lookups && time.Now().Before(last); i++ {
		select {
		case <-next.C:
		case <-ctx.Done():
			return s, ctx.Err()
		}
		began := time.Now()
		status, _, err := c.get(ctx, quietKey, "/v1/end-users/"+ids[i*7%len(ids)], io.Discard)
		s.took = append(s.took, time.Since(began))
		if err != nil || status != http.StatusOK {
			s.errors++
		}
	}
	slices.Sort(s.took)
	return s, nil
}

// page is what an answer to a list says.
type page struct {
	Data   []struct{ ID string }
	Paging struct {
		Cursors     struct{ After, Before string }
		HasMore     bool `json:"has_more"`
		HasPrevious bool `json:"has_previous"`
	}
}

func (c *client) page(ctx context.Context, key, path string) (p page, err error) {
	var body bytes.Buffer
	status, n, err := c.get(ctx, key, path, &body)
	switch {
	case err != nil:
		return p, err
	case status != http.StatusOK:
		return p, fmt.Errorf("%s: status %d", path, status)
	case n > largestPage:
		return p, fmt.Errorf("%s: %d bytes", path, n)
	}
	err = json.Unmarshal(body.Bytes(), &p)
	if err == nil && len(p.Data) == 0 && (p.Paging.HasMore || p.Paging.HasPrevious) {
		err = fmt.Errorf("%s: an empty page with more beside it", path)
	}
	return p, err
}

// idsOf returns the IDs of the quiet tenant.
func idsOf(ctx context.Context, c *client) ([]string, error) {
	ids, _, err := walk(ctx, c, quietKey)
	return ids, err
}

// walks walks through all users of the busy tenant, there and back, and through the
// worst filter.
func walks(ctx context.Context, c *client, want int) error {
	began := time.Now()
	ids, last, err := walk(ctx, c, busyKey)
	if err != nil {
		return err
	}
	if n := len(slices.Compact(slices.Sorted(slices.Values(ids)))); n != want || len(ids) != want {
		return fmt.Errorf("a walk saw %d users, %d of them once; want %d", len(ids), n, want)
	}
	back := []string{}
	for p, n := last, 0; ; n++ {
		for _, u := range slices.Backward(p.Data) {
			back = append(back, u.ID)
		}
		if !p.Paging.HasPrevious || n > want {
			break
		}
		if p, err = c.page(ctx, busyKey, largestLists+"&before="+p.Paging.Cursors.Before); err != nil {
			return err
		}
	}
	slices.Reverse(back)
	if !slices.Equal(ids, back) {
		return fmt.Errorf("a walk back saw %d users, not the %d of the walk there in their order", len(back), len(ids))
	}
	p, err := c.page(ctx, busyKey, worstFilter())
	if err != nil {
		return err
	}
	if len(p.Data) > 0 {
		return fmt.Errorf("the worst filter found %d users", len(p.Data))
	}
	note("walks of %d users, there and back, in %v", want, time.Since(began).Round(time.Millisecond))
	return nil
}

// walk returns the IDs of a list in its order, and its last page.
func walk(ctx context.Context, c *client, key string) (ids []string, p page, err error) {
	path := largestLists
	for range 10_000 {
		if p, err = c.page(ctx, key, path); err != nil {
			return nil, p, err
		}
		for _, u := range p.Data {
			ids = append(ids, u.ID)
		}
		if !p.Paging.HasMore {
			return ids, p, nil
		}
		path = largestLists + "&after=" + p.Paging.Cursors.After
	}
	return nil, p, errors.New("a list has no end")
}
