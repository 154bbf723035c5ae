// Command camsim simulates street cameras: it serves video files and composed
// scenes over RTSP, can be told to misbehave, and composes scenes whose ground
// truth is known.
package main

import (
	"fmt"
	"os"

	"github.com/alecthomas/kong"
)

type cli struct {
	Local string `help:"Folder of downloaded and prepared things." env:"JIEXUN_LOCAL" default:".local"`

	Serve   serveCmd   `cmd:"" help:"Serve cameras over RTSP."`
	List    listCmd    `cmd:"" help:"List the cameras of a running simulator."`
	Compose composeCmd `cmd:"" help:"Compose a scene with ground truth."`
	Demo    demoCmd    `cmd:"" help:"Compose the four cameras of the demonstration."`
}

func main() {
	var c cli
	k := kong.Parse(&c, kong.Name("camsim"), kong.Description("Simulated street cameras."), kong.UsageOnError())
	if err := k.Run(&c); err != nil {
		fmt.Fprintln(os.Stderr, "camsim:", err)
		os.Exit(1)
	}
}
