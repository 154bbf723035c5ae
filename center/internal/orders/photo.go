package orders

import (
	"bufio"
	"context"
	"fmt"
	"math"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
)

// SiteShot is what the phone says of one picture of a result. SM3 names the copy
// with the watermark, Original the untouched file.
type SiteShot struct {
	SM3       string       `json:"sm3" maxLength:"64"`
	Original  string       `json:"original,omitempty" maxLength:"64"`
	TakenAt   *clock.Stamp `json:"takenAt,omitempty"`
	Lng       *float64     `json:"lng,omitempty"`
	Lat       *float64     `json:"lat,omitempty"`
	AccuracyM *float64     `json:"accuracyM,omitempty"`
}

func (x *SiteShot) check(f *errs.Fields, prefix string, known map[string]bool, now clock.Stamp) {
	f.Check(known[x.SM3], prefix+"sm3", "这条照片说明没有对应的照片")
	f.Check((x.Lng == nil) == (x.Lat == nil), prefix+"lng", "经度和纬度要一起填")
	if x.Lng != nil && x.Lat != nil {
		acc := 0.0
		if x.AccuracyM != nil {
			acc = *x.AccuracyM
		}
		checkPlace(f, prefix, *x.Lng, *x.Lat, acc)
	}
	// A phone's clock may run ahead a little.
	f.Check(x.TakenAt == nil || *x.TakenAt > 0 && *x.TakenAt <= now+clock.Stamp((10*time.Minute).Milliseconds()), prefix+"takenAt", "拍摄时间不能晚于现在")
}

// PhotoFact is one picture of a result, for those outside.
type PhotoFact struct {
	SM3      string       `json:"sm3"`
	Original string       `json:"original,omitempty"`
	TakenAt  *clock.Stamp `json:"takenAt,omitempty"`
	Lng      *float64     `json:"lng,omitempty"`
	Lat      *float64     `json:"lat,omitempty"`
}

// SitePhoto is a picture of a result with what is known of it: what the phone
// said, and what the untouched file says itself.
type SitePhoto struct {
	SM3       string       `json:"sm3"`
	Original  string       `json:"original,omitempty"`
	TakenAt   *clock.Stamp `json:"takenAt,omitempty"`
	Lng       *float64     `json:"lng,omitempty"`
	Lat       *float64     `json:"lat,omitempty"`
	AccuracyM *float64     `json:"accuracyM,omitempty"`
	ExifAt    *clock.Stamp `json:"exifAt,omitempty" doc:"When the file says that it was taken"`
	ExifLng   *float64     `json:"exifLng,omitempty"`
	ExifLat   *float64     `json:"exifLat,omitempty"`
	Device    string       `json:"device,omitempty"`
	// DistanceM is how far from the camera it was taken.
	DistanceM *float64 `json:"distanceM,omitempty"`
	// Doubts are sentences about what does not fit; a person judges them.
	Doubts []string `json:"doubts"`
}

// farM is the distance from the order above which a picture is doubted, and
// driftM that between what the phone and the file say.
const (
	farM   = 500
	driftM = 500
)

// photoOf tells what is known of a picture, and what does not fit.
func photoOf(r photoRow, o Order) SitePhoto {
	p := SitePhoto{
		SM3: r.SM3, Original: r.Original, TakenAt: r.TakenAt, Lng: r.Lng, Lat: r.Lat, AccuracyM: r.AccuracyM,
		ExifAt: r.ExifAt, ExifLng: r.ExifLng, ExifLat: r.ExifLat, Device: r.Device, Doubts: []string{},
	}
	lng, lat := r.Lng, r.Lat
	if lng == nil {
		lng, lat = r.ExifLng, r.ExifLat
	}
	if lng != nil && lat != nil {
		d := math.Round(distanceM(*lng, *lat, o.Lng, o.Lat))
		p.DistanceM = &d
		if d > farM {
			p.Doubts = append(p.Doubts, fmt.Sprintf("拍摄位置距点位 %.0f 米", d))
		}
	}
	if r.Lng != nil && r.ExifLng != nil && distanceM(*r.Lng, *r.Lat, *r.ExifLng, *r.ExifLat) > driftM {
		p.Doubts = append(p.Doubts, "照片文件里的位置与手机定位不一致")
	}
	at := r.ExifAt
	if at == nil {
		at = r.TakenAt
	}
	switch {
	case at != nil && *at < o.CreatedAt-clock.Stamp(time.Minute.Milliseconds()):
		p.Doubts = append(p.Doubts, "拍摄时间早于工单生成时间")
	case r.ExifAt != nil && r.TakenAt != nil && absMS(*r.ExifAt-*r.TakenAt) > clock.Stamp(time.Hour.Milliseconds()):
		p.Doubts = append(p.Doubts, "照片文件里的时间与手机时间相差超过 1 小时")
	}
	return p
}

func absMS(d clock.Stamp) clock.Stamp { return max(d, -d) }

// shots makes sure that every picture and original has been uploaded and reads
// what the originals say of themselves.
func (s *Service) shots(ctx context.Context, in HandleInput) ([]photoRow, error) {
	by := map[string]SiteShot{}
	for _, x := range in.Shots {
		by[x.SM3] = x
	}
	rows := make([]photoRow, 0, len(in.Photos))
	for i, sm3 := range in.Photos {
		x := by[sm3]
		for _, file := range []string{sm3, x.Original} {
			if file == "" {
				continue
			}
			ok, err := s.pictures.Has(ctx, file)
			if err != nil {
				return nil, fmt.Errorf("look for photo: %w", err)
			}
			if !ok {
				return nil, errs.Invalidf(fmt.Sprintf("photos[%d]", i), "第 %d 张照片还没有上传，请重新拍摄或选择", i+1)
			}
		}
		r := photoRow{SM3: sm3, Role: photoAfter, Original: x.Original, TakenAt: x.TakenAt, Lng: x.Lng, Lat: x.Lat, AccuracyM: x.AccuracyM}
		file := x.Original
		if file == "" {
			file = sm3
		}
		e, err := s.exif(ctx, file)
		if err != nil {
			return nil, err
		}
		r.ExifAt, r.ExifLng, r.ExifLat, r.Device = e.At, e.Lng, e.Lat, e.Device
		rows = append(rows, r)
	}
	return rows, nil
}

// exif reads what a stored picture says of itself. One that says nothing, or
// nothing readable, is no error.
func (s *Service) exif(ctx context.Context, sm3 string) (Exif, error) {
	f, err := s.pictures.Open(ctx, sm3)
	if err != nil {
		return Exif{}, fmt.Errorf("open photo: %w", err)
	}
	e := ReadExif(bufio.NewReader(f))
	return e, f.Close()
}
