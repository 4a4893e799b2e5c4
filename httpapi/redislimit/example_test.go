package redislimit_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/httpapi"
	"github.com/rollbook-go/rollbook/httpapi/redislimit"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

// A handler gets the limiter in httpapi.Options, and calls it like this.
func Example() {
	server, err := miniredis.Run() // a real one elsewhere
	if err != nil {
		log.Fatal(err)
	}
	defer server.Close()
	client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{server.Addr()}})
	defer client.Close()

	limiter, err := redislimit.New(client, nil)
	if err != nil {
		log.Fatal(err)
	}
	rates := []httpapi.Rate{{Requests: 4, Per: time.Hour}}
	for range 3 {
		d, err := limiter.Allow(context.Background(), "a credential", 1, rates)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(d.Allowed, d.Remaining, d.Wait.Round(time.Minute))
	}
	// Output:
	// true 1 0s
	// true 0 0s
	// false 0 15m0s
}
