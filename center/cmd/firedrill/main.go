// Command firedrill kills a center around the second at which its timers are
// due, again and again, and counts what they did: every timer must have fired
// exactly once.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/migrations"
)

func main() {
	url := flag.String("db", "", "sqlite:PATH or postgres://…; empty takes a file in a temporary folder")
	rounds := flag.Int("rounds", 100, "how often the center is killed")
	timers := flag.Int("timers", 50, "timers that are due at the same moment")
	centers := flag.Int("centers", 1, "centers at the same time; more than one on PostgreSQL only")
	child := flag.Bool("work", false, "be the center that is killed")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, *url, *rounds, *timers, *centers, *child)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "firedrill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, url string, rounds, timers, centers int, child bool) error {
	if child {
		if err := work(ctx, url); ctx.Err() == nil {
			return err
		}
		return nil // ended while it started
	}
	if url == "" {
		dir, err := os.MkdirTemp("", "firedrill")
		if err != nil {
			return err
		}
		defer func() { _ = os.RemoveAll(dir) }()
		url = "sqlite:" + filepath.Join(dir, "center.db")
	}
	d, r, err := open(ctx, url)
	if err != nil {
		return err
	}
	defer func() { _ = d.Close() }()
	if centers > 1 && !d.Postgres() {
		return errors.New("several centers need PostgreSQL")
	}
	return drill(ctx, d, r, url, rounds, timers, centers)
}

// open brings a database up to date and gives a runner whose timers write one
// row each.
func open(ctx context.Context, url string) (*db.DB, *jobs.Runner, error) {
	d, err := db.Open(ctx, url, clock.System{})
	if err != nil {
		return nil, nil, err
	}
	if _, err = db.Migrate(ctx, d, migrations.FS); err == nil {
		err = jobs.Migrate(ctx, d)
	}
	if err == nil {
		_, err = d.SQL().ExecContext(ctx, "CREATE TABLE IF NOT EXISTS drill_effects (round BIGINT NOT NULL, n BIGINT NOT NULL)")
	}
	if err != nil {
		return nil, nil, errors.Join(err, d.Close())
	}
	r := jobs.NewWith(d, slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})), nil, jobs.Options{Beat: time.Second, Poll: 50 * time.Millisecond})
	r.HandleTx("drill", "演练", func(ctx context.Context, tx db.Tx, payload json.RawMessage) error {
		var x [2]int64
		if err := json.Unmarshal(payload, &x); err != nil {
			return err
		}
		_, err := tx.NewRaw("INSERT INTO drill_effects (round, n) VALUES (?, ?)", x[0], x[1]).Exec(ctx)
		return err
	})
	return d, r, nil
}

func work(ctx context.Context, url string) error {
	d, r, err := open(ctx, url)
	if err != nil {
		return err
	}
	if err := r.Start(context.WithoutCancel(ctx)); err != nil {
		return errors.Join(err, d.Close())
	}
	<-ctx.Done()
	return errors.Join(r.Close(), d.Close())
}

func begin(url string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := exec.Command(self, "-work", "-db", url) //nolint:gosec // itself
	c.Stderr = os.Stderr
	return c, c.Start()
}

// tally is what a drill saw.
type tally struct {
	fired, doubled, lost, mid int
	lags                      []time.Duration
}

func drill(ctx context.Context, d *db.DB, r *jobs.Runner, url string, rounds, timers, centers int) error {
	var sum tally
	for round := range rounds {
		if err := oneRound(ctx, d, r, url, round, timers, centers, &sum); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		if (round+1)%10 == 0 {
			fmt.Printf("%d rounds: %d fired, %d doubled, %d lost, %d rounds killed amid firing\n", round+1, sum.fired, sum.doubled, sum.lost, sum.mid)
		}
	}
	slices.Sort(sum.lags)
	fmt.Printf("%s, %d centers, %d rounds x %d timers: %d fired exactly once, %d doubled, %d lost; killed amid firing in %d rounds; all fired after the start in p50 %s, max %s\n",
		map[bool]string{true: "PostgreSQL", false: "SQLite"}[d.Postgres()], centers, rounds, timers, sum.fired, sum.doubled, sum.lost, sum.mid,
		sum.lags[len(sum.lags)/2].Round(time.Millisecond), sum.lags[len(sum.lags)-1].Round(time.Millisecond))
	if sum.doubled > 0 || sum.lost > 0 {
		return errors.New("timers did not fire exactly once")
	}
	return nil
}

func oneRound(ctx context.Context, d *db.DB, r *jobs.Runner, url string, round, timers, centers int, sum *tally) error {
	due := time.Now().Add(900 * time.Millisecond)
	err := d.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		for n := range timers {
			if err := r.At(ctx, tx, "drill", strconv.Itoa(round)+"-"+strconv.Itoa(n), due, [2]int64{int64(round), int64(n)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	living := make([]*exec.Cmd, centers)
	defer func() {
		for _, c := range living {
			if c != nil {
				_ = c.Process.Signal(syscall.SIGTERM)
				_ = c.Wait()
			}
		}
	}()
	for i := range living {
		if living[i], err = begin(url); err != nil {
			return err
		}
	}
	time.Sleep(time.Until(due.Add(time.Duration(rand.IntN(250)-20) * time.Millisecond))) //nolint:gosec // chance, not a secret
	if err := living[0].Process.Kill(); err != nil {
		return err
	}
	_ = living[0].Wait()
	all, _, err := effects(ctx, d, round)
	if err != nil {
		return err
	}
	if all > 0 && all < timers {
		sum.mid++
	}
	again := time.Now()
	if living[0], err = begin(url); err != nil {
		return err
	}
	for left := int64(1); left > 0; {
		if time.Since(again) > time.Minute {
			break
		}
		time.Sleep(20 * time.Millisecond)
		if _, left, err = r.Timers(ctx, jobs.TimerPending, "drill", 1, 0); err != nil {
			return err
		}
	}
	sum.lags = append(sum.lags, time.Since(again))
	all, different, err := effects(ctx, d, round)
	if err != nil {
		return err
	}
	sum.fired += different
	sum.doubled += all - different
	sum.lost += timers - different
	return nil
}

func effects(ctx context.Context, d *db.DB, round int) (all, different int, err error) {
	err = d.Read().NewSelect().TableExpr("drill_effects").ColumnExpr("count(*), count(DISTINCT n)").Where("round = ?", round).Scan(ctx, &all, &different)
	return all, different, err
}
