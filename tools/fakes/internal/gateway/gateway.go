// Package gateway is what the fake gateways share: signed requests, faults
// that can be switched while it runs, and a list of what arrived.
package gateway

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

// Mode is how the gateway misbehaves.
type Mode struct {
	// Fault is "" | down (502) | hang (answers after a minute) | wrong (an
	// answer that is none) | refuse (a code that is not 0) | lost (takes
	// the message and breaks off) | twice (reports each receipt twice) |
	// silent (takes the message and reports nothing).
	Fault string `json:"fault"`
	// DelayMS is how long each answer takes.
	DelayMS int `json:"delayMs"`
}

// Got is one message that arrived.
type Got struct {
	At    time.Time       `json:"at"`
	Path  string          `json:"path"`
	ID    string          `json:"id"`
	MsgID string          `json:"msgId"`
	Again int             `json:"again"` // how often the same id came again
	Body  json.RawMessage `json:"body"`
}

// Server is one fake gateway.
type Server struct {
	App, Secret string
	// Receipts is where reports are posted to, "" for none.
	Receipts string
	// IDOf reads the idempotency key of a message.
	IDOf func(body map[string]any) string
	// Report makes the status report of a message, nil for none.
	Report func(g Got) any
	// Later makes reports that follow the first, each half a second after
	// the one before; it may be nil.
	Later func(g Got) []any
	// Refuse tells which code and message answer a message that is not taken
	// whatever the fault is; code 0 takes it. It may be nil.
	Refuse func(path string, body map[string]any) (code int, message string)

	mu   sync.Mutex
	mode Mode
	got  []*Got
	byID map[string]*Got
	bad  int
}

// Sign gives the HMAC-SM3 of a request as the center makes it.
func Sign(secret, method, path, ts, nonce string, body []byte) string {
	sum := sm3.Sum(body)
	m := hmac.New(sm3.New, []byte(secret))
	_, _ = io.WriteString(m, strings.Join([]string{method, path, ts, nonce, hex.EncodeToString(sum[:])}, "\n"))
	return hex.EncodeToString(m.Sum(nil))
}

// ServeHTTP takes messages at every path but /_mode (GET, PUT) and /_got.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/_mode":
		s.serveMode(w, r)
		return
	case "/_got":
		s.mu.Lock()
		defer s.mu.Unlock()
		writeJSON(w, map[string]any{"count": len(s.got), "badlySigned": s.bad, "messages": s.got})
		return
	}
	body, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err != nil {
		http.Error(w, "body", http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	mode := s.mode
	s.mu.Unlock()
	time.Sleep(time.Duration(mode.DelayMS) * time.Millisecond)
	if r.Header.Get("X-App-Id") != s.App || !s.signed(r, body) {
		s.mu.Lock()
		s.bad++
		s.mu.Unlock()
		http.Error(w, "signature", http.StatusUnauthorized)
		return
	}
	switch mode.Fault {
	case "down":
		http.Error(w, "down", http.StatusBadGateway)
		return
	case "hang":
		select {
		case <-time.After(time.Minute):
		case <-r.Context().Done():
		}
		return
	case "wrong":
		_, _ = io.WriteString(w, "<html>not json</html>")
		return
	case "refuse":
		writeJSON(w, map[string]any{"code": 7, "message": "balance is used up"})
		return
	}
	if s.Refuse != nil {
		var m map[string]any
		if err := json.Unmarshal(body, &m); err == nil {
			if code, message := s.Refuse(r.URL.Path, m); code != 0 {
				writeJSON(w, map[string]any{"code": code, "message": message})
				return
			}
		}
	}
	g, err := s.take(r.URL.Path, body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if mode.Fault == "lost" {
		panic(http.ErrAbortHandler)
	}
	writeJSON(w, map[string]any{"code": 0, "msgid": g.MsgID, "msgId": g.MsgID})
	if s.Report != nil && s.Receipts != "" && g.Again == 0 && mode.Fault != "silent" {
		times := 1
		if mode.Fault == "twice" {
			times = 2
		}
		go s.report(g, times)
	}
}

func (s *Server) signed(r *http.Request, body []byte) bool {
	want := Sign(s.Secret, r.Method, r.URL.EscapedPath(), r.Header.Get("X-Timestamp"), r.Header.Get("X-Nonce"), body)
	return hmac.Equal([]byte(want), []byte(r.Header.Get("X-Sign")))
}

func (s *Server) take(path string, body []byte) (Got, error) {
	var m map[string]any
	if err := json.Unmarshal(body, &m); err != nil {
		return Got{}, fmt.Errorf("the body is no JSON object: %w", err)
	}
	id := s.IDOf(m)
	s.mu.Lock()
	defer s.mu.Unlock()
	if g, ok := s.byID[id]; ok && id != "" {
		g.Again++ // delivered once, whatever the caller repeats
		return *g, nil
	}
	g := &Got{At: time.Now(), Path: path, ID: id, MsgID: fmt.Sprintf("fake-%d", len(s.got)+1), Body: body}
	s.got = append(s.got, g)
	s.byID[id] = g
	slog.Info("arrived", "path", path, "id", id, "body", string(body))
	return *g, nil
}

func (s *Server) serveMode(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method == http.MethodPut {
		var m Mode
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&m); err != nil {
			http.Error(w, "mode is {fault, delayMs}", http.StatusBadRequest)
			return
		}
		s.mode = m
	}
	writeJSON(w, s.mode)
}

// report posts a status report, three times at most until the center says
// SUCCESS.
func (s *Server) report(g Got, times int) {
	list := []any{s.Report(g)}
	if s.Later != nil {
		list = append(list, s.Later(g)...)
	}
	for _, x := range list {
		s.reportOne(g, x, times)
	}
}

func (s *Server) reportOne(g Got, report any, times int) {
	body, err := json.Marshal(report)
	if err != nil {
		slog.Warn("report not delivered", "msgid", g.MsgID, "err", err)
		return
	}
	for sent, try := 0, 0; sent < times && try < times+2; try++ {
		time.Sleep(500 * time.Millisecond)
		if err := s.post(body); err != nil {
			slog.Warn("report not delivered", "msgid", g.MsgID, "err", err)
			continue
		}
		sent++
	}
}

func (s *Server) post(body []byte) error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.Receipts, bytes.NewReader(body))
	if err != nil {
		return err
	}
	b := make([]byte, 8)
	_, _ = rand.Read(b)
	ts, nonce := strconv.FormatInt(time.Now().Unix(), 10), hex.EncodeToString(b)
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-App-Id", s.App)
	req.Header.Set("X-Timestamp", ts)
	req.Header.Set("X-Nonce", nonce)
	req.Header.Set("X-Sign", Sign(s.Secret, http.MethodPost, req.URL.EscapedPath(), ts, nonce, body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = res.Body.Close() }()
	out, err := io.ReadAll(io.LimitReader(res.Body, 1<<10))
	if err == nil && string(out) != "SUCCESS" {
		err = fmt.Errorf("answered %d %.80s", res.StatusCode, out)
	}
	return err
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

// Main runs a gateway until the process is told to stop.
func (s *Server) Main(name, address string) {
	listen := flag.String("listen", address, "address to listen on")
	flag.StringVar(&s.App, "app", "jiexun", "application id that may call")
	flag.StringVar(&s.Secret, "secret", "fake-secret", "shared secret of the signatures")
	flag.StringVar(&s.Receipts, "receipts", s.Receipts, "where the center takes status reports, empty for none")
	fault := flag.String("fault", "", "first fault: down, hang, wrong, refuse, lost, twice or silent; change it with PUT /_mode")
	flag.Parse()
	s.mode.Fault, s.byID = *fault, map[string]*Got{}
	srv := &http.Server{Addr: *listen, Handler: s, ReadHeaderTimeout: 5 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	slog.Info("fake gateway; faults: PUT /_mode {\"fault\":\"down\"}, arrivals: GET /_got", "name", name, "at", "http://"+*listen, "app", s.App)
	if err := srv.ListenAndServe(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		slog.Error("fake gateway stopped", "err", err)
		os.Exit(1)
	}
}

// Text reads a text of a message.
func Text(m map[string]any, key string) string {
	v, _ := m[key].(string)
	return v
}
