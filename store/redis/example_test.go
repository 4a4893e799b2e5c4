package redis_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	goredis "github.com/redis/go-redis/v9"

	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

func Example() {
	server, err := miniredis.Run() // for the example; a real program has a Redis
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()

	client := redisstore.NewClient(&goredis.UniversalOptions{Addrs: []string{server.Addr()}})
	defer func() { _ = client.Close() }()
	st, err := redisstore.New(client, nil)
	if err != nil {
		fmt.Println(err)
		return
	}

	ctx := context.Background()
	ann := store.Record{
		ID: "1", Kind: "user",
		Unique: []store.Key{{Kind: "email", Value: "ann@example.com"}},
		Data:   []byte(`{"name":"Ann"}`),
	}
	rev, err := st.Apply(ctx, "acme", store.Ops(store.Create(ann, nil)))
	fmt.Println("revision", rev, err)

	again := ann
	again.ID = "2"
	_, err = st.Apply(ctx, "acme", store.Ops(store.Create(again, nil)))
	var taken *store.TakenError
	if errors.As(err, &taken) {
		fmt.Println("held by record", taken.Holder.ID)
	}
	// Output:
	// revision 1 <nil>
	// held by record 1
}
