// Command models fetches, checks, converts and lists the neural networks and
// native libraries that the product uses.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"jiexun/api/modelv1"
	"jiexun/models"
	"jiexun/models/internal/fetch"
	"jiexun/models/internal/tfjs"
	"jiexun/models/internal/tflite"
)

type cli struct {
	Local string `help:"Folder that holds models/, lib/ and cache/." default:".local" env:"JIEXUN_LOCAL" type:"path"`
	NPM   string `help:"The npm client." default:"npm" env:"NPM"`

	Fetch   fetchCmd   `cmd:"" help:"Install what is missing."`
	Verify  verifyCmd  `cmd:"" help:"Hash every installed file again."`
	List    listCmd    `cmd:"" help:"Say what the catalogue holds and what is installed."`
	Convert convertCmd `cmd:"" help:"Convert a .tflite file, or the .json of a TensorFlow.js graph model with its .bin beside it, to ONNX."`
	Seal    sealCmd    `cmd:"" help:"Write the digests of a network's files into its manifest and check it."`
}

type selection struct {
	With []string `help:"Optional networks to install as well; nanodet stands for nanodet-g."`
	Only []string `help:"Only these networks and libraries."`
}

func (s selection) resolve() fetch.Selection {
	short := func(names []string) []string {
		out := make([]string, len(names))
		for i, n := range names {
			if out[i] = n; n == "nanodet" {
				out[i] = "nanodet-g"
			}
		}
		return out
	}
	return fetch.Selection{Only: short(s.Only), With: short(s.With)}
}

type fetchCmd struct{ selection }

// Run installs what is missing.
func (c *fetchCmd) Run(ctx context.Context, f *fetch.Fetcher) error {
	return f.Fetch(ctx, c.resolve())
}

type verifyCmd struct{ selection }

// Run hashes what is installed. Optional networks are checked when they are
// there.
func (c *verifyCmd) Run(ctx context.Context, f *fetch.Fetcher) error {
	sel := c.resolve()
	if len(sel.Only) == 0 {
		for _, m := range f.Catalogue.Models {
			_, err := os.Stat(filepath.Join(f.Local, "models", m.Name))
			if m.Optional && err == nil {
				sel.With = append(sel.With, m.Name)
			}
		}
	}
	return f.Verify(ctx, sel)
}

type listCmd struct{}

// Run prints one line for each model and library.
func (c *listCmd) Run(f *fetch.Fetcher) error {
	var all fetch.Selection
	for _, m := range f.Catalogue.Models {
		all.With = append(all.With, m.Name)
	}
	status, err := f.Status(all)
	if err != nil {
		return err
	}
	state := map[string]string{}
	for _, s := range status {
		state[s.Name] = s.Reason
		if s.Installed {
			state[s.Name] = "installed"
		}
	}
	for _, l := range f.Catalogue.Libraries {
		s := l.Platforms[f.Platform].Source
		fmt.Printf("%-14s %-9s %-28s %-42s %s\n", l.Name, "library", l.Version, origin(s), state[l.Name])
	}
	for _, m := range f.Catalogue.Models {
		fmt.Printf("%-14s %-9s %-28s %-42s %s\n", m.Name, m.Head, m.Version, origin(m.Source), state[m.Name])
	}
	return nil
}

func origin(s modelv1.Source) string {
	if s.Ecosystem != modelv1.NPM {
		return string(s.Ecosystem)
	}
	return fmt.Sprintf("npm %s@%s", s.Package, s.Version)
}

type convertCmd struct {
	In  string `arg:"" help:"File to convert." type:"existingfile"`
	Out string `arg:"" help:"ONNX file to write." type:"path"`
}

// Run converts one file; the result appears only when it is complete.
func (c *convertCmd) Run() error {
	data, err := os.ReadFile(c.In)
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(filepath.Base(c.Out), filepath.Ext(c.Out))
	var out []byte
	switch ext := strings.ToLower(filepath.Ext(c.In)); ext {
	case ".tflite":
		out, err = tflite.Convert(name, data)
	case ".json":
		var weights []byte
		if weights, err = os.ReadFile(strings.TrimSuffix(c.In, filepath.Ext(c.In)) + ".bin"); err == nil {
			out, err = tfjs.Convert(name, data, weights)
		}
	default:
		err = fmt.Errorf("convert %s: the name must end in .tflite or .json", c.In)
	}
	if err != nil {
		return err
	}
	if err := replace(c.Out, out); err != nil {
		return err
	}
	fmt.Printf("%s: %d bytes\n", c.Out, len(out))
	return nil
}

// replace writes a file so that its name never shows half of it.
func replace(path string, data []byte) error {
	tmp := path + ".tmp"
	if err := os.WriteFile(tmp, data, 0o644); err != nil {
		return fmt.Errorf("write the result: %w", err)
	}
	if err := os.Rename(tmp, path); err != nil {
		return errors.Join(fmt.Errorf("write the result: %w", err), os.Remove(tmp))
	}
	return nil
}

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var c cli
	k := kong.Parse(&c, kong.Name("models"), kong.Description("Networks and native libraries of Jiexun."), kong.UsageOnError())
	catalogue, err := models.Load()
	if err == nil {
		f := &fetch.Fetcher{
			Catalogue: catalogue, Local: c.Local, NPM: c.NPM, Platform: fetch.Platform(), Log: os.Stderr, Now: time.Now,
		}
		k.BindTo(ctx, (*context.Context)(nil))
		k.Bind(f)
		err = k.Run()
	}
	if ctx.Err() != nil {
		fmt.Fprintln(os.Stderr, "models: interrupted; run the same command again to go on")
		return 130
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "models:", err)
		return 1
	}
	return 0
}
