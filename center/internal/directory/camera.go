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
	"unicode/utf8"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/errs"
)

// Camera is one camera. URL and SubURL hold no credentials.
type Camera struct {
	ID   string
	Code string
	// GBCode is the code of 20 digits after GB/T 28181; empty when the camera
	// has none.
	GBCode     string
	Name       string
	Address    string
	Road       string
	RegionCode string
	RegionName string
	StreetName string
	// Lng and Lat are WGS 84; East and North are Shanghai 2000 in metres, both
	// zero when they could not be computed. CoordFrom is the system in which
	// the place was typed.
	Lng, Lat      float64
	East, North   float64
	CoordFrom     coord.System
	BoxID         string
	OwnerPlatform string
	// RecordHours and RecordQuotaMB are what the box keeps of the stream.
	RecordHours   int64
	RecordQuotaMB int64
	URL, SubURL   string
	Username      string
	Password      string
	Transport     string
	IntervalMS    int64
	SquadOrgID    string
	ReferenceSM3  string
	Tags          []string
	Legal         Legal
	Snapshot      Snapshot
	DeletedAt     *clock.Stamp
	ZonesRev      int64
	Rev           int64
	// search is what free text looks through.
	search string
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
	GBCode, Road        string
	RegionCode          string
	// Lng and Lat are in System, WGS 84 when it is empty; in Shanghai 2000
	// they are the metres east and north.
	Lng, Lat      float64
	System        coord.System
	BoxID         string
	OwnerPlatform string
	RecordHours   int64
	RecordQuotaMB int64
	URL, SubURL   string
	Username      string
	Password      string
	Transport     string
	IntervalMS    int64
	Tags          []string
	Legal         Legal
	SquadOrgID    string
	Rev           int64
	// typed is the system in which the place came.
	typed coord.System
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
	in.gb(&f)
	text("road", &in.Road, 40, false, "道路")
	text("ownerPlatform", &in.OwnerPlatform, 40, false, "所属平台")
	text("legalReview.publishedWhere", &in.Legal.PublishedWhere, 200, false, "公布处")
	f.Check(in.RecordHours >= 0 && in.RecordHours <= 720, "recordHours", "盒上录像应保留 0 到 720 小时，0 为不录")
	f.Check(in.RecordQuotaMB >= 0 && in.RecordQuotaMB <= 4_000_000, "recordQuotaMb", "盒上录像空间应为 0 到 4000000 MB")
	f.Check(len(in.RegionCode) == 9 && street(in.RegionCode) != "", "regionCode", "请选择街镇（9 位区划代码）")
	in.place(&f)
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
