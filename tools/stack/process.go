package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// process is one running program, with its output in a log file.
type process struct {
	name string
	cmd  *exec.Cmd
	done chan struct{}
}

// spawn starts a program in a process group of its own, so that a Ctrl-C on
// the terminal reaches it only through stop, in the right order.
func (s *stack) spawn(name, path string, args ...string) error {
	log, err := os.OpenFile(filepath.Join(s.o.Data, "logs", name+".log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o644)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", name, err)
	}
	cmd := exec.Command(path, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	cmd.Env = append(os.Environ(), "JIEXUN_LOCAL="+s.o.Local)
	if err := cmd.Start(); err != nil {
		log.Close()
		return fmt.Errorf("start %s: %w", name, err)
	}
	p := &process{name: name, cmd: cmd, done: make(chan struct{})}
	s.procs = append(s.procs, p)
	go func() {
		_ = cmd.Wait() // the state says how it ended
		log.Close()
		close(p.done)
		if !s.stopping.Load() {
			s.exited <- fmt.Errorf("%s ended by itself (%s); its last words:\n%s", name, cmd.ProcessState, tail(log.Name()))
		}
	}()
	return nil
}

// runOnce runs a program to its end and gives what it printed.
func (s *stack) runOnce(ctx context.Context, path string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Env = append(os.Environ(), "JIEXUN_LOCAL="+s.o.Local)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", filepath.Base(path), strings.Join(args, " "), err, errOut.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// stop ends everything in the reverse order of starting and waits.
func (s *stack) stop() {
	s.stopping.Store(true)
	for i := len(s.procs) - 1; i >= 0; i-- {
		_ = s.procs[i].cmd.Process.Signal(syscall.SIGTERM)
	}
	var wg sync.WaitGroup
	for _, p := range s.procs {
		wg.Add(1)
		go func() {
			defer wg.Done()
			select {
			case <-p.done:
			case <-time.After(8 * time.Second):
				_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
				<-p.done
			}
		}()
	}
	wg.Wait()
}

func tail(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return err.Error()
	}
	return string(b[max(0, len(b)-2000):])
}
