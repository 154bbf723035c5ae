// Command mail is a fake mail server: it takes mail over SMTP without
// delivering it, shows it at /_got, and fails on demand.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"
)

type letter struct {
	At   time.Time `json:"at"`
	From string    `json:"from"`
	To   []string  `json:"to"`
	Text string    `json:"text"`
}

// box is what arrived, and the fault: "" | down | busy (421) | refuse (550) |
// hang.
type box struct {
	mu    sync.Mutex
	fault string
	got   []letter
}

func main() {
	smtp := flag.String("listen", "127.0.0.1:18025", "address for SMTP")
	web := flag.String("http", "127.0.0.1:18026", "address for /_got and /_mode")
	flag.Parse()
	b := &box{got: []letter{}}
	ln, err := net.Listen("tcp", *smtp)
	if err != nil {
		fatal(err)
	}
	go func() {
		srv := &http.Server{Addr: *web, Handler: b, ReadHeaderTimeout: 5 * time.Second}
		fatal(srv.ListenAndServe())
	}()
	slog.Info("fake mail server; faults: PUT /_mode {\"fault\":\"down\"}", "smtp", *smtp, "web", "http://"+*web)
	for {
		conn, err := ln.Accept()
		if err != nil {
			fatal(err)
		}
		go b.talk(conn)
	}
}

// ServeHTTP shows what arrived and takes the fault.
func (b *box) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.URL.Path == "/_mode" && r.Method == http.MethodPut {
		var m struct{ Fault string }
		if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&m); err != nil {
			http.Error(w, "mode is {fault}", http.StatusBadRequest)
			return
		}
		b.fault = m.Fault
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"fault": b.fault, "count": len(b.got), "letters": b.got})
}

func (b *box) talk(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	b.mu.Lock()
	fault := b.fault
	b.mu.Unlock()
	say := func(format string, args ...any) { fmt.Fprintf(conn, format+"\r\n", args...) }
	switch fault {
	case "down":
		return
	case "busy":
		say("421 too busy")
		return
	case "hang":
		time.Sleep(50 * time.Second)
		return
	}
	say("220 fake mail")
	r := bufio.NewReader(io.LimitReader(conn, 4<<20))
	l := letter{At: time.Now(), To: []string{}}
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		switch verb {
		case "EHLO", "HELO", "NOOP", "RSET":
			say("250 ok")
		case "MAIL":
			l.From = line
			say("250 ok")
		case "RCPT":
			if fault == "refuse" {
				say("550 no such mailbox")
				continue
			}
			l.To = append(l.To, line)
			say("250 ok")
		case "DATA":
			say("354 go on")
			if l.Text, err = readData(r); err != nil {
				return
			}
			b.mu.Lock()
			b.got = append(b.got, l)
			b.mu.Unlock()
			slog.Info("mail", "from", l.From, "to", strings.Join(l.To, ", "))
			say("250 taken")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("502 unknown")
		}
	}
}

func readData(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", err
		}
		if strings.TrimRight(line, "\r\n") == "." {
			return b.String(), nil
		}
		b.WriteString(line)
	}
}

func fatal(err error) {
	slog.Error("fake mail server stopped", "err", err)
	os.Exit(1)
}
