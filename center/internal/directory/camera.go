// Package directory knows the cameras: where they are, on which box they run,
// whether they may give legal evidence, what is judged inside which zone, and
// how each of them is. From that it makes the desired state of every box.
package directory

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// Legal is the review of a camera after article 41 of the penalty law: legal
// and technical review, a published place, and how long the review holds.
type Legal struct {
	Status      string // approved | pending | expired
	PublishedAt *clock.Stamp
	ValidTo     *clock.Stamp
	Note        string
}

// Uses of what a camera sees.
const (
	UseEvidence = "evidence"
	UseClue     = "clue"
)

func day(s clock.Stamp) string { return s.Time().In(clock.Shanghai()).Format(time.DateOnly) }

// At tells whether a recognition at a moment may be evidence or only a clue,
// and why, in a sentence for people.
func (l Legal) At(at time.Time) (use, reason string) {
	const law = "（行政处罚法第四十一条）"
	now := clock.At(at)
	switch {
	case l.Status == "expired":
		return UseClue, "点位的法制和技术审核已失效，仅作线索" + law
	case l.Status != "approved":
		return UseClue, "点位尚未通过法制和技术审核，仅作线索" + law
	case l.PublishedAt == nil || *l.PublishedAt > now:
		return UseClue, "点位设置地点尚未向社会公布，仅作线索" + law
	case l.ValidTo != nil && *l.ValidTo <= now:
		return UseClue, "点位审核有效期已于 " + day(*l.ValidTo) + " 届满，仅作线索" + law
	}
	reason = "点位已审核、已公示（" + day(*l.PublishedAt) + "）"
	if l.ValidTo != nil {
		reason += "，有效至 " + day(*l.ValidTo)
	}
	return UseEvidence, reason
}

// Camera is one camera. URL and SubURL hold no credentials.
type Camera struct {
	ID           string
	Code         string
	Name         string
	Address      string
	RegionCode   string
	RegionName   string
	StreetName   string
	Lng, Lat     float64
	BoxID        string
	URL, SubURL  string
	Username     string
	Password     string
	Transport    string
	IntervalMS   int64
	SquadOrgID   string
	ReferenceSM3 string
	Tags         []string
	Legal        Legal
	Snapshot     Snapshot
	DeletedAt    *clock.Stamp
	ZonesRev     int64
	Rev          int64
}

// Snapshot is the last picture that a person asked for; SM3 is empty when
// there is none.
type Snapshot struct {
	SM3           string
	Width, Height int
	At            *clock.Stamp
}

// CameraInput is what a person writes about a camera. An empty password keeps
// the stored one.
type CameraInput struct {
	Code, Name, Address string
	RegionCode          string
	Lng, Lat            float64
	BoxID               string
	URL, SubURL         string
	Username            string
	Password            string
	Transport           string
	IntervalMS          int64
	Tags                []string
	Legal               Legal
	SquadOrgID          string
	Rev                 int64
}

// check trims and validates; street tells the name of a street code, "" for
// an unknown one.
func (in *CameraInput) check(street func(code string) string) error {
	var f errs.Fields
	text := func(name string, s *string, most int, needed bool, what string) {
		*s = strings.TrimSpace(*s)
		f.Check(!needed || *s != "", name, "请填写%s", what)
		f.Check(utf8.RuneCountInString(*s) <= most, name, "%s不能超过 %d 个字", what, most)
	}
	text("code", &in.Code, 32, true, "点位编号")
	text("name", &in.Name, 60, true, "点位名称")
	text("address", &in.Address, 120, true, "地址")
	text("username", &in.Username, 64, false, "用户名")
	text("legalReview.note", &in.Legal.Note, 200, false, "审核备注")
	f.Check(len(in.Password) <= 128, "password", "密码不能超过 128 个字符")
	f.Check(len(in.RegionCode) == 9 && street(in.RegionCode) != "", "regionCode", "请选择街镇（9 位区划代码）")
	f.Check(in.Lng >= 120.8 && in.Lng <= 122.3, "lng", "经度应在上海范围内（120.8 到 122.3），收到 %g", in.Lng)
	f.Check(in.Lat >= 30.6 && in.Lat <= 31.9, "lat", "纬度应在上海范围内（30.6 到 31.9），收到 %g", in.Lat)
	f.Check(in.BoxID != "", "boxId", "请选择边缘盒")
	if in.Transport == "" {
		in.Transport = "tcp"
	}
	f.Check(in.Transport == "tcp" || in.Transport == "udp", "transport", "传输方式应为 tcp 或 udp")
	if in.IntervalMS == 0 {
		in.IntervalMS = 1000
	}
	f.Check(in.IntervalMS >= 200 && in.IntervalMS <= 60_000, "intervalMs", "识别间隔应在 200 到 60000 毫秒之间")
	f.Check(slices.Contains([]string{"approved", "pending", "expired"}, in.Legal.Status), "legalReview.status", "法制审核状态应为 approved、pending 或 expired")
	in.streams(&f)
	in.tags(&f)
	return f.Err()
}

// streams checks the addresses and moves credentials out of them.
func (in *CameraInput) streams(f *errs.Fields) {
	for _, x := range []struct {
		name   string
		s      *string
		needed bool
	}{{"url", &in.URL, true}, {"subUrl", &in.SubURL, false}} {
		*x.s = strings.TrimSpace(*x.s)
		if *x.s == "" {
			f.Check(!x.needed, x.name, "请填写视频地址，例如 rtsp://10.1.2.3:554/stream1")
			continue
		}
		u, err := url.Parse(*x.s)
		if err != nil || u.Host == "" || (u.Scheme != "rtsp" && u.Scheme != "rtsps") || len(*x.s) > 512 {
			f.Add(x.name, "视频地址应为 rtsp:// 开头的完整地址，例如 rtsp://10.1.2.3:554/stream1")
			continue
		}
		if u.User != nil {
			if in.Username == "" {
				in.Username = u.User.Username()
				if p, ok := u.User.Password(); ok {
					in.Password = p
				}
			}
			u.User = nil
			*x.s = u.String()
		}
	}
}

func (in *CameraInput) tags(f *errs.Fields) {
	out := []string{}
	for i, t := range in.Tags {
		t = strings.TrimSpace(t)
		if t == "" || slices.Contains(out, t) {
			continue
		}
		f.Check(utf8.RuneCountInString(t) <= 20, fmt.Sprintf("tags[%d]", i), "标签不能超过 20 个字")
		out = append(out, t)
	}
	f.Check(len(out) <= 12, "tags", "标签不能超过 12 个")
	slices.Sort(out)
	in.Tags = out
}

// Shown is the legal status as it is at a moment: an approval runs out by
// itself.
func (l Legal) Shown(now time.Time) string {
	if l.Status == "approved" && l.ValidTo != nil && *l.ValidTo <= clock.At(now) {
		return "expired"
	}
	return l.Status
}

// Zone is a zone with the name of its shop.
type Zone struct {
	edgev1.Zone
	ShopName string
}

// checkZones validates the zones of one camera; names of fields are those of
// the request, such as zones[2].polygon.
func checkZones(list []edgev1.Zone) error {
	var f errs.Fields
	f.Check(len(list) <= edgev1.MaxZones, "zones", "一个点位最多 %d 个围栏，现在是 %d 个", edgev1.MaxZones, len(list))
	seen := map[string]bool{}
	for i := range list {
		z := &list[i]
		z.Name = strings.TrimSpace(z.Name)
		p := fmt.Sprintf("zones[%d].", i)
		f.Check(z.Name != "", p+"name", "请填写围栏名称")
		f.Check(utf8.RuneCountInString(z.Name) <= 40, p+"name", "围栏名称不能超过 40 个字")
		f.Check(z.ID == "" || !seen[z.ID], p+"id", "围栏 %s 出现了两次", z.ID)
		seen[z.ID] = true
		f.Check(z.Kind != edgev1.ZoneSign || z.Shop != "" || strings.TrimSpace(z.SignName) != "", p+"shop", "店招围栏要绑定商铺或填写登记店名")
		probe := *z
		if probe.ID == "" {
			probe.ID = "new"
		}
		var fault *edgev1.FieldError
		if errors.As(probe.Validate(), &fault) {
			f.Add(p+fault.Field, "%s", fault.Message)
		}
	}
	return f.Err()
}
