package app

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// sleep waits for d; false means that ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// usage measures what the process costs between two calls.
type usage struct {
	mu   sync.Mutex
	cpu  time.Duration
	at   time.Time
	last float64
}

// percent is the CPU share since the last call, in percent of one core.
func (u *usage) percent(now time.Time) float64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	cpu := time.Duration(r.Utime.Nano() + r.Stime.Nano())
	u.mu.Lock()
	defer u.mu.Unlock()
	if wall := now.Sub(u.at); !u.at.IsZero() && wall > 500*time.Millisecond {
		u.last = 100 * (cpu - u.cpu).Seconds() / wall.Seconds()
	} else if !u.at.IsZero() {
		return u.last
	}
	u.cpu, u.at = cpu, now
	return u.last
}

// residentMB is the process's resident memory in MiB.
func residentMB() int64 {
	b, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize()) >> 20
}

// freeMB is the space left for the data folder in MiB.
func freeMB(dir string) (int64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("free space of %s: %w", dir, err)
	}
	return int64(s.Bavail) * s.Bsize >> 20, nil
}
