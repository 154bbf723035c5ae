package onemap

import (
	"context"
	"fmt"
	"math"
	"sort"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/onemap/address"
	"jiexun/center/internal/onemap/tile"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// AddressHit is an address that may be meant.
type AddressHit struct {
	Standard   string        `json:"standard"`
	Parts      address.Parts `json:"parts"`
	RegionCode string        `json:"regionCode"`
	District   string        `json:"district"`
	Street     string        `json:"street"`
	Lng        float64       `json:"lng" doc:"WGS84"`
	Lat        float64       `json:"lat"`
	X          float64       `json:"x" doc:"Shanghai 2000 by the default profile"`
	Y          float64       `json:"y"`
	// Score is from 0 to 100; Level says what was matched: number, between
	// (two known numbers), near (the nearest known number), road.
	Score  int    `json:"score"`
	Level  string `json:"level" enum:"number,between,near,road"`
	Why    string `json:"why"`
	Source string `json:"source" doc:"shop, camera or file"`
	Ref    string `json:"ref"`
}

// Fused is what a free text means.
type Fused struct {
	Text    string        `json:"text"`
	Parts   address.Parts `json:"parts" doc:"As it was read"`
	OK      bool          `json:"ok"`
	Best    *AddressHit   `json:"best"`
	Others  []AddressHit  `json:"others"`
	Profile string        `json:"profile"`
	Source  string        `json:"source" enum:"customer,local,"`
	Note    string        `json:"note"`
}

func (f Fused) places() []GeoPlace {
	out := []GeoPlace{}
	add := func(h AddressHit) {
		out = append(out, GeoPlace{Standard: h.Standard, District: h.District, Town: h.Street, Road: h.Parts.Road, Number: numberText(h.Parts), Lng: h.Lng, Lat: h.Lat, X: h.X, Y: h.Y, System: coord.WGS84, RawX: h.Lng, RawY: h.Lat, Score: h.Score, Level: h.Level})
	}
	if f.Best != nil {
		add(*f.Best)
	}
	for _, h := range f.Others {
		add(h)
	}
	return out
}

func numberText(p address.Parts) string {
	if p.Number == 0 {
		return ""
	}
	return fmt.Sprintf("%d号%s", p.Number, p.Suffix)
}

// FuseMost is the number of texts of one question.
const FuseMost = 1000

// Fuse reads a free text: the standard address, where it lies in Shanghai
// 2000, how sure that is, and what else may be meant.
func (s *Service) Fuse(ctx context.Context, text string, limit int) (Fused, error) {
	if _, err := access.Need(ctx, access.MapView); err != nil {
		return Fused{}, err
	}
	if n := len([]rune(strings.TrimSpace(text))); n < 2 || n > 120 {
		return Fused{}, errs.Invalidf("text", "地址要有 2 到 120 个字，现在是 %d 个", n)
	}
	return s.fuse(ctx, text, limit)
}

// FuseAll reads many texts. A text that cannot be read says so alone.
func (s *Service) FuseAll(ctx context.Context, texts []string, limit int) ([]Fused, error) {
	if _, err := access.Need(ctx, access.MapView); err != nil {
		return nil, err
	}
	if len(texts) == 0 || len(texts) > FuseMost {
		return nil, errs.Invalidf("texts", "一次要有 1 到 %d 条地址，现在是 %d 条", FuseMost, len(texts))
	}
	out := make([]Fused, len(texts))
	for i, t := range texts {
		if n := len([]rune(strings.TrimSpace(t))); n < 2 || n > 120 {
			out[i] = Fused{Text: t, Others: []AddressHit{}, Note: "地址要有 2 到 120 个字"}
			continue
		}
		f, err := s.fuse(ctx, t, limit)
		if err != nil {
			return nil, err
		}
		out[i] = f
	}
	return out, nil
}

// Locate gives the best place of a free text, for other domains. Ok is false
// when nothing fits.
func (s *Service) Locate(ctx context.Context, text string) (lng, lat float64, standard string, score float64, ok bool, err error) {
	f, err := s.fuse(ctx, text, 1)
	if err != nil || f.Best == nil {
		return 0, 0, "", 0, false, err
	}
	return f.Best.Lng, f.Best.Lat, f.Best.Standard, float64(f.Best.Score) / 100, true, nil
}

func (s *Service) fuse(ctx context.Context, text string, limit int) (Fused, error) {
	x, err := s.roadBook(ctx)
	if err != nil {
		return Fused{}, err
	}
	p, err := s.profileFor(ctx, "")
	if err != nil {
		return Fused{}, err
	}
	out := Fused{Text: text, Parts: x.book.Parse(text), Others: []AddressHit{}, Profile: fmt.Sprintf("%s@%d", p.Params.Code, p.Version)}
	hits := []AddressHit{}
	name := out.Parts.Road
	if name == "" {
		name = out.Parts.Village
	}
	if name != "" {
		for _, l := range x.find(name, 6) {
			list, err := s.onRoad(ctx, l, out.Parts)
			if err != nil {
				return out, err
			}
			hits = append(hits, list...)
		}
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].Score > hits[j].Score })
	hits = distinct(hits)
	for i := range hits {
		h := &hits[i]
		if h.X, h.Y, err = coord.With(p.Params).FromWGS(coord.SH2000, h.Lng, h.Lat); err != nil {
			return out, fmt.Errorf("place %s in the plane: %w", h.Standard, err)
		}
	}
	if len(hits) == 0 {
		out.Note = "地址库里没有相近的道路或门牌"
		return out, nil
	}
	out.OK, out.Source, out.Best = true, "local", &hits[0]
	out.Others = hits[1:min(len(hits), max(limit, 1))]
	return out, nil
}

// distinct keeps the best of each standard address.
func distinct(list []AddressHit) []AddressHit {
	seen := map[string]bool{}
	out := []AddressHit{}
	for _, h := range list {
		if !seen[h.Standard] {
			seen[h.Standard] = true
			out = append(out, h)
		}
	}
	return out
}

// around is how many numbers on either side of a house number are looked at.
const around = 80

// onRoad finds what an address may mean on one road.
func (s *Service) onRoad(ctx context.Context, l likely, p address.Parts) ([]AddressHit, error) {
	lane, num := p.LaneKey(), p.Number
	if num == 0 && lane == "" {
		return []AddressHit{s.wholeRoad(l, p)}, nil
	}
	from, to := num-around, num+around
	if num == 0 {
		from, to = 0, math.MaxInt32
	}
	rows, err := addressesOf(ctx, s.db.Read(), l.road.Road, lane, from, to)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 && lane != "" { // the lane is known by other numbers
		if rows, err = addressesOf(ctx, s.db.Read(), l.road.Road, lane, 0, math.MaxInt32); err != nil {
			return nil, err
		}
	}
	hits := []AddressHit{}
	for _, r := range rows {
		if num == 0 || r.Num == num {
			hits = append(hits, s.exact(l, p, r))
		}
	}
	if len(hits) > 0 {
		return hits, nil
	}
	if h, ok := s.between(l, p, rows); ok {
		return []AddressHit{h}, nil
	}
	return []AddressHit{s.wholeRoad(l, p)}, nil
}

// points of a score: the road's name, the number, and the district.
const (
	roadPoints   = 55
	numberPoints = 35
	placePoints  = 10
)

// score adds up how sure a match is.
func (s *Service) score(l likely, p address.Parts, region string, number float64) (int, []string) {
	why := []string{}
	sum := roadPoints*l.sim + number
	if l.sim < 1 {
		why = append(why, fmt.Sprintf("路名“%s”按“%s”匹配", p.Road+p.Village, l.road.Road))
	}
	switch district := s.regions.Name(s.regions.District(region)); p.District {
	case "", district:
		sum += placePoints
	default:
		sum -= 15
		why = append(why, "所在区是"+district+"，不是"+p.District)
	}
	return int(math.Round(min(max(sum, 0), 100))), why
}

func (s *Service) hit(l likely, p address.Parts, region string, lng, lat float64) AddressHit {
	if region == "" {
		region = s.districtAt(lng, lat)
	}
	p.Road, p.District = l.road.Road, s.regions.Name(s.regions.District(region))
	p.Town = s.regions.Street(region)
	return AddressHit{Standard: p.Standard(), Parts: p, RegionCode: region, District: p.District, Street: p.Town, Lng: lng, Lat: lat}
}

func (s *Service) exact(l likely, p address.Parts, r addressRow) AddressHit {
	q := p
	if p.Number == 0 {
		q.Number, q.Suffix = r.Num, r.Suffix
	}
	h := s.hit(l, q, r.RegionCode, r.Lng, r.Lat)
	points := float64(numberPoints)
	var why []string
	if p.Suffix != r.Suffix {
		points -= 4
		why = append(why, "门牌后缀不同")
	}
	if p.Number == 0 {
		points -= 12
		why = append(why, "只写到弄")
	}
	n, more := s.score(l, p, r.RegionCode, points)
	h.Score, h.Level, h.Source, h.Ref = n, "number", r.Source, r.Ref
	h.Why = strings.Join(append([]string{"门牌一致"}, append(why, more...)...), "；")
	return h
}

// between places a number by its known neighbours on the same side.
func (s *Service) between(l likely, p address.Parts, rows []addressRow) (AddressHit, bool) {
	var low, high, nearest *addressRow
	for i := range rows {
		r := &rows[i]
		if r.Num == 0 {
			continue
		}
		if nearest == nil || abs(r.Num-p.Number) < abs(nearest.Num-p.Number) {
			nearest = r
		}
		if r.Num%2 != p.Number%2 {
			continue
		}
		if r.Num < p.Number {
			low = r
		} else if high == nil {
			high = r
		}
	}
	if nearest == nil {
		return AddressHit{}, false
	}
	if low != nil && high != nil && coord.Metres(low.Lng, low.Lat, high.Lng, high.Lat) < 800 {
		t := float64(p.Number-low.Num) / float64(high.Num-low.Num)
		h := s.hit(l, p, low.RegionCode, low.Lng+t*(high.Lng-low.Lng), low.Lat+t*(high.Lat-low.Lat))
		n, why := s.score(l, p, low.RegionCode, numberPoints-10)
		h.Score, h.Level, h.Source, h.Ref = n, "between", low.Source, low.Ref
		h.Why = strings.Join(append([]string{fmt.Sprintf("在 %d 号和 %d 号之间推算", low.Num, high.Num)}, why...), "；")
		return h, true
	}
	h := s.hit(l, p, nearest.RegionCode, nearest.Lng, nearest.Lat)
	n, why := s.score(l, p, nearest.RegionCode, numberPoints-20)
	h.Score, h.Level, h.Source, h.Ref = n, "near", nearest.Source, nearest.Ref
	h.Why = strings.Join(append([]string{fmt.Sprintf("最近的已知门牌是 %d 号", nearest.Num)}, why...), "；")
	return h, true
}

func abs(n int) int { return max(n, -n) }

// wholeRoad is the middle of a road's addresses.
func (s *Service) wholeRoad(l likely, p address.Parts) AddressHit {
	h := s.hit(l, address.Parts{}, l.road.Region, l.road.Lng, l.road.Lat)
	h.Parts.Town, h.Street = "", ""
	h.Standard = h.Parts.Standard()
	n, why := s.score(l, p, l.road.Region, 0)
	h.Score, h.Level, h.Source = n, "road", ""
	h.Why = strings.Join(append([]string{"只匹配到道路"}, why...), "；")
	return h
}

// nearest gives the known addresses around a place, the nearest first.
func (s *Service) nearest(ctx context.Context, lng, lat float64) ([]GeoPlace, error) {
	const d = 0.0025 // about 250 m
	rows, err := addressesNear(ctx, s.db.Read(), tile.Cover(lng-d, lat-d, lng+d, lat+d, 16), 3000)
	if err != nil {
		return nil, err
	}
	sort.Slice(rows, func(i, j int) bool {
		return coord.Metres(lng, lat, rows[i].Lng, rows[i].Lat) < coord.Metres(lng, lat, rows[j].Lng, rows[j].Lat)
	})
	out := []GeoPlace{}
	for _, r := range rows[:min(len(rows), 5)] {
		m := coord.Metres(lng, lat, r.Lng, r.Lat)
		if m > 250 {
			break
		}
		x, y, _, err := s.Plane(ctx, r.Lng, r.Lat)
		if err != nil {
			return nil, err
		}
		out = append(out, GeoPlace{
			Standard: r.Standard, District: s.regions.Name(s.regions.District(r.RegionCode)), Town: s.regions.Street(r.RegionCode), Road: r.Road,
			Number: fmt.Sprintf("%d号%s", r.Num, r.Suffix), Lng: r.Lng, Lat: r.Lat, X: x, Y: y, System: coord.WGS84, RawX: r.Lng, RawY: r.Lat,
			Score: int(math.Round(max(0, 100-m/2.5))), Level: fmt.Sprintf("%.0f 米", m),
		})
	}
	return out, nil
}

// indexAddresses keeps the index true to the objects of a layer.
func (s *Service) indexAddresses(ctx context.Context, tx db.Tx, layer string, put []objectRow, gone []string) error {
	if layer != LayerShop && layer != LayerCamera {
		return nil
	}
	b := s.book()
	rows, drop := []addressRow{}, []string{}
	for _, id := range gone {
		drop = append(drop, layer+":"+id)
	}
	for _, o := range put {
		r, ok := addressOf(b, layer, o.ID, o.Note, o.RegionCode, o.Lng, o.Lat)
		if !ok {
			drop = append(drop, layer+":"+o.ID)
			continue
		}
		rows = append(rows, r)
	}
	if err := dropAddresses(ctx, tx, drop); err != nil {
		return err
	}
	return putAddresses(ctx, tx, rows)
}

// addressOf reads an address into a row; without a road or village it is of
// no use.
func addressOf(b address.Book, source, ref, text, region string, lng, lat float64) (addressRow, bool) {
	p := b.Parse(text)
	name := p.Road
	if name == "" {
		name = p.Village
	}
	if name == "" || p.Number == 0 && p.Lane == 0 {
		return addressRow{}, false
	}
	return addressRow{
		ID: source + ":" + ref, Source: source, Ref: ref, Text: text, Standard: p.Standard(), RegionCode: region, Road: name, Lane: p.LaneKey(),
		Num: p.Number, Suffix: p.Suffix, Building: p.Building, Room: p.Room, Lng: lng, Lat: lat, QK: tile.Code(lng, lat, tile.Zoom17),
	}, true
}
