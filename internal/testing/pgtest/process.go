package pgtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// find returns the path of a program: the one on PATH, or that of the newest version which
// Debian has installed.
func find(program string) (string, error) {
	path, err := exec.LookPath(program)
	if err == nil {
		return path, nil
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + program)
	more, _ := filepath.Glob("/usr/sbin/" + program)
	if found = append(found, more...); len(found) == 0 {
		return "", err
	}
	return slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) }), nil
}

// version returns the number in /usr/lib/postgresql/15/bin/postgres.
func version(path string) int {
	n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	return n
}

// folder is where a server's files and sockets are, and who it belongs to.
type folder struct {
	dir  string
	user *syscall.Credential // nil: this process's own
}

// newFolder makes a folder below /tmp: the path of a socket has to be short, and another
// user has to reach it, which need not be so for os.TempDir.
func newFolder() (folder, error) {
	dir, err := os.MkdirTemp("/tmp", "pg")
	if err != nil || os.Geteuid() != 0 {
		return folder{dir: dir}, err
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		u, err = user.Lookup("nobody")
	}
	if err != nil {
		return folder{}, errors.Join(err, os.Remove(dir))
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	f := folder{dir, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	if err := os.Chown(dir, uid, gid); err != nil {
		return folder{}, errors.Join(err, os.Remove(dir))
	}
	return f, nil
}

// write writes a file of the folder's user.
func (f folder) write(name, text string) error {
	path := filepath.Join(f.dir, name)
	err := os.WriteFile(path, []byte(text), 0o600)
	if err == nil && f.user != nil {
		err = os.Chown(path, int(f.user.Uid), int(f.user.Gid))
	}
	return err
}

// command returns a command of the folder's user, in a session of its own: a Ctrl-C in the
// terminal must not end the shell that cleans up.
func (f folder) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Dir = f.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + f.dir, "LC_ALL=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Credential: f.user}
	return cmd
}

// script starts and ends a program as its standard input says. At the end of its input,
// which is also the end of the test's process, it ends the program and removes the folder,
// and what a killed PostgreSQL has left in shared memory.
const script = `
signal=$1; shift; pid=
while read -r order; do
	if [ "$order" = START ]; then
		"$@" >>log 2>&1 </dev/null & pid=$!; echo $pid
	else
		kill -s "$order" $pid; wait $pid; pid=; echo gone
	fi
done
[ -z "$pid" ] || { kill -s "$signal" $pid; wait $pid; }
lock=data/postmaster.pid
[ ! -f $lock ] || ipcrm -m $(awk 'NR == 7 { print $2 }' $lock)
rm -rf "$PWD"
`

// process is a program that may be started and ended many times.
type process struct {
	folder
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   *bufio.Reader
	pid   int // 0: does not run
}

// supervise prepares a program. Signal ends it for good.
func (f folder) supervise(signal string, line ...string) (*process, error) {
	p := &process{folder: f, cmd: f.command("sh", append([]string{"-c", script, "sh", signal}, line...)...)}
	stdin, err := p.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p.stdin, p.out = stdin, bufio.NewReader(stdout)
	return p, p.cmd.Start()
}

// order writes a line to the script and returns the answer.
func (p *process) order(order string) (string, error) {
	if _, err := io.WriteString(p.stdin, order+"\n"); err != nil {
		return "", err
	}
	line, err := p.out.ReadString('\n')
	return strings.TrimSpace(line), err
}

func (p *process) start() error {
	if p.pid != 0 {
		return errors.New("pgtest: it is running")
	}
	line, err := p.order("START")
	if err != nil {
		return fmt.Errorf("pgtest: start: %w", err)
	}
	p.pid, err = strconv.Atoi(line)
	return err
}

// end sends a signal and returns when the program is gone.
func (p *process) end(signal string) {
	if p.pid != 0 {
		_, _ = p.order(signal)
		p.pid = 0
	}
}

// close ends the program and removes its folder.
func (p *process) close() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait()
	p.pid = 0
}

// await calls check until it succeeds, and gives up early if the program has ended.
func (p *process) await(check func() error) error {
	return poll(func() error {
		err := check()
		if err != nil && ended(p.pid) {
			return permanent{fmt.Errorf("pgtest: it ended: %s", p.logTail())}
		}
		return err
	})
}

func (p *process) logTail() string {
	b, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return string(b[max(0, len(b)-1000):])
}

// ended reports whether a process has ended, if only its parent has not noticed.
func ended(pid int) bool {
	if _, state, ok := stat(pid); ok {
		return state == "Z"
	}
	return syscall.Kill(pid, 0) != nil
}

// children returns the processes that a process has started.
func children(pid int) []int {
	var pids []int
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		child, _ := strconv.Atoi(filepath.Base(name))
		if parent, _, ok := stat(child); ok && parent == pid {
			pids = append(pids, child)
		}
	}
	return pids
}

func stat(pid int) (parent int, state string, ok bool) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	text := string(b)
	fields := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	if err != nil || len(fields) < 2 {
		return 0, "", false
	}
	parent, err = strconv.Atoi(fields[1])
	return parent, fields[0], err == nil
}

// permanent is an error for which poll does not wait.
type permanent struct{ error }

// poll calls check until it succeeds or its error is permanent.
func poll(check func() error) error {
	deadline := time.Now().Add(patience)
	ticker := time.NewTicker(2 * time.Millisecond)
	defer ticker.Stop()
	for {
		err := check()
		var p permanent
		if err == nil || errors.As(err, &p) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("pgtest: not within %v: %w", patience, err)
		}
		<-ticker.C
	}
}
