// Command loadgen measures how many events one center commits and
// acknowledges in a second, beside a bare loop that inserts the same rows into
// the same tables of an empty database in the same run.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type options struct {
	CenterBin string  `help:"The center's program." default:"bin/center" type:"existingfile"`
	Boxes     int     `help:"Enrolled boxes that send at the same time." default:"8"`
	Cameras   int     `help:"Cameras of each box." default:"4"`
	Events    int     `help:"Events in all." default:"20000"`
	DB        string  `help:"sqlite, postgres or both." enum:"sqlite,postgres,both" default:"sqlite"`
	PG        string  `help:"PostgreSQL server that may create databases, postgres://…" env:"CENTER_TEST_PG"`
	Repeat    int     `help:"Runs of each database; the ratio is their median." default:"1"`
	MinRatio  float64 `help:"Fail when the ratio is smaller." default:"0"`
}

func main() {
	var cli struct {
		Run options `cmd:"" help:"Measure."`
	}
	kong.Parse(&cli, kong.Name("loadgen"), kong.Description("Events per second committed and acknowledged by one center."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, cli.Run, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "loadgen:", err)
		os.Exit(1)
	}
}

// result is one measurement.
type result struct {
	name           string
	product, plain float64 // events per second
	// Processor time of an event in the center and in the loop's process,
	// without the database server's and the boxes'.
	productCPU, plainCPU time.Duration
	resent               int
	tables               []table
}

func (r result) ratio() float64 { return r.product / r.plain }

func run(ctx context.Context, o options, out io.Writer) error {
	if o.Boxes < 1 || o.Cameras < 1 || o.Events < o.Boxes || o.Repeat < 1 {
		return fmt.Errorf("boxes, cameras, events and repeat must be positive, and events at least one of each box")
	}
	var names []string
	switch o.DB {
	case "both":
		names = []string{"sqlite", "postgres"}
	default:
		names = []string{o.DB}
	}
	if slices.Contains(names, "postgres") && o.PG == "" {
		return fmt.Errorf("PostgreSQL needs --pg URL (tools/scripts/pg.sh starts a private server)")
	}
	var low error
	for _, name := range names {
		var ratios []float64
		for range o.Repeat {
			r, err := measure(ctx, o, name)
			if err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
			print(out, o, r)
			ratios = append(ratios, r.ratio())
		}
		slices.Sort(ratios)
		m := ratios[len(ratios)/2]
		fmt.Fprintf(out, "%-9s ratio %.2f (median of %d)\n", name, m, len(ratios))
		if m < o.MinRatio {
			low = fmt.Errorf("%s reaches %.2f of the bare loop, less than %.2f", name, m, o.MinRatio)
		}
	}
	return low
}

func print(out io.Writer, o options, r result) {
	fmt.Fprintf(out, "%-9s center %6.0f events/s, %3d µs of CPU each   bare loop %6.0f events/s, %3d µs   ratio %.2f   (%d events, %d boxes, %d batches sent again)\n",
		r.name, r.product, r.productCPU.Microseconds(), r.plain, r.plainCPU.Microseconds(), r.ratio(), o.Events, o.Boxes, r.resent)
	for _, t := range r.tables {
		fmt.Fprintf(out, "          %-14s %7d rows  %5.2f of an event  %5d bytes a row\n", t.name, len(t.rows), float64(len(t.rows))/float64(o.Events), t.rowBytes())
	}
}
