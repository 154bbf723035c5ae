package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/app"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/seed/base"
	"jiexun/center/seed/demo"
)

type cli struct {
	Where

	Serve   serveCmd   `cmd:"" help:"Run the center. An empty data folder is set up by itself."`
	Migrate migrateCmd `cmd:"" help:"Bring the database up to date and load the base data."`
	Seed    struct {
		Base migrateCmd `cmd:"" help:"Load regions and organisations."`
		Demo seedDemo   `cmd:"" help:"Load the demonstration district. Never for production."`
	} `cmd:"" help:"Load data."`
	User struct {
		Add    userAdd    `cmd:"" help:"Make an account."`
		Passwd userPasswd `cmd:"" help:"Set the password of an account."`
	} `cmd:"" help:"Accounts."`
	Edge struct {
		Enrol edgeEnrol `cmd:"" help:"Add a box and print its enrolment token."`
		Token edgeToken `cmd:"" help:"Print an enrolment token for a box that is there."`
	} `cmd:"" help:"Edge boxes."`
	Audit     auditCmd   `cmd:"" help:"Audit records."`
	Crypto    cryptoCmd  `cmd:"" help:"Keys, releases, and the material of the assessment."`
	Backup    backupCmd  `cmd:"" help:"Write and check backups."`
	Restore   restoreCmd `cmd:"" help:"Bring a backup back."`
	OpenAPI   openAPI    `cmd:"" name:"openapi" help:"Print the interface description as YAML."`
	Reference reference  `cmd:"" help:"Print every setting as Markdown."`
}

// Where says which center a command works on.
type Where struct {
	Data     string `help:"Folder of everything the center keeps." default:"data" env:"JIEXUN_DATA" type:"path"`
	DB       string `help:"Database, sqlite:PATH or postgres://…; default the file jiexun.db in the data folder." env:"JIEXUN_DB"`
	LogLevel string `help:"Least level that is logged: ${enum}." enum:"debug,info,warn,error" default:"info" env:"JIEXUN_LOG"`
	trust
}

func (w *Where) log(atLeast slog.Level) *slog.Logger {
	var l slog.Level
	if l.UnmarshalText([]byte(w.LogLevel)) != nil || l < atLeast {
		l = atLeast
	}
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: l}))
}

// open builds a center that does not listen, for one command.
func (w *Where) open(ctx context.Context, o app.Options) (*app.App, error) {
	if err := os.MkdirAll(w.Data, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	r, err := w.release()
	if err != nil {
		return nil, err
	}
	o.Data, o.DB, o.Log, o.Release = w.Data, w.DB, w.log(slog.LevelWarn), r
	return app.New(ctx, o)
}

// with runs f on a center that does not listen. The caller is the command line.
func (w *Where) with(ctx context.Context, o app.Options, f func(ctx context.Context, a *app.App) error) error {
	ctx = caller.System(ctx, "命令行")
	a, err := w.open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(f(ctx, a), a.CloseUnstarted())
}

type serveCmd struct {
	HTTP        string        `name:"http" help:"Address for people." default:"127.0.0.1:8080"`
	Edge        string        `help:"Address of the boxes' HTTPS interface." default:"127.0.0.1:8443"`
	MQTT        string        `name:"mqtt" help:"Address of the boxes' MQTT broker (TLS)." default:"127.0.0.1:8883"`
	Name        []string      `help:"Further name or address of this machine, for its certificates."`
	PublicHost  string        `help:"Name or address that boxes are told."`
	PublicURL   string        `name:"public-url" help:"Where people reach the center, for links in messages; https://…"`
	MediaAPI    string        `name:"media-api" help:"Interface of the media server." default:"http://127.0.0.1:9997"`
	MediaRTSP   string        `name:"media-rtsp" help:"Where boxes push streams to." default:"rtsp://127.0.0.1:8554"`
	MediaWebRTC string        `name:"media-webrtc" help:"Where browsers open WebRTC." default:"http://127.0.0.1:8889"`
	MediaHLS    string        `name:"media-hls" help:"Where browsers open HLS." default:"http://127.0.0.1:8888"`
	Secure      bool          `help:"People come by HTTPS (a proxy is in front)."`
	Proxied     bool          `help:"Trust X-Forwarded-For of a proxy on this machine."`
	AuditKeep   int           `name:"audit-keep-days" help:"Days that audit records stay in the database before they move into signed files, at least 180; -1 for ever." default:"365"`
	Trace       string        `help:"OpenTelemetry collector (OTLP over HTTP) that gets traces, for example http://127.0.0.1:4318." env:"JIEXUN_TRACE"`
	TraceShare  float64       `help:"Share of the requests that are traced." default:"0.05"`
	Drain       time.Duration `help:"How long a stopping center still answers while /readyz says no." default:"0s"`
}

// Run implements kong's command.
func (c *serveCmd) Run(ctx context.Context, w *Where) error {
	if err := os.MkdirAll(w.Data, 0o700); err != nil {
		return fmt.Errorf("make data folder: %w", err)
	}
	log := w.log(slog.LevelDebug)
	slog.SetDefault(log)
	release, err := w.release()
	if err != nil {
		return err
	}
	a, err := app.New(ctx, app.Options{
		Data: w.Data, DB: w.DB, HTTP: c.HTTP, Edge: c.Edge, MQTT: c.MQTT, Names: c.Name, PublicHost: c.PublicHost, PublicURL: strings.TrimSuffix(c.PublicURL, "/"),
		MediaAPI: c.MediaAPI, MediaRTSP: c.MediaRTSP, MediaWebRTC: c.MediaWebRTC, MediaHLS: c.MediaHLS,
		Secure: c.Secure, Proxied: c.Proxied, Trace: c.Trace, TraceShare: c.TraceShare, Drain: c.Drain, Log: log, AuditKeepDays: c.AuditKeep, Release: release,
	})
	if err != nil {
		return err
	}
	if err := a.Start(ctx); err != nil {
		return errors.Join(err, a.CloseUnstarted())
	}
	<-ctx.Done()
	log.Info("center is stopping")
	return a.Close()
}

type migrateCmd struct{}

// Run implements kong's command: opening a center migrates and seeds it.
func (migrateCmd) Run(ctx context.Context, w *Where) error {
	return w.with(ctx, app.Options{}, func(ctx context.Context, a *app.App) error {
		orgs, err := a.Access().Orgs(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("database is up to date; %d organisations\n", len(orgs))
		return nil
	})
}

type seedDemo struct {
	RTSP   string `name:"rtsp" help:"Address of the simulated cameras." default:"rtsp://127.0.0.1:8654"`
	Scenes string `help:"Folder of the composed scenes with their truth.json." type:"path"`
	Camera string `help:"Stream of a further, real camera."`
}

// Run implements kong's command.
func (c *seedDemo) Run(ctx context.Context, w *Where) error {
	return w.with(ctx, app.Options{}, func(ctx context.Context, a *app.App) error {
		r, err := demo.Load(ctx, a.Demo(), demo.Options{RTSP: c.RTSP, Scenes: c.Scenes, Camera: c.Camera})
		if err != nil {
			return err
		}
		fmt.Print(r.String())
		return nil
	})
}

type userAdd struct {
	Account  string   `arg:"" help:"Name for logging in."`
	Name     string   `required:"" help:"Name of the person."`
	Role     []string `required:"" help:"Role code, for example district_dispatcher."`
	Region   string   `default:"310000" help:"Region of the organisation: 310000, a district, or a street."`
	Scope    []string `help:"Region prefix of the data scope; default the organisation's region."`
	Password string   `env:"JIEXUN_PASSWORD" help:"Password; without it a line is read from standard input."`
}

// Run implements kong's command.
func (c *userAdd) Run(ctx context.Context, w *Where) error {
	pw, err := password(c.Password)
	if err != nil {
		return err
	}
	return w.with(ctx, app.Options{}, func(ctx context.Context, a *app.App) error {
		_, err := a.Access().EnsurePerson(ctx, access.NewPerson{
			Account: c.Account, Name: c.Name, OrgID: base.OrgID(c.Region), Password: pw, MustChange: true, Roles: c.Role, Prefixes: c.Scope,
		})
		return err
	})
}

type userPasswd struct {
	Account  string `arg:"" help:"Name for logging in."`
	Password string `env:"JIEXUN_PASSWORD" help:"Password; without it a line is read from standard input."`
}

// Run implements kong's command.
func (c *userPasswd) Run(ctx context.Context, w *Where) error {
	pw, err := password(c.Password)
	if err != nil {
		return err
	}
	return w.with(ctx, app.Options{}, func(ctx context.Context, a *app.App) error {
		return a.Access().SetPassword(ctx, c.Account, pw)
	})
}

func password(given string) (string, error) {
	if given != "" {
		return given, nil
	}
	fmt.Fprint(os.Stderr, "password: ")
	var b strings.Builder
	one := make([]byte, 1)
	for {
		n, err := os.Stdin.Read(one)
		if n == 1 && one[0] != '\n' {
			b.WriteByte(one[0])
		}
		if n == 1 && one[0] == '\n' || err != nil {
			break
		}
	}
	pw := strings.TrimSuffix(b.String(), "\r")
	if pw == "" {
		return "", errors.New("no password was given")
	}
	return pw, nil
}

type edgeEnrol struct {
	Name       string `arg:"" help:"Name of the box, for example 黄浦一号盒."`
	Region     string `arg:"" help:"Region code, 6 or 9 digits."`
	Edge       string `help:"Address of the boxes' HTTPS interface." default:"127.0.0.1:8443"`
	PublicHost string `help:"Name or address that boxes are told."`
}

// Run implements kong's command.
func (c *edgeEnrol) Run(ctx context.Context, w *Where) error {
	return w.with(ctx, app.Options{Edge: c.Edge, PublicHost: c.PublicHost}, func(ctx context.Context, a *app.App) error {
		id, err := a.Fleet().EnsureBox(ctx, c.Name, c.Region)
		if err != nil {
			return err
		}
		return printToken(ctx, a, id)
	})
}

type edgeToken struct {
	Name       string `arg:"" help:"Name of the box."`
	Edge       string `help:"Address of the boxes' HTTPS interface." default:"127.0.0.1:8443"`
	PublicHost string `help:"Name or address that boxes are told."`
}

// Run implements kong's command.
func (c *edgeToken) Run(ctx context.Context, w *Where) error {
	return w.with(ctx, app.Options{Edge: c.Edge, PublicHost: c.PublicHost}, func(ctx context.Context, a *app.App) error {
		names, err := a.Fleet().Names(ctx)
		if err != nil {
			return err
		}
		for id, n := range names {
			if n == c.Name {
				return printToken(ctx, a, id)
			}
		}
		return fmt.Errorf("no box is called %q; add it with: center edge enrol NAME REGION", c.Name)
	})
}

func printToken(ctx context.Context, a *app.App, id string) error {
	t, err := a.Fleet().Token(ctx, id)
	if err != nil {
		return err
	}
	fmt.Println(t.Token)
	return nil
}

type openAPI struct{}

// Run implements kong's command: a center in a temporary folder describes
// itself.
func (openAPI) Run(ctx context.Context, w *Where) error {
	dir, err := os.MkdirTemp("", "jiexun-openapi-")
	if err != nil {
		return fmt.Errorf("make temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	o := Where{Data: dir, LogLevel: w.LogLevel}
	return o.with(ctx, app.Options{}, func(_ context.Context, a *app.App) error {
		d := a.API().OpenAPI()
		shareProblems(d)
		y, err := d.YAML()
		if err != nil {
			return fmt.Errorf("write interface description: %w", err)
		}
		_, err = os.Stdout.Write(y)
		return err
	})
}
