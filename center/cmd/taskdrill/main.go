// Command taskdrill shows that tasks are made exactly once: a year passes in
// a few minutes on a clock that all processes share, centers on one database
// are killed and started again at random, and in the end the runs that were
// made are compared with those that a walk over the days of the year gives.
package main

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"jiexun/center/internal/app"
)

type options struct {
	db, data string
	child    bool
	start    int64 // Unix milliseconds of the wall at which the year begins
	year     time.Duration
	centers  int
	seed     uint64
}

// begins is the first moment of the drill's year, in Shanghai.
func begins() time.Time {
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.FixedZone("Asia/Shanghai", 8*3600))
}

func ends() time.Time { return begins().AddDate(1, 0, 0) }

// fast is a clock on which a year lasts a few minutes. Processes that were
// given the same start agree on it.
type fast struct {
	start time.Time
	speed float64
}

// Now implements clock.Clock.
func (f fast) Now() time.Time {
	return begins().Add(time.Duration(float64(time.Since(f.start)) * f.speed))
}

func (o options) clock() fast {
	return fast{time.UnixMilli(o.start), float64(ends().Sub(begins())) / float64(o.year)}
}

// still stands at the beginning of the year while the drill is prepared.
type still struct{}

// Now implements clock.Clock.
func (still) Now() time.Time { return begins().Add(time.Minute) }

func main() {
	var o options
	flag.StringVar(&o.db, "db", "", "database; a SQLite file in the data folder when empty")
	flag.StringVar(&o.data, "data", "", "folder of the drill; a temporary one when empty")
	flag.DurationVar(&o.year, "year", 4*time.Minute, "how long the year lasts")
	flag.IntVar(&o.centers, "centers", 2, "centers at a time")
	flag.Uint64Var(&o.seed, "seed", 1, "of the kills")
	flag.BoolVar(&o.child, "child", false, "be one of the centers")
	flag.Int64Var(&o.start, "start", 0, "when the year begins, for a center")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	run := drill
	if o.child {
		run = center
	}
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "taskdrill:", err)
		os.Exit(1)
	}
}

func (o options) app(ctx context.Context, data string) (*app.App, error) {
	opt := app.Options{Data: data, DB: o.db, HTTP: "127.0.0.1:0", Edge: "127.0.0.1:0", MQTT: "127.0.0.1:0", Log: slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), Clock: o.clock()}
	if o.start == 0 {
		opt.Clock = still{}
	}
	return app.New(ctx, opt)
}

// center is one center until it is killed.
func center(ctx context.Context, o options) error {
	a, err := o.app(ctx, o.data)
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return a.Close()
}

// spawn starts a center as a process of its own.
func (o options) spawn(n int) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the program: %w", err)
	}
	log, err := os.OpenFile(filepath.Join(o.data, fmt.Sprintf("center%d.log", n)), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open a center's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(self, "-child", "-db", o.db, "-data", o.data, "-start", fmt.Sprint(o.start), "-year", o.year.String()) //nolint:gosec // ourselves
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a center: %w", err)
	}
	return cmd, nil
}
