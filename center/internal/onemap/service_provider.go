package onemap

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/onemap/geocode"
	"jiexun/center/internal/platform/blob"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

const secretPurpose = "map.key"

func secretPlace(code string) string { return "map_providers.secret:" + code }

// Provider is a service outside as people see it; its key is never given.
type Provider struct {
	Code      string      `json:"code"`
	Name      string      `json:"name"`
	Address   string      `json:"address"`
	HasKey    bool        `json:"hasKey"`
	Mode      string      `json:"mode" enum:"off,fake,real" doc:"fake: a stand-in answers"`
	Seq       int         `json:"seq" doc:"Order of preference"`
	TimeoutMs int         `json:"timeoutMs"`
	QuotaDay  int         `json:"quotaDay" doc:"0 without a limit"`
	Calls     int64       `json:"calls" doc:"Of today, by all centers"`
	Failed    int64       `json:"failed"`
	PausedTo  *time.Time  `json:"pausedTo" doc:"Not asked before: it failed too often"`
	Last      string      `json:"last" doc:"What went wrong last"`
	UpdatedAt clock.Stamp `json:"updatedAt"`
	UpdatedBy string      `json:"updatedBy"`
	Rev       int64       `json:"rev"`
}

// ProviderList gives the services in the order of preference.
func (s *Service) ProviderList(ctx context.Context) ([]Provider, error) {
	if _, err := access.Need(ctx, access.MapManage); err != nil {
		return nil, err
	}
	rows, err := providers(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	today, err := spentToday(ctx, s.db.Read(), clock.YMD(s.db.Now()))
	if err != nil {
		return nil, err
	}
	out := make([]Provider, len(rows))
	for i, r := range rows {
		h := s.outside.Health(r.Code)
		out[i] = Provider{
			Code: r.Code, Name: r.Name, Address: r.Address, HasKey: r.Secret != "", Mode: r.Mode, Seq: r.Seq, TimeoutMs: r.TimeoutMS, QuotaDay: r.QuotaDay,
			Calls: today[r.Code].Calls, Failed: today[r.Code].Failed, PausedTo: h.Until, Last: h.Word, UpdatedAt: r.UpdatedAt, UpdatedBy: r.UpdatedBy, Rev: r.Rev,
		}
	}
	return out, nil
}

// ProviderInput changes a service. An empty key keeps the old one.
type ProviderInput struct {
	Address   string `json:"address" maxLength:"300"`
	Key       string `json:"key,omitempty" maxLength:"200"`
	DropKey   bool   `json:"dropKey,omitempty"`
	Mode      string `json:"mode" enum:"off,fake,real"`
	Seq       int    `json:"seq" minimum:"1" maximum:"99"`
	TimeoutMs int    `json:"timeoutMs" minimum:"200" maximum:"10000"`
	QuotaDay  int    `json:"quotaDay" minimum:"0" maximum:"10000000"`
	Rev       int64  `json:"rev"`
}

// SaveProvider changes a service.
func (s *Service) SaveProvider(ctx context.Context, code string, in ProviderInput) error {
	who, err := access.Need(ctx, access.MapManage)
	if err != nil {
		return err
	}
	in.Address = strings.TrimSpace(in.Address)
	if u, err := url.Parse(in.Address); in.Address != "" && (err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.User != nil) {
		return errs.Invalidf("address", "地址要以 http:// 或 https:// 开头，不带用户名")
	}
	if in.Mode != "off" && in.Address == "" {
		return errs.Invalidf("address", "启用前请填写地址")
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		rows, err := providers(ctx, tx)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if r.Code != code {
				continue
			}
			was := map[string]any{"address": r.Address, "mode": r.Mode, "seq": r.Seq, "timeoutMs": r.TimeoutMS, "quotaDay": r.QuotaDay, "hasKey": r.Secret != ""}
			r.Address, r.Mode, r.Seq, r.TimeoutMS, r.QuotaDay, r.UpdatedBy, r.Rev = in.Address, in.Mode, in.Seq, in.TimeoutMs, in.QuotaDay, who.Name, in.Rev
			switch {
			case in.Key != "":
				if r.Secret, err = s.keys.Seal(secretPurpose, in.Key, secretPlace(code)); err != nil {
					return fmt.Errorf("seal a key: %w", err)
				}
			case in.DropKey:
				r.Secret = ""
			}
			if err := saveProvider(ctx, tx, r); err != nil {
				return err
			}
			if err := dropAnswers(ctx, tx, clock.At(tx.Now())+1, code); err != nil {
				return err
			}
			now := map[string]any{"address": r.Address, "mode": r.Mode, "seq": r.Seq, "timeoutMs": r.TimeoutMS, "quotaDay": r.QuotaDay, "hasKey": r.Secret != ""}
			return audit.Record(ctx, tx, audit.Entry{Act: "map.provider", Object: "map.provider", ObjectID: code, Summary: "修改地图服务“" + r.Name + "”", Before: was, After: now})
		}
		return errs.NotFound("地图服务")
	})
}

// settingsOf tells how a service that is switched on is reached.
func (s *Service) settingsOf(ctx context.Context, code string) (geocode.Settings, bool, error) {
	list, err := s.settingsList(ctx)
	for _, x := range list {
		if x.Code == code {
			return x, true, err
		}
	}
	return geocode.Settings{}, false, err
}

// settingsList gives the services that are switched on, the preferred first.
func (s *Service) settingsList(ctx context.Context) ([]geocode.Settings, error) {
	rows, err := providers(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := []geocode.Settings{}
	for _, r := range rows {
		if r.Mode == "off" || r.Address == "" || r.Code == "wmts" {
			continue
		}
		key := ""
		if r.Secret != "" {
			if key, err = s.keys.OpenOrPlain(secretPurpose, r.Secret, secretPlace(r.Code)); err != nil {
				return nil, fmt.Errorf("open the key of %s: %w", r.Code, err)
			}
		}
		out = append(out, geocode.Settings{Code: r.Code, Address: r.Address, Key: key, Timeout: time.Duration(r.TimeoutMS) * time.Millisecond, Quota: r.QuotaDay})
	}
	return out, nil
}

// Base is the customer's base map, if there is one.
type Base struct {
	// WMTS is a tile address with {z}, {x} and {y}; empty for the district
	// shapes alone.
	WMTS string `json:"wmts"`
}

// BaseMap gives the base map's address. A key in it is public by nature: the
// browser sends it.
func (s *Service) BaseMap(ctx context.Context) (Base, error) {
	if _, err := access.Need(ctx, access.MapView); err != nil {
		return Base{}, err
	}
	rows, err := providers(ctx, s.db.Read())
	if err != nil {
		return Base{}, err
	}
	for _, r := range rows {
		if r.Code == "wmts" && r.Mode != "off" {
			key := ""
			if r.Secret != "" {
				if key, err = s.keys.OpenOrPlain(secretPurpose, r.Secret, secretPlace(r.Code)); err != nil {
					return Base{}, fmt.Errorf("open the key of the base map: %w", err)
				}
			}
			return Base{WMTS: strings.ReplaceAll(r.Address, "{key}", url.QueryEscape(key))}, nil
		}
	}
	return Base{}, nil
}

// GeoPlace is what a service outside found, in every system that is asked
// for.
type GeoPlace struct {
	Standard string       `json:"standard"`
	District string       `json:"district"`
	Town     string       `json:"town"`
	Road     string       `json:"road"`
	Number   string       `json:"number"`
	Lng      float64      `json:"lng" doc:"WGS84"`
	Lat      float64      `json:"lat"`
	X        float64      `json:"x" doc:"Shanghai 2000 by the default profile"`
	Y        float64      `json:"y"`
	System   coord.System `json:"system" doc:"The service's own system"`
	RawX     float64      `json:"rawX"`
	RawY     float64      `json:"rawY"`
	Score    int          `json:"score"`
	Level    string       `json:"level"`
}

// GeoAnswer is the one form in which every service answers.
type GeoAnswer struct {
	// Source is the service that found it, local for the own index, empty
	// when nobody knows the place.
	Source  string        `json:"source"`
	Cached  bool          `json:"cached"`
	Items   []GeoPlace    `json:"items"`
	Tries   []geocode.Try `json:"tries" doc:"Every service that was asked, with what became of it"`
	Profile string        `json:"profile"`
	// Failed tells that no service answered at all: nothing found means
	// nothing then.
	Failed bool `json:"failed"`
}

// cacheFor is how long an answer is kept.
const cacheFor = 30 * 24 * time.Hour

// Geocode asks the services outside, in the order of preference, what an
// address means; the own index comes last. By names one service alone.
func (s *Service) Geocode(ctx context.Context, address, by string) (GeoAnswer, error) {
	if _, err := access.Need(ctx, access.MapView); err != nil {
		return GeoAnswer{}, err
	}
	address = strings.TrimSpace(address)
	if n := len([]rune(address)); n < 2 || n > 120 {
		return GeoAnswer{}, errs.Invalidf("address", "地址要有 2 到 120 个字，现在是 %d 个", n)
	}
	all := geocode.Providers(s.client)
	return s.ask(ctx, "geo|"+by+"|"+address, by, func(ctx context.Context, set geocode.Settings) ([]geocode.Place, error) {
		return all[set.Code].Geocode(ctx, set, address)
	}, func() ([]GeoPlace, error) {
		f, err := s.fuse(ctx, address, 5)
		if err != nil {
			return nil, err
		}
		return f.places(), nil
	})
}

// Reverse asks what stands at a place.
func (s *Service) Reverse(ctx context.Context, system coord.System, x, y float64, by string) (GeoAnswer, error) {
	if _, err := access.Need(ctx, access.MapView); err != nil {
		return GeoAnswer{}, err
	}
	p, err := s.profileFor(ctx, "")
	if err != nil {
		return GeoAnswer{}, err
	}
	lng, lat, err := coord.With(p.Params).ToWGS(system, x, y)
	if err != nil {
		return GeoAnswer{}, errs.Invalidf("x", "%s", err.Error())
	}
	all := geocode.Providers(s.client)
	return s.ask(ctx, fmt.Sprintf("rev|%s|%.6f|%.6f", by, lng, lat), by, func(ctx context.Context, set geocode.Settings) ([]geocode.Place, error) {
		return all[set.Code].Reverse(ctx, set, lng, lat)
	}, func() ([]GeoPlace, error) { return s.nearest(ctx, lng, lat) })
}

// ask looks into the kept answers, asks the services, and then the own index.
func (s *Service) ask(ctx context.Context, question, by string, outside func(context.Context, geocode.Settings) ([]geocode.Place, error), own func() ([]GeoPlace, error)) (GeoAnswer, error) {
	out := GeoAnswer{Items: []GeoPlace{}, Tries: []geocode.Try{}}
	p, err := s.profileFor(ctx, "")
	if err != nil {
		return out, err
	}
	out.Profile = fmt.Sprintf("%s@%d", p.Params.Code, p.Version)
	list, err := s.settingsList(ctx)
	if err != nil {
		return out, err
	}
	if list, err = only(list, by); err != nil {
		return out, err
	}
	var found []geocode.Place
	digest := blob.Digest([]byte(question))
	if body, ok, err := cached(ctx, s.db.Read(), digest, clock.At(s.db.Now().Add(-cacheFor))); err != nil {
		return out, err
	} else if ok && len(list) > 0 {
		var kept struct {
			Source string
			Places []geocode.Place
		}
		if json.Unmarshal([]byte(body), &kept) == nil {
			found, out.Source, out.Cached = kept.Places, kept.Source, true
		}
	}
	if !out.Cached && len(list) > 0 {
		found, out.Source, out.Tries = s.outside.Ask(ctx, list, s.metered(outside))
		if err := s.remember(ctx, digest, out, found); err != nil {
			return out, err
		}
	}
	for _, f := range found {
		if g, err := s.geoPlace(p, f); err == nil {
			out.Items = append(out.Items, g)
		}
	}
	out.Failed = len(out.Tries) > 0
	for _, t := range out.Tries {
		out.Failed = out.Failed && t.Fault != ""
	}
	if len(out.Items) == 0 && (by == "" || by == "local") {
		items, err := own()
		if err != nil {
			return out, err
		}
		if len(items) > 0 {
			out.Items, out.Source, out.Failed = items, "local", false
		}
		out.Tries = append(out.Tries, geocode.Try{Code: "local", Found: len(items)})
	}
	return out, nil
}

// only leaves the one service that was named.
func only(list []geocode.Settings, by string) ([]geocode.Settings, error) {
	if by == "" {
		return list, nil
	}
	for _, x := range list {
		if x.Code == by {
			return []geocode.Settings{x}, nil
		}
	}
	if by == "local" {
		return nil, nil
	}
	return nil, errs.Invalidf("by", "服务 %q 没有启用", by)
}

// metered counts calls across all centers and keeps to the quota.
func (s *Service) metered(ask func(context.Context, geocode.Settings) ([]geocode.Place, error)) func(context.Context, geocode.Settings) ([]geocode.Place, error) {
	return func(ctx context.Context, set geocode.Settings) ([]geocode.Place, error) {
		var n int64
		err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) (err error) {
			n, err = spend(ctx, tx, set.Code, clock.YMD(tx.Now()), false)
			return err
		})
		if err != nil {
			return nil, err
		}
		if set.Quota > 0 && n > int64(set.Quota) {
			return nil, &geocode.Fault{Provider: set.Code, Kind: geocode.Quota, Detail: "达到设定的每日上限"}
		}
		found, err := ask(ctx, set)
		if err != nil {
			if e := s.db.InTx(context.WithoutCancel(ctx), func(ctx context.Context, tx db.Tx) error {
				_, err := spend(ctx, tx, set.Code, clock.YMD(tx.Now()), true)
				return err
			}); e != nil {
				s.log.Error("a failed call was not counted", "service", set.Code, "err", e)
			}
		}
		return found, err
	}
}

// remember keeps an answer; a question that nobody answered is asked again.
func (s *Service) remember(ctx context.Context, digest string, out GeoAnswer, found []geocode.Place) error {
	for _, t := range out.Tries {
		if t.Fault != "" && len(found) == 0 {
			return nil
		}
	}
	body, err := json.Marshal(map[string]any{"Source": out.Source, "Places": found})
	if err != nil {
		return fmt.Errorf("keep an answer: %w", err)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return keepAnswer(ctx, tx, digest, out.Source, string(body))
	})
}

// Sweep drops answers that are too old; a job calls it.
func (s *Service) Sweep(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return dropAnswers(ctx, tx, clock.At(tx.Now().Add(-cacheFor)), "")
	})
}

func (s *Service) geoPlace(p Profile, f geocode.Place) (GeoPlace, error) {
	c := coord.With(p.Params)
	lng, lat, err := c.ToWGS(f.System, f.X, f.Y)
	if err != nil {
		return GeoPlace{}, err
	}
	x, y, err := c.FromWGS(coord.SH2000, lng, lat)
	if err != nil {
		return GeoPlace{}, err
	}
	g := GeoPlace{Standard: f.Standard, District: f.District, Town: f.Town, Road: f.Road, Number: f.Number, Lng: lng, Lat: lat, X: x, Y: y, System: f.System, RawX: f.X, RawY: f.Y, Score: f.Score, Level: f.Level}
	if g.District == "" {
		g.District = s.regions.Name(s.districtAt(lng, lat))
	}
	return g, nil
}
