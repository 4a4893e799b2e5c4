package redis_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	goredis "github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/rollbook-go/rollbook/internal/testing/redistest"
	"github.com/rollbook-go/rollbook/store"
	redisstore "github.com/rollbook-go/rollbook/store/redis"
)

func TestParseURL(t *testing.T) {
	verified := &tls.Config{MinVersion: tls.VersionTLS12}
	for text, want := range map[string]struct {
		client goredis.UniversalOptions
		store  redisstore.Options
		user   string // with password
	}{
		"redis://localhost":             {client: goredis.UniversalOptions{Addrs: []string{"localhost:6379"}}},
		"redis://":                      {client: goredis.UniversalOptions{Addrs: []string{"localhost:6379"}}},
		"redis://[::1]:7/3?protocol=2":  {client: goredis.UniversalOptions{Addrs: []string{"[::1]:7"}, DB: 3, Protocol: 2}},
		"redis://ann:p%40s@h:1?db=2":    {client: goredis.UniversalOptions{Addrs: []string{"h:1"}, DB: 2}, user: "ann p@s"},
		"redis://:p@h:1?client_name=me": {client: goredis.UniversalOptions{Addrs: []string{"h:1"}, ClientName: "me"}, user: " p"},
		"rediss://h:1":                  {client: goredis.UniversalOptions{Addrs: []string{"h:1"}, TLSConfig: verified}},
		"rediss://h:1?tls_server_name=x&skip_verify=true": {client: goredis.UniversalOptions{
			Addrs:     []string{"h:1"},
			TLSConfig: &tls.Config{MinVersion: tls.VersionTLS12, ServerName: "x", InsecureSkipVerify: true}, //nolint:gosec // as asked
		}},
		"redis://h:1?dial_timeout=2&read_timeout=4s&write_timeout=5s&pool_size=6&pool_timeout=7s&conn_max_idle_time=1m": {
			client: goredis.UniversalOptions{
				Addrs: []string{"h:1"}, DialTimeout: 2 * time.Second, ReadTimeout: 4 * time.Second,
				WriteTimeout: 5 * time.Second, PoolSize: 6, PoolTimeout: 7 * time.Second, ConnMaxIdleTime: time.Minute,
			},
		},
		"redis://h:1?prefix=staging:&wait_replicas=1&wait_timeout=500ms&retry_for=3s": {
			client: goredis.UniversalOptions{Addrs: []string{"h:1"}},
			store: redisstore.Options{
				Prefix: "staging:", WaitReplicas: 1, WaitTimeout: 500 * time.Millisecond, RetryFor: 3 * time.Second,
			},
		},
		"redis-sentinel://u:p@s1/4?master_name=main&addr=s2:2&addr=s3:3&sentinel_username=su&sentinel_password=sp": {
			client: goredis.UniversalOptions{
				Addrs: []string{"s1:26379", "s2:2", "s3:3"}, MasterName: "main", DB: 4,
				SentinelUsername: "su", SentinelPassword: "sp",
			},
			user: "u p",
		},
		"rediss-cluster://u:p@n1:1?addr=n2:2": {
			client: goredis.UniversalOptions{Addrs: []string{"n1:1", "n2:2"}, IsClusterMode: true, TLSConfig: verified},
			user:   "u p",
		},
	} {
		client, opts, err := redisstore.ParseURL(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		user := ""
		if client.CredentialsProvider != nil {
			name, password := client.CredentialsProvider()
			user = name + " " + password
			client.CredentialsProvider = nil
		}
		if user != want.user {
			t.Errorf("%s: user and password are %q, want %q", text, user, want.user)
		}
		ignored := cmpopts.IgnoreUnexported(tls.Config{})
		if diff := cmp.Diff(want.client, *client, ignored); diff != "" {
			t.Errorf("%s: client options (-want +got):\n%s", text, diff)
		}
		if diff := cmp.Diff(want.store, *opts); diff != "" {
			t.Errorf("%s: store options (-want +got):\n%s", text, diff)
		}
	}
}

func TestParseURLRefuses(t *testing.T) {
	for _, text := range []string{
		"", "localhost:6379", "http://h", "redis:h", "redis", "redis-ring://h", "redis-sentinel-x://h?master_name=m",
		"redis://h:port", "redis://h:1,h:2", "redis-cluster://h:1,i:2", "redis://h/x", "redis://h/1/2", "redis://h/-1", "redis://h?db=-1",
		"redis://h#x", "redis://:1/2@h", "redis://:1?2@h", "redis://:1#2@h", "redis://h?prefix=a@b",
		"redis://h?nonsense=1", "redis://h?max_retries=3", "redis://h?protocol=4", "redis://h?protocol=x", "redis://h?protocol=",
		"redis://h?protocol=2&protocol=3", "redis://h?db=%zz", "redis://h?db=1;protocol=2",
		"redis://h?dial_timeout=0", "redis://h?dial_timeout=-1s", "redis://h?read_timeout=soon", "redis://h?pool_size=-1",
		"redis://h?wait_replicas=-1", "redis://h?wait_timeout=0s", "redis://h?retry_for=-1s",
		"redis://h?addr=i:1", "redis://h?master_name=m", "redis://h?sentinel_password=p", "redis://h?tls_server_name=x", "redis://h?skip_verify=true",
		"redis-sentinel://h", "redis-sentinel://h?master_name=m&addr=i", "redis-sentinel://h?master_name=m&replica_only=true",
		"redis-cluster://h/1", "redis-cluster://h?db=1", "redis-cluster://h?master_name=m", "redis-cluster://h?read_only=true",
	} {
		if client, opts, err := redisstore.ParseURL(text); err == nil || client != nil || opts != nil {
			t.Errorf("%q: no error", text)
		} else if !strings.HasPrefix(err.Error(), "redisstore: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// Whatever is wrong with a URL, neither its error nor its options show the password.
func TestParseURLKeepsThePassword(t *testing.T) {
	pieces := rapid.SampledFrom([]string{
		"redis", "rediss", "-sentinel", "-cluster", ":", "//", "/", "?", "#", "&", "=", "@", "%", "%zz", ",", ";", " ", "\n", "[", "]",
		"host", "6379", "addr=", "db=", "master_name=m", "protocol=2", "dial_timeout=", "prefix=", "skip_verify=",
	})
	rapid.Check(t, func(t *rapid.T) {
		const canary = "Zk4QcanaryX9"
		front := strings.Join(rapid.SliceOfN(pieces, 0, 4).Draw(t, "front"), "")
		back := strings.Join(rapid.SliceOfN(pieces, 0, 6).Draw(t, "back"), "")
		usual := rapid.SampledFrom([]string{"", "redis://", "redis://u:", "redis-cluster://:", "redis-sentinel://u:"}).Draw(t, "usual")
		text := usual + front + canary + back
		client, opts, err := redisstore.ParseURL(text)
		if err != nil && strings.Contains(err.Error(), canary) {
			t.Fatalf("%q: %v", text, err)
		}
		u, bad := url.Parse(text)
		if err != nil || bad != nil || u.User == nil {
			return
		}
		if password, _ := u.User.Password(); strings.Contains(password, canary) {
			if all := fmt.Sprintf("%v %+v %#v %v", *client, *client, *client, *opts); strings.Contains(all, canary) {
				t.Fatalf("%q: the options show the password: %s", text, all)
			}
		}
	})
}

// A URL's user, password, certificate, database, protocol and prefix reach a real server,
// and a wrong password comes out as an error that does not show it.
func TestURLReachesTheServer(t *testing.T) {
	server := redistest.Server(t)
	authority, cert, key := certificate(t, t.TempDir())
	admin := server.Client()
	defer func() { _ = admin.Close() }()
	ports, err := redistest.FreePorts(1)
	if err != nil {
		t.Fatal(err)
	}
	tlsPort := strconv.Itoa(ports[0])
	for _, setting := range [][2]string{
		{"tls-cert-file", cert},
		{"tls-key-file", key},
		{"tls-ca-cert-file", cert},
		{"tls-auth-clients", "no"},
		{"tls-port", tlsPort},
	} {
		if err := admin.ConfigSet(t.Context(), setting[0], setting[1]).Err(); err != nil {
			t.Skipf("this redis-server has no TLS: %v", err)
		}
	}
	server.Do(t, "ACL", "SETUSER", "ann", "on", ">p@ss/w?rd", "~*", "&*", "+@all")
	open := func(password string) *redisstore.Store {
		opts, storeOpts, err := redisstore.ParseURL("rediss://ann:" + url.QueryEscape(password) + "@127.0.0.1:" + tlsPort +
			"/2?protocol=2&prefix=staging:")
		if err != nil {
			t.Fatal(err)
		}
		opts.TLSConfig.RootCAs = authority
		client := redisstore.NewClient(opts)
		t.Cleanup(func() { _ = client.Close() })
		return newStore(t, client, storeOpts)
	}
	put(t, open("p@ss/w?rd"), "tenant", store.Create(user("id"), nil))
	second := goredis.NewClient(&goredis.Options{Addr: server.Addr, DB: 2})
	defer func() { _ = second.Close() }()
	if keys, err := second.Keys(t.Context(), "staging:*").Result(); err != nil || len(keys) == 0 {
		t.Errorf("database 2 has no key with the prefix: %v", err)
	}
	if list := server.Do(t, "client", "list").(string); !strings.Contains(list, "user=ann") || !strings.Contains(list, "resp=2") {
		t.Error("no client of ann's speaks RESP2")
	}
	const wrong = "Zk4QcanaryX9"
	st := open(wrong)
	for _, err := range []error{st.CheckServer(t.Context()), st.Trim(t.Context(), "tenant", 1)} {
		if err == nil || strings.Contains(err.Error(), wrong) {
			t.Errorf("with a wrong password: %v", err)
		}
	}
}

// User and password reach the servers behind Sentinels and of a Cluster, and those of the
// Sentinels reach them.
func TestURLReachesGroups(t *testing.T) {
	t.Parallel() // it mostly waits
	sentinels, cluster := redistest.Sentinel(t), redistest.Cluster(t)
	allow := func(servers []*redistest.Process, rights ...any) {
		t.Helper()
		for _, p := range servers {
			p.Do(t, append([]any{"ACL", "SETUSER"}, rights...)...)
		}
	}
	known := func(servers []*redistest.Process, like string) bool {
		return slices.ContainsFunc(servers, func(p *redistest.Process) bool {
			return regexp.MustCompile(like).MatchString(p.Do(t, "client", "list").(string))
		})
	}
	allow(sentinels.Watchers, "watcher", "on", ">look", "allchannels", "+@all")
	allow(sentinels.Watchers, "default", "-sentinel|get-master-addr-by-name") // so that it takes the other user
	allow(slices.Concat(sentinels.Nodes, cluster.Nodes), "ann", "on", ">p@ss", "~*", "allchannels", "+@all")
	for text, servers := range map[string][]*redistest.Process{
		"redis-sentinel://ann:p%40ss@" + sentinels.Addrs()[0] + "/3?protocol=2&master_name=" + redistest.MasterName +
			"&sentinel_username=watcher&sentinel_password=look": sentinels.Nodes,
		"redis-cluster://ann:p%40ss@" + cluster.Addrs()[0] + "?protocol=2": cluster.Nodes,
	} {
		opts, storeOpts, err := redisstore.ParseURL(text)
		if err != nil {
			t.Fatal(err)
		}
		client := redisstore.NewClient(opts)
		defer func() { _ = client.Close() }()
		st := newStore(t, client, storeOpts)
		if err := st.CheckServer(t.Context()); err != nil {
			t.Error(err)
		}
		if _, err := st.Apply(t.Context(), "tenant", store.Ops(store.Create(user("id"), nil))); err != nil {
			t.Error(err)
		}
		if !known(servers, " user=ann .* resp=2") {
			t.Errorf("no server knows ann, with RESP2: %s", text)
		}
	}
}

// certificate returns files of a certificate for 127.0.0.1, and a pool that trusts it.
func certificate(t *testing.T, dir string) (pool *x509.CertPool, certFile, keyFile string) {
	t.Helper()
	server := httptest.NewTLSServer(nil) // which has one
	defer server.Close()
	private, err := x509.MarshalPKCS8PrivateKey(server.TLS.Certificates[0].PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	file := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	pool = x509.NewCertPool()
	pool.AddCert(server.Certificate())
	return pool, file("cert", "CERTIFICATE", server.Certificate().Raw), file("key", "PRIVATE KEY", private)
}

func ExampleParseURL() {
	opts, storeOpts, err := redisstore.ParseURL(
		"rediss-sentinel://rollbook:secret@sentinel-1.example?addr=sentinel-2.example:26379&master_name=main&prefix=staging:&wait_replicas=1")
	if err != nil {
		fmt.Println(err)
		return
	}
	client := redisstore.NewClient(opts)
	defer func() { _ = client.Close() }()
	if _, err := redisstore.New(client, storeOpts); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(opts.Addrs, opts.MasterName, storeOpts.Prefix, storeOpts.WaitReplicas)
	// Output:
	// [sentinel-1.example:26379 sentinel-2.example:26379] main staging: 1
}
