// Command hadrill runs two centers on one PostgreSQL database, lets people
// read and write through both, and kills either of them at random moments. It
// counts what was answered wrongly: a write that was acknowledged and is not
// there or is there twice, an answer of 5xx, and a failure on a connection of
// the center that was not killed.
package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	CenterBin string        `help:"The center's program." default:"bin/center" type:"existingfile"`
	PG        string        `help:"PostgreSQL server that may create databases, postgres://…" env:"CENTER_TEST_PG" required:""`
	Clients   int           `help:"People who read and write at the same time." default:"40"`
	For       time.Duration `help:"How long the load lasts." default:"90s"`
	Every     time.Duration `help:"About how often a center is killed." default:"12s"`
	Think     time.Duration `help:"Pause of a person between two requests." default:"50ms"`
}

func main() {
	var o options
	kong.Parse(&o, kong.Name("hadrill"), kong.Description("Two centers on one database, killed in turn under load."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "hadrill:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options, out io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "hadrill-*")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	url, drop, err := database(ctx, o.PG)
	if err != nil {
		return err
	}
	defer drop()
	centers, err := start(ctx, o.CenterBin, dir, url)
	if err != nil {
		return err
	}
	defer centers.stop()
	people, err := newCrowd(ctx, o, centers)
	if err != nil {
		return err
	}
	kills := load(ctx, o, centers, people)
	if err := centers.ready(ctx); err != nil {
		return err
	}
	if err := people.check(ctx, url); err != nil {
		return err
	}
	t := people.tally()
	_, _ = fmt.Fprintf(out, "%d kills of either center in %s, %d people: %d answers (%d writes stored, %d writes of unknown end), %d connections lost with their center\n"+
		"lost or doubled writes: %d; answers of 5xx: %d; failures at the center that lived: %d\n",
		kills, o.For, o.Clients, t.answers, t.stored, t.unknown, t.cut, t.wrong, t.server, t.stray)
	for _, s := range t.notes {
		_, _ = fmt.Fprintln(out, "  ", s)
	}
	if t.wrong+t.server+t.stray > 0 {
		return fmt.Errorf("the centers did not keep their promise")
	}
	return nil
}

// load lets everybody work and kills a center now and then; the other one
// always lives.
func load(ctx context.Context, o options, c *pair, people *crowd) int {
	ctx, stop := context.WithTimeout(ctx, o.For)
	defer stop()
	var wg sync.WaitGroup
	for i := range o.Clients {
		wg.Go(func() { people.work(ctx, i) })
	}
	kills := 0
	for ctx.Err() == nil {
		wait := o.Every/2 + time.Duration(rand.Int64N(int64(o.Every)))
		select {
		case <-ctx.Done():
		case <-time.After(wait):
			if c.kill(ctx, kills%2) == nil {
				kills++
			}
		}
	}
	wg.Wait()
	return kills
}
