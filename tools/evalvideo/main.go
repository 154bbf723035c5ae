// Command evalvideo measures recognition from end to end: it serves clips and
// composed scenes as RTSP cameras, lets the edge agent watch them once
// through, and compares what the agent reports with the truth.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sort"
	"syscall"
	"text/tabwriter"
	"time"

	"github.com/alecthomas/kong"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/clip"
	"jiexun/tools/internal/scene"
)

type cli struct {
	Local string `help:"Folder of downloaded and prepared things." env:"JIEXUN_LOCAL" default:".local"`

	Run runCmd `cmd:"" help:"Measure the agent over clips and composed scenes."`
}

type runCmd struct {
	Agent        string        `help:"The edge-agent program." required:"" type:"existingfile"`
	Dwell        float64       `help:"Seconds a thing must stand, for every zone." default:"8"`
	Interval     time.Duration `help:"Time between two looks." default:"1s"`
	Clips        []string      `help:"Video files." sep:","`
	Expect       []string      `help:"What stands in a clip without a truth file: CLIP=stacking:X,Y,W,H:FROM-TO." sep:"none" placeholder:"CLIP=…"`
	Composed     int           `help:"Number of composed scenes."`
	Seeds        string        `help:"Seeds of the composed scenes, a-b." default:"1001-1999"`
	Kinds        []string      `help:"Kinds of the composed scenes, in rotation." default:"stacking,frontage,mixed,distractors,sign" sep:","`
	Seconds      float64       `help:"Length of composed scenes." default:"120"`
	Parallel     int           `help:"Cameras watched at the same time." default:"5"`
	Grace        time.Duration `help:"Time the agent gets after the clip's end." default:"12s"`
	Out          string        `help:"Report file." default:"report.json"`
	MinPrecision float64       `help:"Fail below this precision."`
	MinRecall    float64       `help:"Fail below this recall."`
	Verbose      bool          `help:"Show what the agent writes to stderr."`
}

// caseReport is one clip in the report.
type caseReport struct {
	Name    string       `json:"name"`
	File    string       `json:"file"`
	Kind    scene.Kind   `json:"kind"`
	Seed    uint64       `json:"seed,omitempty"`
	Seconds float64      `json:"seconds"`
	Hits    []pair       `json:"hits"`
	Misses  []miss       `json:"misses"`
	False   []falseAlarm `json:"false"`
}

// report is the whole measurement.
type report struct {
	MadeAt   string            `json:"madeAt"`
	Agent    string            `json:"agent"`
	DwellS   float64           `json:"dwellS"`
	Interval string            `json:"interval"`
	Scores   map[string]*score `json:"scores"`
	Cases    []caseReport      `json:"cases"`
}

// errBelow is a measurement that went well and came out badly.
var errBelow = errors.New("below the wanted quality")

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("evalvideo"), kong.Description("Recognition measured over RTSP."), kong.UsageOnError())
	if err := k.Run(&c); err != nil {
		fmt.Fprintln(os.Stderr, "evalvideo:", err)
		if errors.Is(err, errBelow) {
			os.Exit(2)
		}
		os.Exit(1)
	}
}

// Run measures and writes the report.
func (r *runCmd) Run(c *cli) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if r.Parallel < 1 || len(r.Kinds) == 0 || r.Composed < 0 {
		return errors.New("--parallel: at least 1; --kinds: at least one; --composed: not negative")
	}
	cache := &clip.Cache{Dir: filepath.Join(c.Local, "cache", "camsim")}
	cases, err := r.cases(ctx, c, cache)
	if err != nil {
		return err
	}
	if len(cases) == 0 {
		return errors.New("nothing to watch: give --clips or --composed")
	}
	work, err := os.MkdirTemp("", "evalvideo-*")
	if err != nil {
		return fmt.Errorf("create work folder: %w", err)
	}
	defer os.RemoveAll(work)
	w := &watcher{agent: r.Agent, dwell: r.Dwell, interval: r.Interval, grace: r.Grace, cache: cache, workDir: work, log: io.Discard}
	if r.Verbose {
		w.log = os.Stderr
	}
	rep := report{MadeAt: time.Now().UTC().Format(time.RFC3339), Agent: r.Agent, DwellS: r.Dwell, Interval: r.Interval.String()}
	var outs []outcome
	for len(cases) > 0 {
		n := min(r.Parallel, len(cases))
		fmt.Fprintf(os.Stderr, "watching %d cameras, %d left after them\n", n, len(cases)-n)
		reports, err := w.run(ctx, cases[:n])
		if err != nil {
			return err
		}
		for i, k := range cases[:n] {
			o := compare(k.truth, reports[i])
			r.saveFrames(ctx, k, &o)
			outs = append(outs, o)
			rep.Cases = append(rep.Cases, caseReport{Name: k.name, File: k.cam.MainFile, Kind: k.truth.Kind, Seed: k.truth.Seed,
				Seconds: k.truth.DurationS, Hits: o.Hits, Misses: o.Misses, False: o.False})
		}
		cases = cases[n:]
	}
	rep.Scores = total(outs)
	if err := writeReport(r.Out, rep); err != nil {
		return err
	}
	printReport(os.Stdout, rep)
	return r.judge(rep.Scores["all"])
}

func (r *runCmd) judge(s *score) error {
	if s.Precision < r.MinPrecision || s.Recall < r.MinRecall {
		return fmt.Errorf("%w: precision %.3f (at least %.3f), recall %.3f (at least %.3f)",
			errBelow, s.Precision, r.MinPrecision, s.Recall, r.MinRecall)
	}
	return nil
}

func (r *runCmd) cases(ctx context.Context, c *cli, cache *clip.Cache) ([]testCase, error) {
	files := append([]string(nil), r.Clips...)
	if r.Composed > 0 {
		from, to, err := parseSeeds(r.Seeds)
		if err != nil {
			return nil, err
		}
		list, err := specs(r.Composed, from, to, r.Kinds, r.Seconds)
		if err != nil {
			return nil, err
		}
		assets, err := scene.LoadAssets(ctx, c.Local)
		if err != nil {
			return nil, err
		}
		for i, s := range list {
			fmt.Fprintf(os.Stderr, "composing %d of %d: %s seed %d\n", i+1, len(list), s.Kind, s.Seed)
			path, err := compose(ctx, assets, s, filepath.Join(c.Local, "cache", "scenes"))
			if err != nil {
				return nil, err
			}
			files = append(files, path)
		}
	}
	var out []testCase
	used := map[string]int{}
	for _, f := range files {
		k, err := clipCase(ctx, cache, f)
		if err != nil {
			return nil, err
		}
		if used[k.name]++; used[k.name] > 1 {
			k.name = fmt.Sprintf("%s-%d", k.name, used[k.name])
			k.cam.Name = k.name
		}
		out = append(out, k)
	}
	return out, expect(out, r.Expect)
}

// saveFrames keeps a picture of every false and missed event beside the
// report, with the box drawn.
func (r *runCmd) saveFrames(ctx context.Context, k testCase, o *outcome) {
	dir := r.Out + ".frames"
	for i := range o.False {
		f := &o.False[i]
		f.Frame = saveFrame(ctx, dir, fmt.Sprintf("%s-false-%d.jpg", k.name, i+1), k, f.Found.Confirmed, f.Found.Box, "red")
	}
	for i := range o.Misses {
		m := &o.Misses[i]
		m.Frame = saveFrame(ctx, dir, fmt.Sprintf("%s-missed-%d.jpg", k.name, i+1), k, (m.Truth.From+m.Truth.To)/2, m.Truth.Box, "yellow")
	}
}

// saveFrame answers the picture's path, or why there is none.
func saveFrame(ctx context.Context, dir, name string, k testCase, at float64, b edgev1.Box, colour string) string {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "not saved: " + err.Error()
	}
	path := filepath.Join(dir, name)
	at = max(0, min(at, k.truth.DurationS-0.5))
	filter := fmt.Sprintf("drawbox=x=iw*%.5f:y=ih*%.5f:w=iw*%.5f:h=ih*%.5f:color=%s:t=2", b.X, b.Y, b.W, b.H, colour)
	cmd := exec.CommandContext(ctx, "ffmpeg", "-nostdin", "-v", "error", "-y", "-ss", fmt.Sprintf("%.2f", at),
		"-i", k.cam.MainFile, "-frames:v", "1", "-vf", filter, "-q:v", "4", path)
	if msg, err := cmd.CombinedOutput(); err != nil {
		return fmt.Sprintf("not saved: %v: %.200s", err, msg)
	}
	return path
}

func writeReport(path string, rep report) error {
	raw, err := json.MarshalIndent(rep, "", "  ")
	if err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}

func printReport(w io.Writer, rep report) {
	for _, c := range rep.Cases {
		for _, f := range c.False {
			what := "false"
			if f.Duplicate {
				what = "twice"
			}
			fmt.Fprintf(w, "%s  %-26s %-9s %6.1f s  near %q  %s\n", what, c.Name, f.Found.Kind, f.Found.Confirmed, f.Near, f.Frame)
		}
		for _, m := range c.Misses {
			fmt.Fprintf(w, "missed %-26s %-9s %6.1f-%.1f s  %s  %s\n", c.Name, m.Truth.Kind, m.Truth.From, m.Truth.To, m.Truth.Label, m.Frame)
		}
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintln(tw, "KIND\tTRUE\tHIT\tFALSE\tMISSED\tPRECISION\tRECALL\tLATENCY P50\tMAX")
	kinds := make([]string, 0, len(rep.Scores))
	for k := range rep.Scores {
		kinds = append(kinds, k)
	}
	sort.Strings(kinds)
	for _, k := range kinds {
		s := rep.Scores[k]
		fmt.Fprintf(tw, "%s\t%d\t%d\t%d\t%d\t%.3f\t%.3f\t%.1f s\t%.1f s\n",
			k, s.Truth, s.Hits, s.False, s.Missed, s.Precision, s.Recall, s.LatencyP50, s.LatencyMax)
	}
	_ = tw.Flush()
}
