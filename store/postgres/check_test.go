package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/google/go-cmp/cmp"

	"github.com/rollbook-go/rollbook/store/postgres"
)

// inconsistencies compares all that is derived from the records with them. If a record is, or
// was, damaged there may be entries of indexes that are nobody's.
func (h home) inconsistencies() error {
	c := checker{home: h}
	var keys, terms []string
	damaged := false
	for _, r := range c.rows(`SELECT tenant, kind, id, created, keys FROM rollbook.record`) {
		unique, index, err := postgres.ParseKeys(r[4].([]byte))
		damaged = damaged || err != nil
		for _, key := range unique {
			keys = append(keys, row(r[0], []byte(postgres.KeyName(key)), r[2]))
		}
		for _, term := range index {
			terms = append(terms, row(r[0], []byte(postgres.TermName(string(r[1].([]byte)), term)), r[3]))
		}
	}
	if !damaged {
		c.same("keys", keys, `SELECT tenant, key, id FROM rollbook.key`)
		c.same("terms", terms, `SELECT tenant, term, created FROM rollbook.term`)
		c.same("the schedule", c.texts(`SELECT r.kind, t.name, min(r.due) FROM rollbook.record r JOIN rollbook.tenant t ON t.n = r.tenant WHERE r.due > 0 GROUP BY 1, 2`),
			`SELECT kind, tenant, due FROM rollbook.schedule`)
	}
	c.none("records whose revisions are not of their tenant", `SELECT r.tenant, r.id, r.created, r.revision
		FROM rollbook.record r LEFT JOIN rollbook.tenant t ON t.n = r.tenant
		WHERE t.n IS NULL OR r.created <= 0 OR r.created > r.revision OR r.revision > t.revision`)
	c.none("revisions of two records", `SELECT tenant, revision FROM rollbook.record GROUP BY 1, 2 HAVING count(*) > 1`)
	c.none("changes outside of their feeds", `SELECT c.tenant, c.revision FROM rollbook.change c
		LEFT JOIN rollbook.tenant t ON t.n = c.tenant
		WHERE t.n IS NULL OR c.revision <= t.trimmed OR c.revision > t.revision`)
	for _, table := range []string{"key", "term"} {
		c.none("what no tenant has in "+table, `SELECT tenant FROM rollbook.`+table+` WHERE tenant NOT IN (SELECT n FROM rollbook.tenant)`)
	}
	c.none("tenants that were dropped", `SELECT n FROM rollbook.dropped`)
	return errors.Join(c.faults...)
}

type checker struct {
	home   home
	faults []error
}

func (c *checker) rows(query string) (all [][]any) {
	rows, err := c.home.admin.Query(context.Background(), c.home.in(query))
	if err != nil {
		c.faults = append(c.faults, err)
		return nil
	}
	for rows.Next() {
		values, err := rows.Values()
		if err != nil {
			c.faults = append(c.faults, err)
		}
		all = append(all, values)
	}
	if err := rows.Err(); err != nil {
		c.faults = append(c.faults, err)
	}
	return all
}

func (c *checker) texts(query string) (all []string) {
	for _, values := range c.rows(query) {
		all = append(all, row(values...))
	}
	return all
}

func (c *checker) same(what string, want []string, query string) {
	got := c.texts(query)
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		c.faults = append(c.faults, fmt.Errorf("%s differ from the records (-records +index):\n%s", what, diff))
	}
}

func (c *checker) none(what, query string) {
	if found := c.texts(query); len(found) > 0 {
		c.faults = append(c.faults, fmt.Errorf("%s: %q", what, found))
	}
}

// row writes values in a way that differs where they do.
func row(values ...any) string { return fmt.Sprintf("%q", values) }
