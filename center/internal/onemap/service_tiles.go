package onemap

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"sort"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/onemap/tile"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// TileQuery names a tile of one layer.
type TileQuery struct {
	Layer   string
	Z, X, Y int
	Filter  Filter
}

// Tile is a vector tile and its version.
type Tile struct {
	Body []byte
	ETag string
	// Known tells that the asker has this version; Body is empty then.
	Known bool
}

const (
	// cellTiles is the last zoom that is made of counted cells.
	cellTiles = 13
	// few objects of a tile are shown one by one at every zoom.
	few = 60
	// crowd is the number of objects of a tile above which they are grouped.
	crowd = 300
	// most bounds the objects of one tile.
	most = 20_000
)

// viewer gives the actor for a layer: what may be seen of it.
func viewer(ctx context.Context, src source) (access.Actor, error) {
	who, err := access.Need(ctx, access.MapView)
	if err != nil {
		return access.Actor{}, err
	}
	if err := who.Need(src.perm); err != nil {
		return access.Actor{}, err
	}
	return who.For(src.perm), nil
}

func (q TileQuery) check() error {
	n := 1 << max(min(q.Z, 30), 0)
	if q.Z < 0 || q.Z > 22 || q.X < 0 || q.Y < 0 || q.X >= n || q.Y >= n {
		return errs.Invalidf("z", "没有 %d/%d/%d 这块瓦片", q.Z, q.X, q.Y)
	}
	if _, ok := sourceOf(q.Layer); !ok {
		return errs.NotFound("图层")
	}
	return nil
}

// Tile gives a tile with what the actor may see. Have is the version that the
// asker has.
func (s *Service) Tile(ctx context.Context, q TileQuery, have string) (Tile, error) {
	if err := q.check(); err != nil {
		return Tile{}, err
	}
	src, _ := sourceOf(q.Layer)
	who, err := viewer(ctx, src)
	if err != nil {
		return Tile{}, err
	}
	rows, err := layerRows(ctx, s.db.Read())
	if err != nil {
		return Tile{}, err
	}
	etag := etagOf(q, who, rows[q.Layer].Version)
	if have == etag {
		return Tile{ETag: etag, Known: true}, nil
	}
	if b, ok := s.tiles.get(etag); ok {
		return Tile{Body: b, ETag: etag}, nil
	}
	layer := tile.NewLayer(q.Layer)
	if err := s.fill(ctx, layer, src, who, q); err != nil {
		return Tile{}, err
	}
	b := tile.Encode(layer)
	s.tiles.put(etag, b)
	return Tile{Body: b, ETag: etag}, nil
}

// etagOf names what a tile depends on: the layer's version, who may see what,
// and the question.
func etagOf(q TileQuery, who access.Actor, version int64) string {
	scope := append([]string{}, who.Scope.Prefixes...)
	sort.Strings(scope)
	own := ""
	if q.Layer == LayerOrder {
		own = who.ID + "|" + who.OrgID
	}
	sum := sha256.Sum256([]byte(fmt.Sprintf("%s|%d|%d|%d|%+v|%t|%s|%s|%d", q.Layer, q.Z, q.X, q.Y, q.Filter, who.Scope.All, strings.Join(scope, ","), own, version)))
	return `"` + hex.EncodeToString(sum[:12]) + `"`
}

// fill puts objects or groups of them into a layer.
func (s *Service) fill(ctx context.Context, l *tile.Layer, src source, who access.Actor, q TileQuery) error {
	x, y := uint32(q.X), uint32(q.Y)
	r := s.db.Read()
	if src.cells && q.Z <= cellTiles && !q.Filter.timed() {
		level := min(max(q.Z+cellStep, cellFirst), cellLast)
		from, to := tile.Range(x, y, q.Z, level)
		list, err := cellsOf(ctx, r, src, who, q.Filter, level, tile.Span{From: from, To: to})
		if err != nil {
			return err
		}
		total := int64(0)
		for _, c := range list {
			total += c.N
		}
		if total > few {
			for _, c := range list {
				addCluster(l, q, c)
			}
			return nil
		}
		if total == 0 {
			return nil
		}
	}
	from, to := tile.Range(x, y, q.Z, tile.Zoom17)
	list, err := objectsOf(ctx, r, src, who, q.Filter, tile.Span{From: from, To: to}, most)
	if err != nil {
		return err
	}
	spread(l, src, q, list)
	return nil
}

// spread adds objects one by one, or in groups where they would lie on one
// another.
func spread(l *tile.Layer, src source, q TileQuery, list []objectRow) {
	limit := crowd
	if q.Z <= cellTiles {
		limit = few
	}
	if len(list) <= limit || q.Z >= 17 {
		for _, o := range list {
			addObject(l, q, o)
		}
		return
	}
	shift := 2 * (tile.Zoom17 - min(q.Z+cellStep, tile.Zoom17))
	groups := map[int64][]int{}
	keys := []int64{}
	for i, o := range list {
		k := o.QK >> shift
		if groups[k] == nil {
			keys = append(keys, k)
		}
		groups[k] = append(groups[k], i)
	}
	for _, k := range keys {
		g := groups[k]
		if len(g) == 1 {
			addObject(l, q, list[g[0]])
			continue
		}
		c := cluster{QK: k, N: int64(len(g))}
		for _, i := range g {
			c.Lng += list[i].Lng / float64(len(g))
			c.Lat += list[i].Lat / float64(len(g))
			if src.layer == LayerCamera && list[i].State != "online" || src.layer == LayerShop && list[i].State == "high" {
				c.Bad++
			}
		}
		addCluster(l, q, c)
	}
}

func units(q TileQuery, lng, lat float64) (int32, int32) {
	x, y := tile.Pixel(lng, lat, q.Z)
	return int32((x - float64(q.X)) * tile.Extent), int32((y - float64(q.Y)) * tile.Extent)
}

func addCluster(l *tile.Layer, q TileQuery, c cluster) {
	x, y := units(q, c.Lng, c.Lat)
	l.Add(tile.Feature{X: x, Y: y, Props: []tile.Prop{{Key: "n", Value: c.N}, {Key: "bad", Value: c.Bad}}})
}

func addObject(l *tile.Layer, q TileQuery, o objectRow) {
	x, y := units(q, o.Lng, o.Lat)
	p := []tile.Prop{{Key: "id", Value: o.ID}, {Key: "s", Value: o.State}, {Key: "t", Value: o.Name}}
	if o.Kind != "" {
		p = append(p, tile.Prop{Key: "k", Value: o.Kind})
	}
	if o.BegunAt > 0 {
		p = append(p, tile.Prop{Key: "a", Value: int64(o.BegunAt)})
	}
	if o.UntilAt > 0 {
		p = append(p, tile.Prop{Key: "u", Value: int64(o.UntilAt)})
	}
	l.Add(tile.Feature{X: x, Y: y, Props: p})
}

// minute cuts a moment, so that tiles of "now" can be kept for a while.
func minute(at clock.Stamp) clock.Stamp { return at - at%60_000 }
