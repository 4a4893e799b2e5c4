package main

import (
	"strings"
	"sync"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store/memory"
)

func TestRun(t *testing.T) {
	var out strings.Builder
	if err := run(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	if got, want := out.String(), "ann has 7 seats\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestAddSeatsLosesNone(t *testing.T) {
	acme := enduser.New(memory.New(nil), nil).Tenant("acme")
	_, err := acme.Create(t.Context(), enduser.Spec{ExternalID: "ann", Metadata: enduser.Metadata{"note": enduser.String("kept")}})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := addSeats(t.Context(), acme, "ann", 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	u, err := acme.Get(t.Context(), enduser.ByExternalID("ann"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Metadata["seats"] != enduser.Int(20) || u.Metadata["note"] != enduser.String("kept") {
		t.Errorf("metadata %v", u.Metadata)
	}
}
