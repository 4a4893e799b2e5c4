package redistest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
)

// patience bounds every wait of this package. Machines under load are slow.
const patience = 3 * time.Minute

// Process is a running redis-server.
type Process struct {
	Addr string // host and port for clients and other servers
	Dir  string // where its files are

	setup
	port, busPort int       // where it listens
	data, bus     *proxy    // before its ports; nil without a Network
	announced     [2]string // the ports that it announces to others

	mu    sync.Mutex
	cmd   *exec.Cmd
	stdin io.WriteCloser
	pid   int
}

// setup is how a server is started.
type setup struct {
	args    []string
	network *Network              // before its ports; nil: none
	source  string                // the address that it connects from; "": any
	conf    func(*Process) string // the text of its configuration file; nil: it has none
}

// Start starts a server and waits until it answers. The caller closes it.
func Start(args ...string) (*Process, error) { return setup{args: args}.start() }

func (s setup) start() (*Process, error) {
	var err error
	// Another process may take a port between its choice and its use.
	for range 5 {
		var p *Process
		if p, err = s.try(); err == nil {
			return p, nil
		}
	}
	return nil, err
}

func (s setup) try() (*Process, error) {
	ports, err := FreePorts(2)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "redistest")
	if err != nil {
		return nil, err
	}
	p := &Process{
		Addr: loopback(ports[0]),
		Dir:  dir, setup: s, port: ports[0], busPort: ports[1],
		announced: [2]string{strconv.Itoa(ports[0]), strconv.Itoa(ports[1])},
	}
	err = p.stand()
	if err == nil && s.conf != nil {
		err = os.WriteFile(filepath.Join(dir, "conf"), []byte(s.conf(p)), 0o600)
	}
	if err == nil {
		err = p.Restart()
	}
	if err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// stand puts proxies before the server's ports, if it has a Network.
func (p *Process) stand() error {
	if p.network == nil {
		return nil
	}
	p.data = &proxy{network: p.network, to: p.source, target: p.inner()}
	p.bus = &proxy{network: p.network, to: p.source, target: loopback(p.busPort)}
	for i, x := range []*proxy{p.data, p.bus} {
		if err := x.up(); err != nil {
			return err
		}
		_, p.announced[i], _ = net.SplitHostPort(x.addr)
	}
	p.Addr = p.data.addr
	return nil
}

// inner returns the address at which the server itself listens.
func (p *Process) inner() string { return loopback(p.port) }

// commandLine returns the arguments of the program.
func (p *Process) commandLine() []string {
	var line []string
	if p.conf != nil {
		line = append(line, filepath.Join(p.Dir, "conf"))
	}
	line = append(line, "--port", strconv.Itoa(p.port), "--bind", "127.0.0.1", "--dir", p.Dir, "--logfile", "log", "--daemonize", "no")
	if p.source != "" {
		line = append(line, "--bind-source-addr", p.source)
	}
	switch {
	case p.has("--sentinel"):
	case p.has("--cluster-enabled"):
		line = append(line, "--save", "", "--cluster-port", strconv.Itoa(p.busPort), "--cluster-announce-ip", "127.0.0.1",
			"--cluster-announce-port", p.announced[0], "--cluster-announce-bus-port", p.announced[1])
	default:
		line = append(line, "--save", "", "--replica-announce-ip", "127.0.0.1", "--replica-announce-port", p.announced[0])
	}
	return append(line, p.args...)
}

// wrapper runs a server for as long as its standard input is open, so that the
// server also ends when the test's process is killed. It prints the server's pid.
const wrapper = `"$@" >/dev/null 2>&1 </dev/null & pid=$!; echo $pid; read -r _; kill -9 $pid; wait $pid`

// Restart starts the server again on its port and its files after Kill.
func (p *Process) Restart() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		return errors.New("redistest: the server is running")
	}
	for _, port := range []int{p.port, p.busPort} {
		l, err := listen(loopback(port))
		if err != nil {
			return err
		}
		_ = l.Close()
	}
	args := append([]string{"-c", wrapper, "sh", program}, p.commandLine()...)
	cmd := exec.Command("sh", args...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	p.cmd, p.stdin = cmd, stdin
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		return fmt.Errorf("redistest: start: %w", err)
	}
	if p.pid, err = strconv.Atoi(strings.TrimSpace(line)); err != nil {
		return err
	}
	if err := p.await(); err != nil || p.network == nil {
		return err
	}
	for _, x := range []*proxy{p.data, p.bus} {
		if x.listener == nil {
			if err := x.up(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *Process) has(option string) bool { return slices.Contains(p.args, option) }

// await waits for the first answer, and gives up early if the server has ended.
func (p *Process) await() error {
	// Connect first: go-redis writes to standard error where no server listens.
	if err := poll(func() error {
		conn, err := net.Dial("tcp", p.inner())
		if err != nil {
			return p.orEnded(err)
		}
		return conn.Close()
	}); err != nil {
		return err
	}
	c := client(p.inner())
	defer func() { _ = c.Close() }()
	return poll(func() error {
		info, err := c.Info(context.Background(), "server").Result()
		if err == nil && !strings.Contains(info, "process_id:"+strconv.Itoa(p.pid)+"\r\n") {
			return permanent{errors.New("redistest: another server has the port")}
		}
		if err == nil { // it answers INFO while it still reads its files
			err = c.Ping(context.Background()).Err()
		}
		return p.orEnded(err)
	})
}

// orEnded returns err, or a permanent error if the server has ended.
func (p *Process) orEnded(err error) error {
	if err != nil && p.ended() {
		return permanent{fmt.Errorf("redistest: the server ended: %s", p.logTail())}
	}
	return err
}

// ended reports whether the server has ended. Its shell waits for it only after Kill, so
// until then it is a zombie, which still has its pid.
func (p *Process) ended() bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.pid)); err == nil {
		_, state, _ := strings.Cut(string(stat), ") ")
		return strings.HasPrefix(state, "Z")
	}
	return syscall.Kill(p.pid, 0) != nil
}

func (p *Process) logTail() string {
	b, _ := os.ReadFile(filepath.Join(p.Dir, "log"))
	return string(b[max(0, len(b)-1000):])
}

// Client returns a plain client of the server. The caller closes it.
func (p *Process) Client() *goredis.Client { return client(p.Addr) }

// Do runs a command on the server and returns its reply. A test fails if the command does.
func (p *Process) Do(tb testing.TB, args ...any) any {
	tb.Helper()
	c := p.Client()
	defer func() { _ = c.Close() }()
	reply, err := c.Do(context.Background(), args...).Result()
	if err != nil {
		tb.Fatal(err)
	}
	return reply
}

// Set changes a setting of the running server.
func (p *Process) Set(tb testing.TB, setting, value string) {
	tb.Helper()
	p.Do(tb, "config", "set", setting, value)
}

func client(addr string) *goredis.Client {
	return goredis.NewClient(&goredis.Options{
		Addr: addr, DisableIdentity: true, MaxRetries: -1, DialerRetries: 1,
		DialTimeout: time.Second, ReadTimeout: 5 * time.Second,
	})
}

// Kill ends the server at once, as kill -9 does, and returns when it is gone.
func (p *Process) Kill() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
	p.cmd = nil
	if p.network != nil {
		p.data.down()
		p.bus.down()
	}
}

// Pause stops the server without ending it: it answers nothing until Resume.
func (p *Process) Pause() error { return syscall.Kill(p.pid, syscall.SIGSTOP) }

// Resume ends a Pause.
func (p *Process) Resume() error { return syscall.Kill(p.pid, syscall.SIGCONT) }

// Close kills the server and removes its files.
func (p *Process) Close() {
	p.Kill()
	_ = os.RemoveAll(p.Dir)
}

// FreePorts returns different loopback ports that were free. The system gives none of them to
// an outgoing connection, which might hold it for as long as a server that uses it is down.
func FreePorts(n int) ([]int, error) {
	const first, end = 10_000, 32_768 // Linux takes ports for connections from 32768 on
	ports := make([]int, n)
	for i := range ports {
		var l net.Listener
		var err error
		for range 100 {
			ports[i] = first + rand.IntN(end-first)
			if l, err = net.Listen("tcp", loopback(ports[i])); err == nil {
				break
			}
		}
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
	}
	return ports, nil
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// permanent is an error for which poll does not wait.
type permanent struct{ error }

// poll calls check until it succeeds or its error is permanent.
func poll(check func() error) error {
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check()
		var p permanent
		if err == nil || errors.As(err, &p) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("redistest: not within %v: %w", patience, err)
		}
		<-ticker.C
	}
}
