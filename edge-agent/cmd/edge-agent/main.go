// Command edge-agent is the box in the machine room: it pulls cameras,
// recognises what stands where it should not, and reports to the center.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"jiexun/edge-agent/internal/app"
	"jiexun/edge-agent/internal/evidence"
	"jiexun/edge-agent/internal/probe"
)

// version is set by the build.
var version = "dev"

type cli struct {
	LogLevel slog.Level `help:"debug, info, warn or error." default:"info"`

	Run    runCmd    `cmd:"" help:"Work as an enrolled box."`
	Enrol  enrolCmd  `cmd:"" help:"Trade a one-time token for this box's certificate."`
	Watch  watchCmd  `cmd:"" help:"Judge the cameras of a file without a center; events as JSON lines."`
	Probe  probeCmd  `cmd:"" help:"Look at a stream and say what it is and what will not work."`
	Bench  benchCmd  `cmd:"" help:"Measure what cameras cost on this machine."`
	Doctor doctorCmd `cmd:"" help:"Check this box and say what is wrong."`
	Verify verifyCmd `cmd:"" help:"Check evidence files against their digests."`
	Ver    verCmd    `cmd:"" name:"version" help:"Print the version."`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("edge-agent"), kong.Description("Jiexun edge agent."), kong.UsageOnError())
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: c.LogLevel}))
	k.BindTo(ctx, (*context.Context)(nil))
	err := k.Run(log)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "edge-agent:", err)
		os.Exit(1)
	}
}

type modelFlags struct {
	Local    string `help:"Folder of models and inference library." env:"JIEXUN_LOCAL" default:".local" type:"path"`
	Provider string `help:"Where networks run." enum:"cpu,cuda" default:"cpu"`
}

type runCmd struct {
	modelFlags
	Data       string `help:"The box's folder." default:"/var/lib/jiexun/box" type:"path"`
	Enrol      string `help:"One-time token, for the first start."`
	Page       string `help:"Address of the local page, empty for none." default:"127.0.0.1:8070"`
	EvidenceMB int64  `help:"Most megabytes of evidence kept on the box." default:"20480"`
	RecordMB   int64  `help:"Most megabytes of recordings kept on the box." default:"204800"`
}

func (r *runCmd) Run(ctx context.Context, log *slog.Logger) error {
	return app.Run(ctx, app.Options{
		Data: r.Data, Local: r.Local, Provider: r.Provider, Token: r.Enrol, Page: r.Page,
		EvidenceMB: r.EvidenceMB, RecordMB: r.RecordMB, Version: version, Log: log,
	})
}

type enrolCmd struct {
	Data  string `help:"The box's folder." default:"/var/lib/jiexun/box" type:"path"`
	Enrol string `help:"One-time token." required:""`
}

func (e *enrolCmd) Run(ctx context.Context) error {
	return app.Enrol(ctx, e.Data, e.Enrol, version)
}

type watchCmd struct {
	modelFlags
	Config      string        `help:"JSON file with the cameras." required:"" type:"path"`
	Evidence    string        `help:"Folder for evidence pictures." type:"path"`
	Refs        string        `help:"Folder of reference pictures named by their SM3." type:"path"`
	StatusEvery time.Duration `help:"Time between status lines on standard error." default:"5s"`
}

func (w *watchCmd) Run(ctx context.Context, log *slog.Logger) error {
	return app.Watch(ctx, app.WatchOptions{
		Config: w.Config, Local: w.Local, Provider: w.Provider, Evidence: w.Evidence, Refs: w.Refs,
		Events: os.Stdout, Status: os.Stderr, StatusEvery: w.StatusEvery, Log: log,
	})
}

type probeCmd struct {
	URL       string        `arg:"" help:"rtsp:// address, with user and password if needed."`
	Transport string        `help:"tcp or udp." enum:"tcp,udp" default:"tcp"`
	Interval  time.Duration `help:"Time between two analyses that the camera is meant for." default:"1s"`
	JSON      bool          `help:"Print the report as JSON."`
}

func (p *probeCmd) Run(ctx context.Context) error {
	r := probe.Probe(ctx, p.URL, "", "", p.Transport, p.Interval)
	if p.JSON {
		e := json.NewEncoder(os.Stdout)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return fmt.Errorf("write report: %w", err)
		}
	} else if err := printReport(os.Stdout, r); err != nil {
		return err
	}
	if !r.OK {
		return errors.New("the stream cannot be used")
	}
	return nil
}

type verifyCmd struct {
	Files []string `arg:"" help:"Evidence files, named by their digest." type:"existingfile"`
}

func (v *verifyCmd) Run() error {
	bad := 0
	for _, f := range v.Files {
		if err := evidence.VerifyFile(f); err != nil {
			bad++
			fmt.Printf("BAD  %s: %v\n", f, err)
			continue
		}
		fmt.Printf("ok   %s\n", f)
	}
	if bad > 0 {
		return fmt.Errorf("%d of %d files do not match their digest", bad, len(v.Files))
	}
	return nil
}

type doctorCmd struct {
	modelFlags
	Data string `help:"The box's folder." default:"/var/lib/jiexun/box" type:"path"`
}

func (d *doctorCmd) Run(ctx context.Context) error {
	return app.Doctor(ctx, app.DoctorOptions{Data: d.Data, Local: d.Local, Provider: d.Provider, Out: os.Stdout})
}

type verCmd struct{}

func (verCmd) Run() error {
	_, err := io.WriteString(os.Stdout, version+"\n")
	return err
}
