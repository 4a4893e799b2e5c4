package moving

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/rollbook-go/rollbook/enduser"
	"github.com/rollbook-go/rollbook/store"
)

// jobVariable has the job of a process that the test binary starts.
const jobVariable = "ROLLBOOK_MOVING_TEST_JOB"

// job is a copy, or with Tenant a deletion. The process says when it has come further, and goes on
// when it is told to.
type job struct {
	From, To place
	Tenant   string
}

const atOnce = 4 // tenants

func TestMain(m *testing.M) {
	if text := os.Getenv(jobVariable); text != "" {
		var j job
		err := json.Unmarshal([]byte(text), &j)
		if err == nil {
			err = j.run(context.Background())
		}
		if err != nil {
			fmt.Fprintln(os.Stderr, "process:", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func (j job) run(ctx context.Context) error {
	src, endSrc, err := j.From.open(ctx)
	if err != nil {
		return err
	}
	said := bufio.NewReader(os.Stdin)
	further := func() {
		_, _ = fmt.Fprintln(os.Stdout, "further")
		_, _ = said.ReadByte()
	}
	if j.Tenant != "" {
		_, err := enduser.New(src, nil).DeleteTenant(ctx, j.Tenant, &enduser.DeleteTenantOptions{Progress: func(int) { further() }})
		return errors.Join(err, endSrc())
	}
	dst, endDst, err := j.To.open(ctx)
	if err != nil {
		return errors.Join(err, endSrc())
	}
	_, err = store.Copy(ctx, dst, src, &store.CopyOptions{AtOnce: atOnce, Progress: func(store.CopyProgress) { further() }})
	return errors.Join(err, endDst(), endSrc())
}

// killed runs a job in a process that is killed, by SIGKILL, after so many steps, with the
// writes of several tenants on their way.
func (j job) killed(t *testing.T, steps int) {
	t.Helper()
	text, err := json.Marshal(j)
	must(t, err)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), jobVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	must(t, err)
	out, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	lines := bufio.NewScanner(out)
	for n := 0; n < steps && lines.Scan(); n++ {
		_, err := in.Write([]byte("."))
		must(t, err)
	}
	must(t, cmd.Process.Kill())
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != -1 {
		t.Fatalf("the process was not killed but ended: %v", err)
	}
}
