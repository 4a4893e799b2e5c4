package serve

import "testing"

func TestOnLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:8080": true, "localhost:0": true, "[::1]:80": true,
		":8080": false, "0.0.0.0:80": false, "[::]:80": false, "192.0.2.1:80": false, "rollbook.example:80": false,
	} {
		if got := onLoopback(addr); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
}
