package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// meter reads the memory of a process until end.
type meter struct {
	pid  int
	stop chan struct{}
	done sync.WaitGroup

	mu            sync.Mutex
	first, most   int
	begun, failed bool
}

// watch reads the memory of a process every 20 ms.
func watch(pid int) *meter {
	m := &meter{pid: pid, stop: make(chan struct{})}
	m.done.Go(func() {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-m.stop:
				return
			case <-tick.C:
				if now, err := anonymous(m.pid); err == nil { // it may just have ended
					m.mu.Lock()
					m.most = max(m.most, now)
					m.mu.Unlock()
				}
			}
		}
	})
	return m
}

// begin takes the memory of now as that from which it grows.
func (m *meter) begin() {
	now, err := anonymous(m.pid)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.first, m.most, m.begun, m.failed = now, now, true, err != nil
}

// end returns by how much the memory grew, -1 if it could not be read.
func (m *meter) end() int {
	close(m.stop)
	m.done.Wait()
	if !m.begun || m.failed {
		return -1
	}
	return m.most - m.first
}

// anonymous returns the RssAnon of a process in bytes.
func anonymous(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(status)) {
		if rest, is := strings.CutPrefix(line, "RssAnon:"); is {
			kib, err := strconv.Atoi(strings.Fields(rest)[0])
			return kib << 10, err
		}
	}
	return 0, errors.New("no RssAnon")
}
