// Command datasource is a source of made-up shops for trying data sources:
// an HTTP interface with pages, and the same rows as a CSV file.
//
//	datasource --listen 127.0.0.1:9302 --rows 1000 --bad 37
//	datasource --rows 1000 --bad 37 --csv shops.csv
package main

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:9302", "address")
	rows := flag.Int("rows", 200, "number of rows")
	bad := flag.Int("bad", 0, "how many of them break a rule")
	file := flag.String("csv", "", "write a CSV file and end")
	flag.Parse()
	if err := run(*listen, shops(*rows, *bad), *file); err != nil && !errors.Is(err, http.ErrServerClosed) {
		fmt.Fprintln(os.Stderr, "datasource:", err)
		os.Exit(1)
	}
}

func run(listen string, list []map[string]string, file string) error {
	if file != "" {
		f, err := os.Create(file)
		if err != nil {
			return fmt.Errorf("make %s: %w", file, err)
		}
		return errors.Join(writeCSV(f, list), f.Close())
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	fmt.Println("shops at http://" + ln.Addr().String() + "/shops")
	srv := &http.Server{Handler: handler(list), ReadHeaderTimeout: 5 * time.Second}
	return srv.Serve(ln)
}

func columns() []string {
	return []string{"店名", "地址", "区划", "经度", "纬度", "业态", "电话"}
}

// shops makes the rows; bad ones are spread evenly and break a rule each.
func shops(n, bad int) []map[string]string {
	out := make([]map[string]string, 0, n)
	for i := range n {
		r := map[string]string{
			"店名": fmt.Sprintf("样例商铺%05d", i), "地址": fmt.Sprintf("样例路%d号", i+1), "区划": "310101013",
			"经度": strconv.FormatFloat(121.48+float64(i%100)/100000, 'f', 6, 64), "纬度": strconv.FormatFloat(31.23+float64(i/100)/100000, 'f', 6, 64), "业态": "餐饮", "电话": fmt.Sprintf("139%08d", i),
		}
		if bad > 0 && i%max(n/bad, 1) == 0 && i/max(n/bad, 1) < bad {
			switch i % 3 {
			case 0:
				r["店名"] = ""
			case 1:
				r["经度"] = "0"
			default:
				r["区划"] = "999999999"
			}
		}
		out = append(out, r)
	}
	return out
}

func writeCSV(w io.Writer, list []map[string]string) error {
	if _, err := io.WriteString(w, "\xef\xbb\xbf"); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	c := csv.NewWriter(w)
	if err := c.Write(columns()); err != nil {
		return fmt.Errorf("write: %w", err)
	}
	for _, r := range list {
		rec := make([]string, 0, len(columns()))
		for _, k := range columns() {
			rec = append(rec, r[k])
		}
		if err := c.Write(rec); err != nil {
			return fmt.Errorf("write: %w", err)
		}
	}
	c.Flush()
	return c.Error()
}

func handler(list []map[string]string) http.Handler {
	const size = 100
	mux := http.NewServeMux()
	mux.HandleFunc("GET /shops", func(w http.ResponseWriter, r *http.Request) {
		at, err := strconv.Atoi(r.URL.Query().Get("cursor"))
		if err != nil || at < 0 || at > len(list) {
			at = 0
		}
		end, next := min(at+size, len(list)), ""
		if end < len(list) {
			next = strconv.Itoa(end)
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"items": list[at:end], "next": next})
	})
	return mux
}
