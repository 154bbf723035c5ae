// Command openclient is a sample client of the center's open interfaces: it
// signs a request as docs/interfaces.md says and prints the answer. It shares
// no code with the center, so that it also checks the description.
//
//	openclient --url http://127.0.0.1:8080 --app jx… --key … GET '/api/open/v1/self'
//	openclient … POST /api/open/v1/todos '{"externalId":"1","title":"复核","assigneeId":"…"}'
//	openclient … all            calls every kind of interface that only reads
//
// APP, KEY and URL may come from JIEXUN_APP, JIEXUN_KEY and JIEXUN_URL.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

func main() {
	if err := run(context.Background(), os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "openclient:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	fs := flag.NewFlagSet("openclient", flag.ContinueOnError)
	c := Client{Now: time.Now}
	fs.StringVar(&c.URL, "url", os.Getenv("JIEXUN_URL"), "address of the center")
	fs.StringVar(&c.App, "app", os.Getenv("JIEXUN_APP"), "application id")
	fs.StringVar(&c.Key, "key", os.Getenv("JIEXUN_KEY"), "key")
	idem := fs.String("idempotency-key", "", "sent with writes")
	if err := fs.Parse(args); err != nil {
		return err
	}
	if c.URL == "" || c.App == "" || c.Key == "" {
		return fmt.Errorf("give --url, --app and --key, or JIEXUN_URL, JIEXUN_APP and JIEXUN_KEY")
	}
	if fs.Arg(0) == "all" {
		return all(ctx, c, out)
	}
	if fs.NArg() < 2 || fs.NArg() > 3 {
		return fmt.Errorf("give a method, a path and, for writes, a body; or all")
	}
	a, err := c.Call(ctx, fs.Arg(0), fs.Arg(1), fs.Arg(2), *idem)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%d\n%s\n", a.Status, a.Body)
	return err
}

// all calls every kind that only reads and prints one line each.
func all(ctx context.Context, c Client, out io.Writer) error {
	bad := 0
	for _, x := range []struct{ kind, method, path, body string }{
		{"self", "GET", "/api/open/v1/self", ""},
		{"user", "GET", "/api/open/v1/users?size=5", ""},
		{"user", "GET", "/api/open/v1/orgs", ""},
		{"authorisation", "POST", "/api/open/v1/authorisation/check", `{"account":"caozuo","permission":"alert.view"}`},
		{"business", "GET", "/api/open/v1/alerts?size=1", ""},
		{"business", "GET", "/api/open/v1/orders?size=1", ""},
		{"todo", "GET", "/api/open/v1/todos?size=1", ""},
		{"application", "GET", "/api/open/v1/applications", ""},
		{"application", "GET", "/api/open/v1/functions", ""},
		{"log", "GET", "/api/open/v1/calls?size=1", ""},
		{"log", "GET", "/api/open/v1/audit?size=1", ""},
	} {
		a, err := c.Call(ctx, x.method, x.path, x.body, "")
		if err != nil {
			return err
		}
		if a.Status != 200 {
			bad++
		}
		if _, err := fmt.Fprintf(out, "%3d %-15s %s %s %s\n", a.Status, x.kind, x.method, x.path, a.Code); err != nil {
			return err
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d calls were refused", bad)
	}
	return nil
}
