// Command center is the city's end of Jiexun: the console and the phone pages,
// the interface behind them, and the line to the edge boxes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// releaseTrust is the SM3 of the certificate whose releases this program
// trusts; the linker sets it. A development build trusts none.
var releaseTrust string

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("center"), kong.Description("Jiexun center: console, interface and line to the edge boxes."),
		kong.UsageOnError(), kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.BindTo(ctx, (*context.Context)(nil)))
	if err := k.Run(&c.Where); err != nil {
		fmt.Fprintln(os.Stderr, "center:", err)
		os.Exit(1)
	}
}
