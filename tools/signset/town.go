package main

import (
	"fmt"
	"math"
	"math/rand/v2"

	"jiexun/api/edgev1"
	"jiexun/tools/internal/scene"
)

// Truth is the whole set.
type Truth struct {
	Seed   uint64  `json:"seed"`
	Shops  []Shop  `json:"shops"`
	Frames []Frame `json:"frames"`
}

// Shop is one row of the registry, with what has become of it.
type Shop struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	SignName string   `json:"signName"`
	Aliases  []string `json:"aliases,omitempty"`
	Address  string   `json:"address"`
	Business string   `json:"business"`
	Lng      float64  `json:"lng"`
	Lat      float64  `json:"lat"`
	// Fate is same, renamed or gone.
	Fate string `json:"fate"`
}

// Frame is one picture of one camera.
type Frame struct {
	File   string  `json:"file"`
	Camera string  `json:"camera"`
	Lng    float64 `json:"lng"`
	Lat    float64 `json:"lat"`
	Signs  []Sign  `json:"signs"`
}

// Sign is one plate in a picture. Shop is the registered shop that it belongs
// to, empty for a new one; Bound is the shop that the zone is bound to, empty
// where the camera has no zone there.
type Sign struct {
	Name    string         `json:"name"`
	Kind    string         `json:"kind"` // same, renamed or new
	Shop    string         `json:"shop,omitempty"`
	Bound   string         `json:"bound,omitempty"`
	Covered float64        `json:"covered,omitempty"`
	Quad    []edgev1.Point `json:"quad"`
	Box     edgev1.Box     `json:"box"`
}

// front is one shop front of the town as it stands.
type front struct {
	name, line string
	kind, shop string
	lng, lat   float64
	bare       bool
}

type town struct {
	rng   *rand.Rand
	seed  uint64
	truth Truth
	// rows are the sides of roads, each a line of fronts.
	rows [][]front
}

const (
	frontM    = 6.0
	metreLat  = 1 / 111195.0
	metreLng  = 1 / (111195.0 * 0.855) // at 31.23° N
	perRow    = 40
	originLng = 121.4702
	originLat = 31.2251
)

// newTown lays out roads of two sides and gives each front its story.
func newTown(seed uint64, shops int) *town {
	t := &town{rng: rand.New(rand.NewPCG(seed, 0x746f776e)), seed: seed, truth: Truth{Seed: seed}}
	used := map[string]bool{}
	for len(t.truth.Shops) < shops {
		n := len(t.rows)
		road, side := n/2, n%2
		row := []front{}
		for i := range perRow {
			if len(t.truth.Shops) == shops {
				break
			}
			lng := originLng + float64(i)*frontM*metreLng
			lat := originLat + (float64(road)*160+float64(side)*22)*metreLat
			address := fmt.Sprintf("%s路%d号", roadName(road), 2*i+1+side)
			row = append(row, t.front(address, lng, lat, used))
		}
		t.rows = append(t.rows, row)
	}
	return t
}

func roadName(i int) string {
	names := []string{"演安", "演福", "演和", "演康", "演宁", "演平", "演顺", "演泰", "演兴", "演裕"}
	return names[i%len(names)]
}

// front makes one shop front: about one in ten is not in the registry.
func (t *town) front(address string, lng, lat float64, used map[string]bool) front {
	name, line, business := t.name(used)
	f := front{name: name, line: line, kind: "same", lng: lng, lat: lat}
	if t.rng.Float64() < .1 {
		f.kind = "new"
		return f
	}
	s := Shop{ID: fmt.Sprintf("S%04d", len(t.truth.Shops)+1), Name: name, SignName: name, Address: address, Business: business,
		Lng: round6(lng + t.rng.NormFloat64()*4*metreLng), Lat: round6(lat + t.rng.NormFloat64()*4*metreLat), Fate: "same"}
	f.shop = s.ID
	switch p := t.rng.Float64(); {
	case p < .05: // another shop moved in
		f.name, f.line, _ = t.name(used)
		f.kind, s.Fate = "renamed", "renamed"
	case p < .08: // the new name has a part of the old one
		f.name = t.alike(name, used)
		f.kind, s.Fate = "renamed", "renamed"
	case p < .14:
		f.bare, s.Fate = true, "gone"
	case p < .24: // the licence's name is registered
		s.Name = "上海" + name + pick(t.rng, []string{"有限公司", "商贸有限公司", "餐饮管理有限公司", "店", "经营部"})
		s.SignName = s.Name
	case p < .30: // the branch is registered
		s.SignName = name + "（" + address[:len("演安路")] + "店）"
	case p < .35: // typed wrong
		s.SignName = t.mistyped(name)
		s.Name = s.SignName
	case p < .38: // the sign shows the trade too, or less
		f.name = shorter(name, t.rng)
	}
	t.truth.Shops = append(t.truth.Shops, s)
	return f
}

func round6(v float64) float64 { return math.Round(v*1e6) / 1e6 }

// name makes a name that no other front has, but for chains.
func (t *town) name(used map[string]bool) (name, line, business string) {
	if t.rng.Float64() < .06 {
		return pick(t.rng, chains()), "", "连锁"
	}
	for {
		k := pick(t.rng, trades())
		n := pick(t.rng, heads()) + pick(t.rng, k.ends)
		if !used[n] {
			used[n] = true
			return n, pick(t.rng, k.lines), k.business
		}
	}
}

// alike is another shop's name that shares a part with the one before.
func (t *town) alike(name string, used map[string]bool) string {
	r := []rune(name)
	for {
		k := pick(t.rng, trades())
		n := string(r[:2]) + pick(t.rng, k.ends)
		if t.rng.IntN(2) == 0 {
			n = pick(t.rng, heads()) + string(r[len(r)-2:])
		}
		if n != name && !used[n] {
			used[n] = true
			return n
		}
	}
}

func (t *town) mistyped(name string) string {
	r := []rune(name)
	table := swaps()
	for _, i := range t.rng.Perm(len(r)) {
		if c, ok := table[r[i]]; ok {
			r[i] = c
			return string(r)
		}
	}
	return name
}

func shorter(name string, rng *rand.Rand) string {
	r := []rune(name)
	if len(r) >= 5 && rng.IntN(2) == 0 {
		return string(r[:len(r)-2])
	}
	return name + pick(rng, []string{"总店", "旗舰店", "超市", "二店"})
}

// look is what one picture shows.
type look struct {
	spec    scene.StillSpec
	frame   Frame
	signs   []Sign
	quality int
}

// look takes a camera's view of neighbouring fronts, in some weather.
func (t *town) look(i int) look {
	rng := rand.New(rand.NewPCG(t.seed, 0x6c6f6f6b+uint64(i)))
	row := t.rows[i%len(t.rows)]
	n := min(5+rng.IntN(2), len(row))
	at := rng.IntN(len(row) - n + 1)
	shown := row[at : at+n]
	mid := shown[n/2]
	l := look{quality: 62 + rng.IntN(28)}
	// The camera hangs across the road.
	l.frame = Frame{File: fmt.Sprintf("f%05d.jpg", i), Camera: fmt.Sprintf("C%02d-%02d", i%len(t.rows), at),
		Lng: round6(mid.lng + rng.NormFloat64()*5*metreLng), Lat: round6(mid.lat + (14+4*rng.NormFloat64())*metreLat)}
	l.spec = scene.StillSpec{Seed: t.seed<<20 + uint64(i), Width: 1920, Height: 1080, Zoom: .62 + .38*rng.Float64(),
		Gain: 1, Noise: 1.5 + 2.5*rng.Float64(), Covered: map[int]float64{}}
	switch rng.IntN(7) {
	case 0:
		l.spec.Gain = .35 + .3*rng.Float64() // dusk
	case 1:
		l.spec.Blur = .8 + 1.2*rng.Float64()
	case 2:
		l.spec.Width, l.spec.Height = 1280, 720
	case 3:
		l.spec.Width, l.spec.Height = 960, 540
	}
	zoned := rng.Float64() < .6
	for k, f := range shown {
		if f.bare {
			// The place of the plate stays empty: a plate of no words.
			l.spec.Shops = append(l.spec.Shops, [2]string{" ", ""})
			l.signs = append(l.signs, Sign{Kind: "gone", Shop: f.shop})
			continue
		}
		l.spec.Shops = append(l.spec.Shops, [2]string{f.name, f.line})
		s := Sign{Name: f.name, Kind: f.kind, Shop: f.shop}
		if zoned && f.shop != "" {
			s.Bound = f.shop
		}
		if rng.Float64() < .05 {
			s.Covered = .15 + .35*rng.Float64()
			l.spec.Covered[k] = s.Covered
		}
		l.signs = append(l.signs, s)
	}
	return l
}
