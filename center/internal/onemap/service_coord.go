package onemap

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/onemap/geocode"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// ConvertMost is the number of places of one question.
const ConvertMost = 1000

// CoordPoint is a place to convert; a number that is missing is refused for
// this place alone.
type CoordPoint struct {
	ID string   `json:"id,omitempty" maxLength:"64" doc:"Given back as it came"`
	X  *float64 `json:"x" doc:"Longitude, or the first number of the profile's axis order"`
	Y  *float64 `json:"y" doc:"Latitude, or the second number"`
}

// CoordResult is a place as converted, or why not.
type CoordResult struct {
	ID      string   `json:"id,omitempty"`
	OK      bool     `json:"ok"`
	X       *float64 `json:"x"`
	Y       *float64 `json:"y"`
	Code    string   `json:"code,omitempty" doc:"nan, zero, swapped, units, outside, convergence, refused"`
	Message string   `json:"message,omitempty"`
}

// CoordAnswer says what was converted, by whom and with which parameters.
type CoordAnswer struct {
	From coord.System `json:"from"`
	To   coord.System `json:"to"`
	// Source is customer, the service of the customer, or local.
	Source string `json:"source" enum:"customer,local"`
	// Note says why it is local although a service is configured.
	Note           string        `json:"note"`
	Profile        string        `json:"profile" doc:"Profile of Shanghai 2000 with its version, for example A@1; empty when none was needed"`
	ProfileName    string        `json:"profileName"`
	Verified       bool          `json:"verified" doc:"The customer has confirmed the profile"`
	Axis           string        `json:"axis" doc:"Order of plane coordinates: EN or NE"`
	Items          []CoordResult `json:"items"`
	Converted      int           `json:"converted"`
	Refused        int           `json:"refused"`
	ProfileWarning string        `json:"profileWarning"`
}

// Convert changes places from one system to another: by the customer's
// service when one is configured and answers, else by the local parameters.
// Profile is a code such as A or C@2; empty is the default.
func (s *Service) Convert(ctx context.Context, from, to coord.System, profile string, points []CoordPoint) (CoordAnswer, error) {
	if _, err := access.Need(ctx, access.MapView); err != nil {
		return CoordAnswer{}, err
	}
	var f errs.Fields
	f.Check(from.Known(), "from", "不认识坐标系 %q，可用 wgs84、cgcs2000、gcj02、bd09、sh2000", string(from))
	f.Check(to.Known(), "to", "不认识坐标系 %q，可用 wgs84、cgcs2000、gcj02、bd09、sh2000", string(to))
	f.Check(len(points) > 0 && len(points) <= ConvertMost, "points", "一次要有 1 到 %d 个点，现在是 %d 个", ConvertMost, len(points))
	if err := f.Err(); err != nil {
		return CoordAnswer{}, err
	}
	out := CoordAnswer{From: from, To: to, Source: "local", Items: make([]CoordResult, len(points))}
	p, err := s.profileFor(ctx, profile)
	if err != nil {
		return CoordAnswer{}, err
	}
	if from.Plane() || to.Plane() {
		out.Profile, out.ProfileName, out.Verified, out.Axis = fmt.Sprintf("%s@%d", p.Params.Code, p.Version), p.Params.Name, p.Params.Verified, string(p.Params.Axis)
		if !p.Params.Verified {
			out.ProfileWarning = "这个参数档未经甲方核实（" + p.Params.Source + "）"
		}
	}
	good := s.local(coord.With(p.Params), from, to, points, &out)
	if profile == "" && len(good) > 0 {
		s.byCustomer(ctx, from, to, points, good, &out)
	}
	for _, r := range out.Items {
		if r.OK {
			out.Converted++
		} else {
			out.Refused++
		}
	}
	return out, nil
}

// local converts with the parameters and gives which places are sound.
func (s *Service) local(c coord.Converter, from, to coord.System, points []CoordPoint, out *CoordAnswer) []int {
	good := []int{}
	for i, q := range points {
		r := &out.Items[i]
		r.ID = q.ID
		if q.X == nil || q.Y == nil {
			r.Code, r.Message = string(coord.NotANumber), "缺少坐标"
			continue
		}
		x, y, err := c.Convert(from, to, *q.X, *q.Y)
		if e := (*coord.Error)(nil); errors.As(err, &e) {
			r.Code, r.Message = string(e.Code), e.Message
			continue
		}
		r.OK, r.X, r.Y = true, &x, &y
		good = append(good, i)
	}
	return good
}

// byCustomer replaces the local results by the customer's, when it answers.
func (s *Service) byCustomer(ctx context.Context, from, to coord.System, points []CoordPoint, good []int, out *CoordAnswer) {
	set, ok, err := s.settingsOf(ctx, "customer")
	if err != nil || !ok {
		return
	}
	ask := make([][2]float64, len(good))
	for i, k := range good {
		ask[i] = [2]float64{*points[k].X, *points[k].Y}
	}
	var got []*[2]float64
	fault := s.outside.Once(ctx, set, func(ctx context.Context, set geocode.Settings) (err error) {
		got, err = geocode.Convert(ctx, s.client, set, from, to, ask)
		return err
	})
	if fault != nil {
		out.Note = "市“一张图”坐标服务" + fault.Word() + "，已用本地参数换算"
		return
	}
	out.Source, out.Profile, out.ProfileName, out.ProfileWarning, out.Verified = "customer", "", "市“一张图”坐标服务", "", true
	for i, k := range good {
		r := &out.Items[k]
		if got[i] == nil {
			r.OK, r.X, r.Y, r.Code, r.Message = false, nil, nil, "refused", "市“一张图”坐标服务没有换算这个点"
			continue
		}
		r.X, r.Y = &got[i][0], &got[i][1]
	}
}

// profileFor finds a profile by code and version, the default for "".
func (s *Service) profileFor(ctx context.Context, name string) (Profile, error) {
	list, err := profiles(ctx, s.db.Read())
	if err != nil {
		return Profile{}, err
	}
	def, err := setting(ctx, s.db.Read(), defaultProfile)
	if err != nil {
		return Profile{}, err
	}
	if name == "" {
		name = def
	}
	code, version, _ := strings.Cut(name, "@")
	for _, r := range list { // newest first
		if r.Code == code && (version == "" || version == fmt.Sprint(r.Version)) {
			p, err := r.profile()
			p.Default = r.Code == def
			return p, err
		}
	}
	return Profile{}, errs.Invalidf("profile", "没有参数档 %q", name)
}

// Plane gives a WGS 84 place in Shanghai 2000 by the default profile.
func (s *Service) Plane(ctx context.Context, lng, lat float64) (x, y float64, profile string, err error) {
	p, err := s.profileFor(ctx, "")
	if err != nil {
		return 0, 0, "", err
	}
	x, y, err = coord.With(p.Params).Convert(coord.WGS84, coord.SH2000, lng, lat)
	return x, y, fmt.Sprintf("%s@%d", p.Params.Code, p.Version), err
}

// ProfileList gives the newest version of every profile, or all versions of
// one.
func (s *Service) ProfileList(ctx context.Context, code string) ([]Profile, error) {
	if err := needAny(ctx, access.MapView, access.MapManage); err != nil {
		return nil, err
	}
	rows, err := profiles(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	def, err := setting(ctx, s.db.Read(), defaultProfile)
	if err != nil {
		return nil, err
	}
	count := map[string]int{}
	for _, r := range rows {
		count[r.Code]++
	}
	out := []Profile{}
	for _, r := range rows {
		if code != "" && r.Code != code || code == "" && len(out) > 0 && out[len(out)-1].Params.Code == r.Code {
			continue
		}
		p, err := r.profile()
		if err != nil {
			return nil, err
		}
		p.Default, p.Versions = r.Code == def, count[r.Code]
		out = append(out, p)
	}
	return out, nil
}

func needAny(ctx context.Context, perms ...string) error {
	var err error
	for _, p := range perms {
		if _, err = access.Need(ctx, p); err == nil {
			return nil
		}
	}
	return err
}

// ProfileInput is a new version of a profile.
type ProfileInput struct {
	Params   coord.Profile   `json:"params"`
	Controls []coord.Control `json:"controls" maxItems:"200"`
	// Refit makes the four parameters from the control points.
	Refit   bool   `json:"refit"`
	Reason  string `json:"reason" maxLength:"400"`
	Version int    `json:"version" doc:"The version that was edited; 0 for a new profile"`
}

// FitOf tries control points on a profile and saves nothing.
func (s *Service) FitOf(ctx context.Context, p coord.Profile, points []coord.Control) (coord.Fit, error) {
	if _, err := access.Need(ctx, access.MapManage); err != nil {
		return coord.Fit{}, err
	}
	fit, err := coord.FitHelmert(p, points)
	if err != nil {
		return coord.Fit{}, errs.Invalidf("controls", "%s", err.Error())
	}
	return fit, nil
}

// SaveProfile adds a version of a profile. A profile is verified only when
// three control points or more were fitted and a reason says who confirmed.
func (s *Service) SaveProfile(ctx context.Context, in ProfileInput) (Profile, error) {
	who, err := access.Need(ctx, access.MapManage)
	if err != nil {
		return Profile{}, err
	}
	p := Profile{Version: in.Version + 1, Params: in.Params, Controls: in.Controls, Reason: strings.TrimSpace(in.Reason)}
	if len(in.Controls) > 0 {
		fit, err := coord.FitHelmert(in.Params, in.Controls)
		if err != nil {
			return Profile{}, errs.Invalidf("controls", "%s", err.Error())
		}
		if in.Refit {
			p.Params.Helmert, p.Fit = fit.Helmert, &fit
		}
	}
	var f errs.Fields
	for field, msg := range p.Params.Check() {
		f.Add("params."+field, "%s", msg)
	}
	f.Check(p.Params.Code != "" && len(p.Params.Code) <= 12 && !strings.ContainsAny(p.Params.Code, "@ \t\n"), "params.code", "代号要有 1 到 12 个字符，不能有空格和 @")
	f.Check(p.Params.Name != "" && len([]rune(p.Params.Name)) <= 40, "params.name", "请填写名称，最多 40 字")
	f.Check(p.Params.Source != "" && len([]rune(p.Params.Source)) <= 200, "params.source", "请填写参数来源，最多 200 字")
	f.Check(p.Reason != "", "reason", "请写明为什么改")
	if p.Params.Verified {
		f.Check(p.Fit != nil && p.Fit.Checked, "params.verified", "标为已核实要有 3 个以上控制点的拟合结果")
	}
	if err := f.Err(); err != nil {
		return Profile{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		list, err := profiles(ctx, tx)
		if err != nil {
			return err
		}
		last := 0
		for _, r := range list {
			if r.Code == p.Params.Code {
				last = max(last, r.Version)
			}
		}
		if last != in.Version {
			return errs.Conflict("这个参数档已经有第 " + fmt.Sprint(last) + " 版，请刷新后再改")
		}
		r, err := rowOfProfile(p, who.ID, who.Name, clock.At(tx.Now()))
		if err != nil {
			return err
		}
		if err := insertProfile(ctx, tx, r); err != nil {
			return err
		}
		p.ID, p.MadeAt, p.MadeName = r.ID, r.MadeAt, r.MadeName
		return audit.Record(ctx, tx, audit.Entry{Act: "map.profile", Object: "map.profile", ObjectID: p.Params.Code, Summary: fmt.Sprintf("坐标参数档 %s 第 %d 版", p.Params.Name, p.Version), Reason: p.Reason, After: p.Params})
	})
	return p, err
}

// UseProfile makes a profile the default.
func (s *Service) UseProfile(ctx context.Context, code, reason string) error {
	if _, err := access.Need(ctx, access.MapManage); err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return errs.Invalidf("reason", "请写明为什么改默认参数档")
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		list, err := profiles(ctx, tx)
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(list, func(r profileRow) bool { return r.Code == code }) {
			return errs.NotFound("参数档")
		}
		was, err := setting(ctx, tx, defaultProfile)
		if err != nil {
			return err
		}
		if err := setSetting(ctx, tx, defaultProfile, code); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "map.profile.default", Object: "map.profile", ObjectID: code, Summary: "默认坐标参数档改为 " + code, Reason: reason, Before: was, After: code})
	})
}
