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
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/sheet"
)

// CameraLegal is the legal review of a camera.
type CameraLegal struct {
	Status         string       `json:"status" enum:"approved,pending,expired"`
	ReviewedAt     *clock.Stamp `json:"reviewedAt,omitempty" doc:"The legal review"`
	TechnicalAt    *clock.Stamp `json:"technicalAt,omitempty" doc:"The technical review"`
	VerifiedTo     *clock.Stamp `json:"verifiedTo,omitempty" doc:"Until when the verification of the device is valid"`
	SignOnSite     bool         `json:"signOnSite,omitempty"`
	PublishedAt    *clock.Stamp `json:"publishedAt,omitempty"`
	PublishedWhere string       `json:"publishedWhere,omitempty" maxLength:"800"`
	ValidTo        *clock.Stamp `json:"validTo,omitempty"`
	Note           string       `json:"note,omitempty" maxLength:"800"`
}

func (l CameraLegal) legal() Legal {
	return Legal(l)
}

func legalOut(l Legal, now time.Time) CameraLegal {
	return CameraLegal{
		Status: l.Shown(now), ReviewedAt: l.ReviewedAt, TechnicalAt: l.TechnicalAt, VerifiedTo: l.VerifiedTo, SignOnSite: l.SignOnSite,
		PublishedAt: l.PublishedAt, PublishedWhere: l.PublishedWhere, ValidTo: l.ValidTo, Note: l.Note,
	}
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
	GBCode         string               `json:"gbCode"`
	Road           string               `json:"road"`
	Lng            float64              `json:"lng"`
	Lat            float64              `json:"lat"`
	East           float64              `json:"east" doc:"Shanghai 2000, metres; 0 when not computed"`
	North          float64              `json:"north"`
	CoordFrom      string               `json:"coordFrom" doc:"The system in which the place was typed"`
	OwnerPlatform  string               `json:"ownerPlatform"`
	RecordHours    int64                `json:"recordHours"`
	RecordQuotaMB  int64                `json:"recordQuotaMb"`
	Metres         *float64             `json:"metres,omitempty" doc:"Distance from the place that was searched"`
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
		Tags:   c.Tags,
		GBCode: c.GBCode, Road: c.Road, East: c.East, North: c.North, CoordFrom: string(c.CoordFrom), OwnerPlatform: c.OwnerPlatform,
		RecordHours: c.RecordHours, RecordQuotaMB: c.RecordQuotaMB, Metres: x.Metres,
		LegalReview: legalOut(c.Legal, now),
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
	Region  string  `query:"region" pattern:"^[0-9]{2,9}$" patternDescription:"区划代码"`
	State   string  `query:"state" enum:"online,connecting,reconnecting,noVerdict,offline,refused,disabled,unknown"`
	Kind    string  `query:"kind" maxLength:"40" doc:"A tag"`
	Box     string  `query:"box" maxLength:"40"`
	Legal   string  `query:"legal" enum:"evidence,clue"`
	BBox    string  `query:"bbox" maxLength:"100" doc:"west,south,east,north in degrees; the border is inside"`
	Road    string  `query:"road" maxLength:"160" doc:"A road; - is the cameras without one"`
	Squad   string  `query:"squad" maxLength:"40"`
	Owner   string  `query:"owner" maxLength:"160"`
	Area    string  `query:"area" maxLength:"4000" doc:"A polygon lng,lat;lng,lat;…; its border is inside"`
	Near    string  `query:"near" maxLength:"200" doc:"x,y of a place in the system of coords"`
	Coords  string  `query:"coords" enum:"wgs84,cgcs2000,gcj02,bd09,sh2000" doc:"The system of near and bbox; wgs84 when empty"`
	Metres  float64 `query:"metres" doc:"How far around near, 500 when 0"`
	Deleted bool    `query:"deleted"`
}

func (i FilterParams) filter() (Filter, error) {
	f := Filter{Region: region.Prefix(i.Region), State: i.State, Tag: i.Kind, Box: i.Box, Legal: i.Legal, Squad: i.Squad, Owner: i.Owner, Deleted: i.Deleted}
	if i.Road != "" {
		road := i.Road
		if road == "-" {
			road = ""
		}
		f.Road = &road
	}
	var err error
	if i.BBox != "" {
		if f.BBox, err = parseBox(i.BBox, coord.System(i.Coords)); err != nil {
			return f, err
		}
	}
	if i.Area != "" {
		if f.Polygon, err = ParseArea("area", i.Area); err != nil {
			return f, err
		}
	}
	if i.Near != "" {
		f.Near, err = parseNear(i.Near, coord.System(i.Coords), i.Metres)
	}
	return f, err
}

// FilterOf reads the query parameters of the list, for exports.
func FilterOf(q map[string]string) (Filter, error) {
	i := FilterParams{
		Region: q["region"], State: q["state"], Kind: q["kind"], Box: q["box"], Legal: q["legal"], BBox: q["bbox"], Road: q["road"], Squad: q["squad"],
		Owner: q["owner"], Area: q["area"], Near: q["near"], Coords: q["coords"], Deleted: q["deleted"] == "true",
	}
	if q["metres"] != "" {
		v, err := strconv.ParseFloat(q["metres"], 64)
		if err != nil {
			return Filter{}, errs.Invalidf("metres", "距离应为数字")
		}
		i.Metres = v
	}
	f, err := i.filter()
	f.Q = strings.TrimSpace(q["q"])
	return f, err
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
	s.registerTree(api, o)
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
			By string `query:"by" enum:"state,district,street,tag,use,owner" required:"true"`
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
	s.registerGrants(api, o)
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
