package directory

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/sheet"
)

// CameraLegal is the legal review of a camera.
type CameraLegal struct {
	Status      string       `json:"status" enum:"approved,pending,expired"`
	PublishedAt *clock.Stamp `json:"publishedAt,omitempty"`
	ValidTo     *clock.Stamp `json:"validTo,omitempty"`
	Note        string       `json:"note,omitempty" maxLength:"800"`
}

// CameraItem is a camera in a list. Addresses hold no credentials.
type CameraItem struct {
	ID             string               `json:"id"`
	Code           string               `json:"code"`
	Name           string               `json:"name"`
	Address        string               `json:"address"`
	RegionCode     string               `json:"regionCode"`
	RegionName     string               `json:"regionName"`
	StreetName     string               `json:"streetName"`
	Lng            float64              `json:"lng"`
	Lat            float64              `json:"lat"`
	BoxID          string               `json:"boxId"`
	BoxName        string               `json:"boxName"`
	URL            string               `json:"url"`
	SubURL         string               `json:"subUrl"`
	Username       string               `json:"username"`
	HasPassword    bool                 `json:"hasPassword"`
	Transport      string               `json:"transport" enum:"tcp,udp"`
	IntervalMS     int64                `json:"intervalMs"`
	SquadOrgID     string               `json:"squadOrgId,omitempty"`
	Tags           []string             `json:"tags"`
	LegalReview    CameraLegal          `json:"legalReview"`
	EvidenceUse    string               `json:"evidenceUse" enum:"evidence,clue"`
	EvidenceReason string               `json:"evidenceReason"`
	State          string               `json:"state" enum:"online,connecting,reconnecting,noVerdict,offline,refused,disabled,unknown"`
	StateSince     clock.Stamp          `json:"stateSince"`
	Diagnosis      string               `json:"diagnosis"`
	Detail         string               `json:"detail"`
	AsOf           *clock.Stamp         `json:"asOf,omitempty" doc:"When the box last reported; absent when never"`
	Status         *edgev1.CameraStatus `json:"status,omitempty"`
	OpenAlerts     int64                `json:"openAlerts"`
	Snapshot       *CameraSnapshot      `json:"snapshot,omitempty"`
	Deleted        bool                 `json:"deleted"`
	Rev            int64                `json:"rev"`
}

// CameraSnapshot is a picture that a person asked for.
type CameraSnapshot struct {
	SM3     string      `json:"sm3"`
	Width   int         `json:"width"`
	Height  int         `json:"height"`
	TakenAt clock.Stamp `json:"takenAt"`
}

func snapshotOf(s Snapshot) *CameraSnapshot {
	if s.SM3 == "" || s.At == nil {
		return nil
	}
	return &CameraSnapshot{s.SM3, s.Width, s.Height, *s.At}
}

func itemOf(x Listed, boxes map[string]string, now time.Time) CameraItem {
	c, h := x.Camera, x.Health
	use, reason := c.Legal.At(now)
	out := CameraItem{
		ID: c.ID, Code: c.Code, Name: c.Name, Address: c.Address, RegionCode: c.RegionCode, RegionName: c.RegionName,
		StreetName: c.StreetName, Lng: c.Lng, Lat: c.Lat, BoxID: c.BoxID, BoxName: boxes[c.BoxID], URL: c.URL, SubURL: c.SubURL,
		Username: c.Username, HasPassword: c.Password != "", Transport: c.Transport, IntervalMS: c.IntervalMS, SquadOrgID: c.SquadOrgID,
		Tags:        c.Tags,
		LegalReview: CameraLegal{c.Legal.Shown(now), c.Legal.PublishedAt, c.Legal.ValidTo, c.Legal.Note},
		EvidenceUse: use, EvidenceReason: reason, State: h.State, StateSince: h.Since, Diagnosis: h.Diagnosis, Detail: h.Detail,
		AsOf: h.AsOf, OpenAlerts: x.OpenAlerts, Snapshot: snapshotOf(c.Snapshot), Deleted: c.DeletedAt != nil, Rev: c.Rev,
	}
	var st edgev1.CameraStatus
	if h.Status != "" && json.Unmarshal([]byte(h.Status), &st) == nil {
		out.Status = &st
	}
	return out
}

// FilterParams is the query string that list, statistics and export share.
type FilterParams struct {
	Region  string `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	State   string `query:"state" enum:"online,connecting,reconnecting,noVerdict,offline,refused,disabled,unknown"`
	Kind    string `query:"kind" maxLength:"40" doc:"A tag"`
	Box     string `query:"box" maxLength:"40"`
	Legal   string `query:"legal" enum:"evidence,clue"`
	BBox    string `query:"bbox" maxLength:"100" doc:"west,south,east,north in degrees; the border is inside"`
	Deleted bool   `query:"deleted"`
}

func (i FilterParams) filter() (Filter, error) {
	f := Filter{Region: region.Prefix(i.Region), State: i.State, Tag: i.Kind, Box: i.Box, Legal: i.Legal, Deleted: i.Deleted}
	if i.BBox == "" {
		return f, nil
	}
	parts := strings.Split(i.BBox, ",")
	var b [4]float64
	if len(parts) != 4 {
		return f, errs.Invalidf("bbox", "范围应为 西,南,东,北 四个经纬度")
	}
	for k, p := range parts {
		v, err := strconv.ParseFloat(strings.TrimSpace(p), 64)
		if err != nil || !(v >= -180 && v <= 180) {
			return f, errs.Invalidf("bbox", "范围的第 %d 个数不是经纬度", k+1)
		}
		b[k] = v
	}
	if b[0] > b[2] || b[1] > b[3] {
		return f, errs.Invalidf("bbox", "范围应为 西,南,东,北：西不大于东，南不大于北")
	}
	f.BBox = &b
	return f, nil
}

type listInput struct {
	FilterParams
	httpx.Paging
}

type idInput struct {
	ID string `path:"id" maxLength:"40"`
}

type op func(method, path, id, summary string) huma.Operation

// Register adds the routes of the domain.
func (s *Service) Register(api huma.API) {
	o := func(method, path, id, summary string) huma.Operation {
		return huma.Operation{Method: method, Path: path, OperationID: id, Summary: summary, Tags: []string{"cameras"}}
	}
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/cameras", "list-cameras", "List cameras"),
		func(ctx context.Context, in *listInput) (*httpx.Body[httpx.List[CameraItem]], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			res, err := s.List(ctx, f, in.Paging)
			if err != nil {
				return nil, err
			}
			names, err := s.BoxNames(ctx)
			if err != nil {
				return nil, err
			}
			items := make([]CameraItem, len(res.Items))
			for i, x := range res.Items {
				items[i] = itemOf(x, names, res.AsOf.Time())
			}
			return httpx.Out(httpx.NewList(items, res.Total, in.Paging, res.AsOf.Time()), nil)
		})
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/cameras/export", "export-cameras", "The filtered list as xlsx"),
		func(ctx context.Context, in *listInput) (*sheet.File, error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			var buf bytes.Buffer
			if err := s.Export(ctx, f, in.Paging, &buf); err != nil {
				return nil, err
			}
			return sheet.Attachment("点位.xlsx", buf.Bytes()), nil
		})
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/cameras/stats", "count-cameras", "Cameras by state, district or tag"),
		func(ctx context.Context, in *struct {
			FilterParams
			By string `query:"by" enum:"state,district,tag" required:"true"`
			Q  string `query:"q" maxLength:"80"`
		},
		) (*httpx.Body[[]CameraBar], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			f.Q = in.Q
			bars, err := s.Stats(ctx, f, in.By)
			out := make([]CameraBar, len(bars))
			for i, b := range bars {
				out[i] = CameraBar(b)
			}
			return httpx.Out(out, err)
		})
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/cameras/{id}", "get-camera", "One camera"),
		func(ctx context.Context, in *idInput) (*httpx.Body[CameraItem], error) {
			return s.answer(ctx, in.ID, nil)
		})
	s.registerWrites(api, o)
	s.registerZones(api, o)
	s.registerPictures(api, o)
}

// CameraBar is one bar of a statistic.
type CameraBar struct {
	Key   string `json:"key"`
	Name  string `json:"name"`
	Count int64  `json:"count"`
}

// answer gives the camera as it is now.
func (s *Service) answer(ctx context.Context, id string, err error) (*httpx.Body[CameraItem], error) {
	if err != nil {
		return nil, err
	}
	x, err := s.Get(ctx, id)
	if err != nil {
		return nil, err
	}
	names, err := s.BoxNames(ctx)
	if err != nil {
		return nil, err
	}
	return httpx.Out(itemOf(x, names, s.db.Now()), nil)
}
