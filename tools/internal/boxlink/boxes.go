package boxlink

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
)

// Enrolled is a simulated box with its cameras.
type Enrolled struct {
	*Identity
	Cameras []string
}

// EnrolBoxes registers boxes with cameras at the console and enrols each.
// Tag keeps the names of several calls apart.
func EnrolBoxes(ctx context.Context, c *Console, tag string, boxes, cameras int) ([]Enrolled, error) {
	out := make([]Enrolled, boxes)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(8)
	for i := range out {
		g.Go(func() error {
			id, token, err := c.AddBox(ctx, fmt.Sprintf("模拟盒 %s-%d", tag, i+1))
			if err != nil {
				return err
			}
			for k := range cameras {
				cam, err := c.AddCamera(ctx, id, fmt.Sprintf("%s-%d-%d", tag, i+1, k+1), fmt.Sprintf("模拟点位 %d-%d", i+1, k+1))
				if err != nil {
					return err
				}
				out[i].Cameras = append(out[i].Cameras, cam)
			}
			out[i].Identity, err = Enrol(ctx, token)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return nil, fmt.Errorf("set up boxes: %w", err)
	}
	return out, nil
}
