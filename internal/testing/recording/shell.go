//go:build unix

package recording

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// patience is how long a command may take, on a machine under load.
const patience = 3 * time.Minute

// sh is a running shell.
type sh struct {
	in    io.Writer
	lines chan string
}

// mark is the line that ends what a command prints.
const mark = "---recording: the command ended with"

// Start starts a shell in a folder. Path is looked at first for programs; env are further
// variables. The shell, and all that it has started, ends with the test.
func Start(tb testing.TB, dir, path string, env ...string) Shell {
	tb.Helper()
	cmd := exec.Command("sh")
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + path + string(os.PathListSeparator) + os.Getenv("PATH"),
		"HOME=" + dir, "LANG=C.UTF-8", "TERM=dumb", "TZ=UTC",
	}, env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, write, err := os.Pipe()
	if err != nil {
		tb.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = write, write
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	_ = write.Close() // the shell has its own
	s := &sh{in: in, lines: make(chan string, 1024)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		defer close(s.lines)
		for r := bufio.NewReader(out); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			s.lines <- strings.TrimSuffix(line, "\n")
		}
	}()
	tb.Cleanup(func() {
		_ = in.Close()
		group := -cmd.Process.Pid
		_ = syscall.Kill(group, syscall.SIGTERM) // it may have ended
		go func() {
			for range s.lines { // nobody reads them any more
			}
		}()
		select {
		case <-ended:
		case <-time.After(patience):
			_ = syscall.Kill(group, syscall.SIGKILL)
		}
		_ = cmd.Wait() // it was killed
		_ = out.Close()
	})
	return s
}

// Run implements [Shell].
func (s *sh) Run(command string, lines int) (string, error) {
	_, err := fmt.Fprintf(s.in, "{\n%s\n} </dev/null\n"+
		"recorded=$?; printf '\\n%s %%d\\n' $recorded; (exit $recorded)\n", command, mark)
	if err != nil {
		return "", err
	}
	over := time.NewTimer(patience)
	defer over.Stop()
	var printed []string
	status := ""
	for status == "" || strings.HasSuffix(command, "&") && len(printed) < lines {
		select {
		case line, running := <-s.lines:
			if !running {
				return "", errors.New("the shell has ended")
			}
			last := len(printed) - 1
			if number, ended := strings.CutPrefix(line, mark+" "); !ended {
				printed = append(printed, line)
			} else if status = number; last >= 0 && printed[last] == "" { // the newline in front of the mark
				printed = printed[:last]
			}
		case <-over.C:
			return "", fmt.Errorf("it takes more than %v; printed so far:\n%s", patience, strings.Join(printed, "\n"))
		}
	}
	if status != "0" {
		printed = append(printed, "(exit status "+status+")")
	}
	return strings.Join(printed, "\n"), nil
}
