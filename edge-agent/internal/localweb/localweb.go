// Package localweb is the box's own page for the people in the machine room:
// what each camera does, what waits for the center, and what to do about it.
// It listens on the loopback address unless told otherwise and changes
// nothing.
package localweb

import (
	"context"
	_ "embed" // the page
	"encoding/json"
	"errors"
	"fmt"
	"html/template"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"jiexun/api/edgev1"
)

//go:embed page.html
var pageHTML string

// View is what the page shows.
type View struct {
	Status edgev1.Status `json:"-"`
	// Center is "" for a box that works alone.
	Center    string
	Connected bool
	// Offset is the box clock minus the center's.
	Offset   time.Duration
	Rejected []Rejected
	// Notes are sentences about the box as a whole that need a person.
	Notes []string
}

// Rejected is a message that the center refused for good.
type Rejected struct {
	Seq           int64
	Field, Reason string
}

// Options of the page.
type Options struct {
	Addr     string
	View     func(context.Context) View
	Gatherer prometheus.Gatherer
}

// Server is the running page.
type Server struct {
	http *http.Server
	ln   net.Listener
}

// Start listens and serves in the background.
func Start(o Options) (*Server, error) {
	tmpl, err := template.New("page").Funcs(template.FuncMap{
		"age": age, "state": stateWord, "fault": faultWord, "tone": tone,
		"kbit": func(v float64) string { return fmt.Sprintf("%.0f kb/s", v) },
		"num":  func(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) },
	}).Parse(pageHTML)
	if err != nil {
		return nil, fmt.Errorf("local page: %w", err)
	}
	ln, err := net.Listen("tcp", o.Addr)
	if err != nil {
		return nil, fmt.Errorf("local page: %w", err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
		_ = tmpl.Execute(w, o.View(r.Context()))
	})
	mux.HandleFunc("GET /status.json", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(o.View(r.Context()).Status)
	})
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /metrics", promhttp.HandlerFor(o.Gatherer, promhttp.HandlerOpts{}))
	s := &Server{ln: ln, http: &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}}
	go func() { _ = s.http.Serve(ln) }()
	return s, nil
}

// Addr is where the page is, with the port that was chosen.
func (s *Server) Addr() string { return s.ln.Addr().String() }

// Close stops serving.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := s.http.Shutdown(ctx); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return errors.Join(err, s.http.Close())
	}
	return nil
}

// age writes milliseconds as people say them.
func age(ms int64) string {
	switch s := ms / 1000; {
	case ms < 0:
		return "从未"
	case s < 1:
		return "刚刚"
	case s < 60:
		return fmt.Sprintf("%d 秒前", s)
	case s < 3600:
		return fmt.Sprintf("%d 分 %d 秒前", s/60, s%60)
	default:
		return fmt.Sprintf("%d 时 %d 分前", s/3600, s%3600/60)
	}
}

func stateWord(s edgev1.CameraState) string {
	switch s {
	case edgev1.Online:
		return "在线"
	case edgev1.Connecting:
		return "连接中"
	case edgev1.Reconnecting:
		return "重连中"
	case edgev1.NoVerdict:
		return "画面异常"
	case edgev1.Refused:
		return "需要处理"
	case edgev1.Disabled:
		return "已停用"
	default:
		return "离线"
	}
}

func faultWord(d edgev1.Diagnosis) string {
	switch d {
	case edgev1.Healthy, "":
		return ""
	case edgev1.Black:
		return "黑屏"
	case edgev1.Frozen:
		return "画面冻结"
	case edgev1.Covered:
		return "被遮挡"
	case edgev1.Blurred:
		return "模糊"
	case edgev1.Dark:
		return "过暗"
	case edgev1.Bright:
		return "过亮"
	case edgev1.Moved:
		return "视角移动"
	default:
		return "花屏"
	}
}

func tone(s edgev1.CameraState) string {
	switch s {
	case edgev1.Online:
		return "ok"
	case edgev1.Connecting, edgev1.Reconnecting, edgev1.NoVerdict:
		return "warn"
	case edgev1.Disabled:
		return "off"
	default:
		return "bad"
	}
}
