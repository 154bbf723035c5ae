// Command usbkey is a local helper in the place of a vendor's USB-key
// program: it holds a software SM2 key and signs sign-in challenges for the
// pages of one center. It listens on this machine only, answers only pages of
// the named origins, and signs nothing but sign-in texts that name the same
// origin.
//
//	usbkey init --dir DIR --name NAME      makes an authority, a key and its certificate
//	usbkey serve --dir DIR --origin URL    answers the log-in page
package main

import (
	"context"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "usbkey:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("say init or serve")
	}
	f := flag.NewFlagSet(args[0], flag.ContinueOnError)
	dir := f.String("dir", "usbkey", "folder of key and certificate")
	name := f.String("name", "demo", "name in the certificate (init)")
	pin := f.String("pin", "", "PIN that signing asks for; empty for none")
	listen := f.String("listen", "127.0.0.1:17171", "address on this machine (serve)")
	origins := f.String("origin", "http://127.0.0.1:8080", "pages that may ask, joined by commas (serve)")
	days := f.Int("days", 365, "validity of the certificate (init)")
	if err := f.Parse(args[1:]); err != nil {
		return err
	}
	switch args[0] {
	case "init":
		return initKey(*dir, *name, *days, time.Now())
	case "serve":
		k, err := openKey(*dir)
		if err != nil {
			return err
		}
		return serve(*listen, newHelper(k, *pin, strings.Split(*origins, ",")))
	}
	return fmt.Errorf("no command %q: say init or serve", args[0])
}

func serve(listen string, h *helper) error {
	host, _, err := net.SplitHostPort(listen)
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("--listen %s: a key answers on this machine only, such as 127.0.0.1:17171", listen)
	}
	ln, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	fmt.Println("http://" + ln.Addr().String())
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 5 * time.Second}
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
