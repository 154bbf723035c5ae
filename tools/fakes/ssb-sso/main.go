// Command ssb-sso is a stand-in for the single sign-on of the government
// cloud's phone portal: it hands out one-time tickets and validates each of
// them once, checking the HMAC-SM3 signature of the caller. It can be told to
// fail, so that the caller's behaviour is seen.
package main

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"flag"
	"fmt"
	"hash"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/emmansun/gmsm/sm3"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address; port 0 takes a free one")
	app := flag.String("app", "jiexun", "application id that is known")
	key := flag.String("key", "fake-key", "the application's key")
	mode := flag.String("mode", "ok", "ok, down (answers 503) or junk (answers no JSON)")
	flag.Parse()
	if err := run(*listen, &portal{app: *app, key: *key, mode: *mode, tickets: map[string]ticket{}, nonces: map[string]bool{}}); err != nil {
		fmt.Fprintln(os.Stderr, "ssb-sso:", err)
		os.Exit(1)
	}
}

func run(listen string, p *portal) error {
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println("http://" + ln.Addr().String()) // whoever starts it reads the address
	srv := &http.Server{Handler: p.routes(), ReadHeaderTimeout: 5 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	if err := srv.Serve(ln); err != http.ErrServerClosed {
		return err
	}
	return nil
}

// ticketLife is how long a ticket holds.
const ticketLife = 5 * time.Minute

type ticket struct {
	user string
	at   time.Time
}

type portal struct {
	app, key, mode string

	mu      sync.Mutex
	tickets map[string]ticket
	nonces  map[string]bool
}

func (p *portal) routes() http.Handler {
	m := http.NewServeMux()
	// The portal's own side: a person opens the app there.
	m.HandleFunc("POST /fake/enter", func(w http.ResponseWriter, r *http.Request) {
		b := make([]byte, 18)
		_, _ = rand.Read(b) // never fails since Go 1.24
		t := hex.EncodeToString(b)
		p.mu.Lock()
		p.tickets[t] = ticket{r.URL.Query().Get("user"), time.Now()}
		p.mu.Unlock()
		answer(w, http.StatusOK, map[string]string{"ticket": t})
	})
	m.HandleFunc("POST /sso/validate", p.validate)
	return m
}

func (p *portal) validate(w http.ResponseWriter, r *http.Request) {
	switch p.mode {
	case "down":
		http.Error(w, "maintenance", http.StatusServiceUnavailable)
		return
	case "junk":
		_, _ = io.WriteString(w, "<html>") // the peer is gone
		return
	}
	var in struct{ AppID, Ticket, TS, Nonce, Sign string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&in); err != nil {
		answer(w, http.StatusBadRequest, map[string]any{"code": 400, "msg": "no JSON"})
		return
	}
	m := hmac.New(func() hash.Hash { return sm3.New() }, []byte(p.key))
	_, _ = io.WriteString(m, strings.Join([]string{in.AppID, in.Ticket, in.TS, in.Nonce}, "\n")) // a hash never fails
	if in.AppID != p.app || !hmac.Equal([]byte(hex.EncodeToString(m.Sum(nil))), []byte(in.Sign)) {
		answer(w, http.StatusForbidden, map[string]any{"code": 403, "msg": "sign"})
		return
	}
	p.mu.Lock()
	t, known := p.tickets[in.Ticket]
	delete(p.tickets, in.Ticket)
	replayed := p.nonces[in.Nonce]
	p.nonces[in.Nonce] = true
	p.mu.Unlock()
	if !known || replayed || time.Since(t.at) > ticketLife {
		answer(w, http.StatusUnauthorized, map[string]any{"code": 401, "msg": "ticket"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"code": 0, "data": map[string]string{"userId": t.user, "name": "演示人员", "orgCode": "310101", "unionId": "x-" + t.user}})
}

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the peer is gone
}
