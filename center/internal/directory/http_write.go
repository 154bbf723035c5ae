package directory

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/coord"
	"jiexun/center/internal/platform/httpx"
)

// CameraWrite is what a person writes about a camera.
type CameraWrite struct {
	Code          string      `json:"code" maxLength:"200"`
	Name          string      `json:"name" maxLength:"400"`
	Address       string      `json:"address" maxLength:"800"`
	RegionCode    string      `json:"regionCode" maxLength:"12"`
	GBCode        string      `json:"gbCode,omitempty" maxLength:"40" doc:"20 digits after GB/T 28181"`
	Road          string      `json:"road,omitempty" maxLength:"160" doc:"Taken from the address when empty"`
	CoordSystem   string      `json:"coordSystem,omitempty" enum:"wgs84,cgcs2000,gcj02,bd09,sh2000" doc:"The system of lng and lat; sh2000 takes the metres east and north"`
	Lng           float64     `json:"lng"`
	Lat           float64     `json:"lat"`
	OwnerPlatform string      `json:"ownerPlatform,omitempty" maxLength:"160"`
	RecordHours   int64       `json:"recordHours,omitempty"`
	RecordQuotaMB int64       `json:"recordQuotaMb,omitempty"`
	BoxID         string      `json:"boxId" maxLength:"40"`
	URL           string      `json:"url" maxLength:"1024"`
	SubURL        string      `json:"subUrl,omitempty" maxLength:"1024"`
	Username      string      `json:"username,omitempty" maxLength:"400"`
	Password      string      `json:"password,omitempty" maxLength:"400" doc:"Empty keeps the stored one"`
	Transport     string      `json:"transport,omitempty" maxLength:"10"`
	IntervalMS    int64       `json:"intervalMs,omitempty"`
	Tags          []string    `json:"tags,omitempty" maxItems:"40"`
	LegalReview   CameraLegal `json:"legalReview"`
	SquadOrgID    string      `json:"squadOrgId,omitempty" maxLength:"40"`
	Rev           int64       `json:"rev,omitempty"`
}

func (b CameraWrite) input() CameraInput {
	return CameraInput{
		Code: b.Code, Name: b.Name, Address: b.Address, RegionCode: b.RegionCode, Lng: b.Lng, Lat: b.Lat, BoxID: b.BoxID,
		URL: b.URL, SubURL: b.SubURL, Username: b.Username, Password: b.Password, Transport: b.Transport, IntervalMS: b.IntervalMS,
		Tags: b.Tags, SquadOrgID: b.SquadOrgID, Rev: b.Rev,
		Legal: b.LegalReview.legal(), GBCode: b.GBCode, Road: b.Road, System: coord.System(b.CoordSystem), OwnerPlatform: b.OwnerPlatform,
		RecordHours: b.RecordHours, RecordQuotaMB: b.RecordQuotaMB,
	}
}

type createInput struct {
	Body CameraWrite
}

type updateInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body CameraWrite
}

type deleteInput struct {
	ID  string `path:"id" maxLength:"40"`
	Rev int64  `query:"rev" required:"true"`
}

type restoreInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Rev int64 `json:"rev"`
	}
}

func (s *Service) registerWrites(api huma.API, o op) {
	httpx.Register(api, "camera.edit", o(http.MethodPost, "/api/cameras", "create-camera", "Add a camera"),
		func(ctx context.Context, in *createInput) (*httpx.Body[CameraItem], error) {
			c, err := s.Create(ctx, in.Body.input())
			return s.answer(ctx, c.ID, err)
		})
	httpx.Register(api, "camera.edit", o(http.MethodPut, "/api/cameras/{id}", "update-camera", "Change a camera"),
		func(ctx context.Context, in *updateInput) (*httpx.Body[CameraItem], error) {
			_, err := s.Update(ctx, in.ID, in.Body.input())
			return s.answer(ctx, in.ID, err)
		})
	httpx.Register(api, "camera.edit", o(http.MethodDelete, "/api/cameras/{id}", "delete-camera", "Take a camera out of use; it can be restored"),
		func(ctx context.Context, in *deleteInput) (*httpx.Body[CameraItem], error) {
			return s.answer(ctx, in.ID, s.Delete(ctx, in.ID, in.Rev))
		})
	httpx.Register(api, "camera.edit", o(http.MethodPost, "/api/cameras/{id}/restore", "restore-camera", "Bring a deleted camera back"),
		func(ctx context.Context, in *restoreInput) (*httpx.Body[CameraItem], error) {
			_, err := s.Restore(ctx, in.ID, in.Body.Rev)
			return s.answer(ctx, in.ID, err)
		})
}

// CameraZone is a zone with the name of its shop.
type CameraZone struct {
	edgev1.Zone
	ShopName string `json:"shopName,omitempty"`
}

// CameraZones is the zones of a camera and the versions of its box.
type CameraZones struct {
	Rev            int64        `json:"rev"`
	Zones          []CameraZone `json:"zones"`
	ConfigVersion  int64        `json:"configVersion"`
	AppliedVersion int64        `json:"appliedVersion"`
	AppliedAt      *clock.Stamp `json:"appliedAt,omitempty"`
}

func zonesOut(z ZoneSet, err error) (*httpx.Body[CameraZones], error) {
	out := CameraZones{Rev: z.Rev, Zones: []CameraZone{}, ConfigVersion: z.ConfigVersion, AppliedVersion: z.AppliedVersion, AppliedAt: z.AppliedAt}
	for _, x := range z.Zones {
		out.Zones = append(out.Zones, CameraZone(x))
	}
	return httpx.Out(out, err)
}

type zonesInput struct {
	ID   string `path:"id" maxLength:"40"`
	Body struct {
		Rev   int64            `json:"rev"`
		Zones []CameraZoneBody `json:"zones" maxItems:"200"`
	}
}

// CameraZoneBody is a zone as it is written: a new one has no id.
type CameraZoneBody struct {
	ID               string          `json:"id,omitempty" maxLength:"40"`
	Name             string          `json:"name" maxLength:"400"`
	Kind             edgev1.ZoneKind `json:"kind" maxLength:"20"`
	Polygon          []edgev1.Point  `json:"polygon" maxItems:"1000"`
	Hours            string          `json:"hours,omitempty" maxLength:"400"`
	DwellS           float64         `json:"dwellS,omitempty"`
	EndDelayS        float64         `json:"endDelayS,omitempty"`
	MinArea          float64         `json:"minArea,omitempty"`
	OpenScore        float64         `json:"openScore,omitempty"`
	CloseScore       float64         `json:"closeScore,omitempty"`
	Shop             string          `json:"shop,omitempty" maxLength:"40"`
	ShopName         string          `json:"shopName,omitempty" maxLength:"400" doc:"Ignored; so that a zone can be sent back as it was read"`
	SignName         string          `json:"signName,omitempty" maxLength:"400"`
	SignReferenceSM3 string          `json:"signReferenceSm3,omitempty" maxLength:"64"`
	ScaleM2          float64         `json:"scaleM2,omitempty"`
}

func (b CameraZoneBody) zone() edgev1.Zone {
	return edgev1.Zone{
		ID: b.ID, Name: b.Name, Kind: b.Kind, Polygon: b.Polygon, Hours: b.Hours, DwellS: b.DwellS, EndDelayS: b.EndDelayS,
		MinArea: b.MinArea, OpenScore: b.OpenScore, CloseScore: b.CloseScore, Shop: b.Shop, SignName: b.SignName,
		SignReferenceSM3: b.SignReferenceSM3, ScaleM2: b.ScaleM2,
	}
}

func (s *Service) registerZones(api huma.API, o op) {
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/cameras/{id}/zones", "get-zones", "The zones of a camera"),
		func(ctx context.Context, in *idInput) (*httpx.Body[CameraZones], error) {
			return zonesOut(s.Zones(ctx, in.ID))
		})
	httpx.Register(api, "camera.zone", o(http.MethodPut, "/api/cameras/{id}/zones", "set-zones", "Store the zones and send them to the box"),
		func(ctx context.Context, in *zonesInput) (*httpx.Body[CameraZones], error) {
			list := make([]edgev1.Zone, len(in.Body.Zones))
			for i, z := range in.Body.Zones {
				list[i] = z.zone()
			}
			return zonesOut(s.SetZones(ctx, in.ID, in.Body.Rev, list))
		})
}

// CameraSegment is a stretch of a camera's day in one state.
type CameraSegment struct {
	State     string      `json:"state"`
	Diagnosis string      `json:"diagnosis"`
	From      clock.Stamp `json:"from"`
	To        clock.Stamp `json:"to"`
	Detail    string      `json:"detail"`
}

// CameraHealth is a camera's day.
type CameraHealth struct {
	Segments      []CameraSegment `json:"segments"`
	UptimePercent *float64        `json:"uptimePercent,omitempty" doc:"Share of the time with a picture; absent when nothing is known"`
	Alerts        int64           `json:"alerts"`
	Confirmed     int64           `json:"confirmed"`
	Rejected      int64           `json:"rejected"`
}

type healthInput struct {
	ID  string `path:"id" maxLength:"40"`
	Day string `query:"day" maxLength:"10" doc:"YYYY-MM-DD in Shanghai; today when absent"`
}

type probeInput struct {
	Body struct {
		BoxID     string `json:"boxId" maxLength:"40"`
		URL       string `json:"url" maxLength:"1024"`
		Username  string `json:"username,omitempty" maxLength:"64"`
		Password  string `json:"password,omitempty" maxLength:"128"`
		Transport string `json:"transport,omitempty" maxLength:"10"`
	}
}

func (s *Service) registerPictures(api huma.API, o op) {
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/cameras/{id}/health", "get-camera-health", "A camera's day"),
		func(ctx context.Context, in *healthInput) (*httpx.Body[CameraHealth], error) {
			d, err := s.Health(ctx, in.ID, in.Day)
			out := CameraHealth{Segments: []CameraSegment{}, UptimePercent: d.Uptime, Alerts: d.Alerts, Confirmed: d.Confirmed, Rejected: d.Rejects}
			for _, g := range d.Segments {
				out.Segments = append(out.Segments, CameraSegment{g.State, g.Diagnosis, g.From, *g.To, g.Detail})
			}
			return httpx.Out(out, err)
		})
	httpx.Register(api, "camera.view", o(http.MethodPost, "/api/cameras/{id}/snapshot", "take-snapshot", "Ask the box for a picture of now"),
		func(ctx context.Context, in *idInput) (*httpx.Body[*CameraSnapshot], error) {
			snap, err := s.TakeSnapshot(ctx, in.ID)
			return httpx.Out(snapshotOf(snap), err)
		})
	httpx.Register(api, "camera.view", o(http.MethodGet, "/api/cameras/{id}/snapshot", "get-snapshot", "The last picture that was asked for"),
		func(ctx context.Context, in *idInput) (*httpx.Body[*CameraSnapshot], error) {
			snap, err := s.LatestSnapshot(ctx, in.ID)
			return httpx.Out(snapshotOf(snap), err)
		})
	httpx.Register(api, "camera.edit", o(http.MethodPost, "/api/cameras/probe", "probe-camera", "Ask a box what it finds at an address"),
		func(ctx context.Context, in *probeInput) (*httpx.Body[edgev1.ProbeReport], error) {
			b := in.Body
			return httpx.Out(s.Probe(ctx, ProbeInput{b.BoxID, b.URL, b.Username, b.Password, b.Transport}))
		})
}
