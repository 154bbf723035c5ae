// Command signset composes pictures of shop streets whose signs are known,
// and the registry that they are matched against: shops that kept their name,
// were renamed, have gone, are new, look alike, or are registered under
// another form of the name. The same seed gives the same set.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"image/jpeg"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"

	"jiexun/tools/internal/scene"
)

type cli struct {
	Local string `help:"Folder of downloaded and prepared things." env:"JIEXUN_LOCAL" default:".local"`
	Seed  uint64 `help:"The same seed gives the same set." default:"1"`
	Shops int    `help:"Registered shops." default:"500"`
	Signs int    `help:"Signs in the pictures, at least." default:"2000"`
	Out   string `help:"Folder for the pictures and truth.json." required:""`
}

func main() {
	var c cli
	kong.Parse(&c, kong.Name("signset"), kong.Description("Composed pictures of known shop signs."))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := c.run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "signset:", err)
		os.Exit(1)
	}
}

func (c *cli) run(ctx context.Context) error {
	if c.Shops < 20 || c.Shops > 20000 || c.Signs < 1 || c.Signs > 100000 {
		return errors.New("use 20 to 20000 shops and 1 to 100000 signs")
	}
	assets, err := scene.LoadAssets(ctx, c.Local)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(c.Out, 0o755); err != nil {
		return fmt.Errorf("make the folder of the set: %w", err)
	}
	t := newTown(c.Seed, c.Shops)
	n := 0
	for i := 0; n < c.Signs; i++ {
		f, err := c.frame(ctx, assets, t, i)
		if err != nil {
			return err
		}
		for _, x := range f.Signs {
			if x.Kind != "gone" {
				n++
			}
		}
		t.truth.Frames = append(t.truth.Frames, f)
		if i%50 == 49 {
			fmt.Printf("%d pictures, %d signs\n", i+1, n)
		}
	}
	raw, err := json.MarshalIndent(t.truth, "", " ")
	if err != nil {
		return fmt.Errorf("write truth: %w", err)
	}
	if err := os.WriteFile(filepath.Join(c.Out, "truth.json"), raw, 0o644); err != nil {
		return fmt.Errorf("write truth: %w", err)
	}
	fmt.Printf("%s: %d shops registered, %d pictures, %d signs\n", c.Out, len(t.truth.Shops), len(t.truth.Frames), n)
	return nil
}

// frame composes one picture and tells which signs are in it.
func (c *cli) frame(ctx context.Context, assets *scene.Assets, t *town, i int) (Frame, error) {
	look := t.look(i)
	m, plates, err := assets.Still(ctx, look.spec)
	if err != nil {
		return Frame{}, err
	}
	f := look.frame
	for _, p := range plates {
		s := look.signs[p.Shop]
		s.Quad, s.Box = p.Quad, p.Box
		f.Signs = append(f.Signs, s)
	}
	w, err := os.Create(filepath.Join(c.Out, f.File))
	if err != nil {
		return f, fmt.Errorf("write picture: %w", err)
	}
	err = jpeg.Encode(w, m, &jpeg.Options{Quality: look.quality})
	if err = errors.Join(err, w.Close()); err != nil {
		return f, fmt.Errorf("write picture %s: %w", f.File, err)
	}
	return f, nil
}
