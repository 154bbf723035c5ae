package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"jiexun/api/edgev1"
)

// status is one line of the agent's watch command.
type status struct {
	edgev1.Status
	Goroutines int `json:"goroutines"`
}

// agent is the running edge agent.
type agent struct {
	cmd   *exec.Cmd
	lines chan status
	done  chan struct{}
}

func startAgent(ctx context.Context, o options, conf string) (*agent, error) {
	a := &agent{lines: make(chan status, 64), done: make(chan struct{})}
	a.cmd = exec.CommandContext(ctx, o.Agent, "--log-level", "error", "watch", "--config", conf, "--local", o.Local, "--status-every", "1s")
	a.cmd.Cancel = func() error { return a.cmd.Process.Signal(syscall.SIGTERM) }
	a.cmd.Stdout = io.Discard
	errOut, err := a.cmd.StderrPipe()
	if err != nil {
		return nil, fmt.Errorf("start the agent: %w", err)
	}
	if err := a.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the agent: %w", err)
	}
	go func() {
		sc := bufio.NewScanner(errOut)
		sc.Buffer(nil, 4<<20)
		for sc.Scan() {
			var s status
			if json.Unmarshal(sc.Bytes(), &s) == nil && len(s.Cameras) > 0 {
				select {
				case a.lines <- s:
				default:
				}
			}
		}
		_ = a.cmd.Wait() // it was told to end; how it did is not the question
		close(a.done)
		close(a.lines)
	}()
	return a, nil
}

func (a *agent) stop() {
	_ = a.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-a.done:
	case <-time.After(10 * time.Second):
		_ = a.cmd.Process.Kill()
	}
}

// sample is the agent's size at one moment.
type sample struct {
	At          time.Time `json:"at"`
	Goroutines  int       `json:"goroutines"`
	Descriptors int       `json:"descriptors"`
	Threads     int       `json:"threads"`
	ResidentMB  float64   `json:"residentMb"`
	CPUSeconds  float64   `json:"cpuSeconds"`
}

func (a *agent) sample(now time.Time, goroutines int) (sample, error) {
	s := sample{At: now, Goroutines: goroutines}
	proc := fmt.Sprintf("/proc/%d", a.cmd.Process.Pid)
	fds, err := os.ReadDir(proc + "/fd")
	if err != nil {
		return s, fmt.Errorf("count descriptors: %w", err)
	}
	s.Descriptors = len(fds)
	b, err := os.ReadFile(proc + "/status")
	if err != nil {
		return s, fmt.Errorf("read the agent's size: %w", err)
	}
	for _, line := range strings.Split(string(b), "\n") {
		name, value, _ := strings.Cut(line, ":")
		f := strings.Fields(value)
		if len(f) == 0 {
			continue
		}
		switch name {
		case "VmRSS":
			kb, _ := strconv.ParseFloat(f[0], 64)
			s.ResidentMB = kb / 1024
		case "Threads":
			s.Threads, _ = strconv.Atoi(f[0])
		}
	}
	b, err = os.ReadFile(proc + "/stat")
	if err != nil {
		return s, fmt.Errorf("read the agent's time: %w", err)
	}
	// The command's name is in brackets and may hold spaces.
	f := strings.Fields(string(b[strings.LastIndexByte(string(b), ')')+1:]))
	if len(f) > 12 {
		user, _ := strconv.ParseFloat(f[11], 64)
		system, _ := strconv.ParseFloat(f[12], 64)
		s.CPUSeconds = (user + system) / 100
	}
	return s, nil
}
