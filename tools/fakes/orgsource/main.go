// Command orgsource is a personnel system for trying the synchronisation of
// people: a bureau of made-up people in pages, with faults on demand.
//
//	orgsource --listen 127.0.0.1:9301 --people 500 --token secret --fault late
//
// Faults: none, late (older words after newer ones), duplicate (records come
// twice), wrong (broken records between good ones), down (503 for every third
// page), mass (half of all people left: the safe limit must hold).
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// Record is a person or an organisation as it is told.
type Record struct {
	Kind    string `json:"kind"`
	ID      string `json:"id"`
	Version int64  `json:"version"`
	Name    string `json:"name"`
	Account string `json:"account,omitempty"`
	CertNo  string `json:"certNo,omitempty"`
	OrgID   string `json:"orgId,omitempty"`
	Code    string `json:"code,omitempty"`
	Active  bool   `json:"active"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:9301", "address")
	people := flag.Int("people", 100, "number of people")
	org := flag.String("org", "310101", "id of the center's organisation that they belong to")
	token := flag.String("token", "", "Bearer token that is asked for")
	fault := flag.String("fault", "none", "none, late, duplicate, wrong, down or mass")
	flag.Parse()
	ln, err := net.Listen("tcp", *listen)
	if err == nil {
		fmt.Println("personnel system at http://" + ln.Addr().String() + "/people")
		srv := &http.Server{Handler: handler(records(*people, *org, *fault), *token, *fault), ReadHeaderTimeout: 5 * time.Second}
		err = srv.Serve(ln)
	}
	if err != nil && !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "orgsource:", err)
		os.Exit(1)
	}
}

// records makes the people, in the order in which they are told.
func records(n int, org, fault string) []Record {
	out := []Record{{Kind: "org", ID: "ORG-1", Version: 1, Name: "来源机构", Code: org, Active: true}}
	for i := range n {
		out = append(out, Record{
			Kind: "person", ID: fmt.Sprintf("HR-%05d", i), Version: 2, Name: fmt.Sprintf("来源%05d", i), Account: fmt.Sprintf("hr%05d", i),
			CertNo: fmt.Sprintf("沪99-%05d", i), OrgID: "ORG-1", Active: fault != "mass" || i%2 == 0,
		})
	}
	switch fault {
	case "late":
		for _, r := range out[1:min(len(out), 20)] {
			r.Version, r.Name = 1, "过时"
			out = append(out, r)
		}
	case "duplicate":
		out = append(out, out[1:min(len(out), 20)]...)
	case "wrong":
		out = append(out, Record{Kind: "person", ID: "HR-BAD-1", Version: 1, Active: true}, Record{Kind: "person", ID: "", Version: 1},
			Record{Kind: "person", ID: "HR-BAD-2", Version: 0, Name: "无版本"}, Record{Kind: "person", ID: "HR-BAD-3", Version: 1, Name: "无机构", Account: "nowhere", OrgID: "ORG-404", Active: true})
	}
	return out
}

func handler(list []Record, token, fault string) http.Handler {
	calls := make(chan int, 1)
	calls <- 0
	mux := http.NewServeMux()
	mux.HandleFunc("GET /people", func(w http.ResponseWriter, r *http.Request) {
		n := <-calls + 1
		calls <- n
		switch {
		case token != "" && r.Header.Get("Authorization") != "Bearer "+token:
			w.WriteHeader(http.StatusUnauthorized)
			return
		case fault == "down" && n%3 == 0:
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		at, err := strconv.Atoi(r.URL.Query().Get("cursor"))
		if err != nil || at < 0 || at > len(list) {
			at = 0
		}
		size, err := strconv.Atoi(r.URL.Query().Get("size"))
		if err != nil || size < 1 || size > 1000 {
			size = 100
		}
		end := min(at+size, len(list))
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"items": list[at:end], "next": strconv.Itoa(end), "more": end < len(list)})
	})
	return mux
}
