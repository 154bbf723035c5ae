package alerts

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// AlertGroup is what a person looks at together.
type AlertGroup struct {
	Key        string      `json:"key"`
	Kind       string      `json:"kind"`
	ShopID     string      `json:"shopId,omitempty"`
	ShopName   string      `json:"shopName,omitempty"`
	CameraID   string      `json:"cameraId"`
	CameraName string      `json:"cameraName"`
	ZoneName   string      `json:"zoneName"`
	Address    string      `json:"address"`
	StreetName string      `json:"streetName"`
	Count      int64       `json:"count"`
	Looks      int64       `json:"looks" doc:"Different pictures among them"`
	Clues      int64       `json:"clues" doc:"Of them not fit for evidence"`
	MinScore   float64     `json:"minScore"`
	MaxScore   float64     `json:"maxScore"`
	Oldest     clock.Stamp `json:"oldest"`
	Newest     clock.Stamp `json:"newest"`
	Thumbs     []string    `json:"thumbs"`
}

// AlertGroups is a page of groups.
type AlertGroups struct {
	httpx.List[AlertGroup]
	Alerts int64 `json:"alerts" doc:"Alerts in all groups of the filter"`
}

func groupView(g Group) AlertGroup {
	a := g.Last
	out := AlertGroup{
		Key: g.Key, Kind: g.Kind, ShopID: a.ShopID, ShopName: a.ShopName, CameraID: a.CameraID, CameraName: a.CameraName, ZoneName: a.ZoneName,
		Address: a.Address, StreetName: a.StreetName, Count: g.N, Looks: g.Looks, Clues: g.Clues, MinScore: g.MinScore, MaxScore: g.MaxScore,
		Oldest: g.Oldest, Newest: g.Newest, Thumbs: []string{},
	}
	for _, t := range []string{g.Last.Thumb, g.First.Thumb} {
		if t != "" && (len(out.Thumbs) == 0 || out.Thumbs[0] != t) {
			out.Thumbs = append(out.Thumbs, t)
		}
	}
	return out
}

type batchBody struct {
	Act    Act         `json:"act" enum:"confirm,reject,later,update,undo"`
	Items  []BatchItem `json:"items" minItems:"1" maxItems:"500"`
	Reason Reason      `json:"reason,omitempty" enum:"lighting,person,vehicle,permitted,wrongZone,other"`
	Merge  *bool       `json:"merge,omitempty" doc:"Join open orders of the same shop and kind; true when absent"`
	Note   string      `json:"note,omitempty" maxLength:"2000"`
}

// AlertBatchResult is what became of one alert.
type AlertBatchResult struct {
	ID      string     `json:"id"`
	OK      bool       `json:"ok"`
	Alert   *AlertItem `json:"alert,omitempty"`
	Code    errs.Code  `json:"code,omitempty"`
	Message string     `json:"message,omitempty" doc:"Why it did not work"`
}

// AlertBatch is the report on a decision about several alerts.
type AlertBatch struct {
	Done    int                `json:"done"`
	Failed  int                `json:"failed"`
	Orders  int                `json:"orders" doc:"Different work orders that they are in now"`
	Results []AlertBatchResult `json:"results"`
}

func batchView(list []BatchResult) AlertBatch {
	out := AlertBatch{Results: make([]AlertBatchResult, len(list))}
	orders := map[string]bool{}
	for i, r := range list {
		x := AlertBatchResult{ID: r.ID, OK: r.OK, Code: r.Code, Message: r.Message}
		if r.OK {
			a := itemOf(r.Alert)
			x.Alert = &a
			out.Done++
			if a.OrderID != "" {
				orders[a.OrderID] = true
			}
		} else {
			out.Failed++
		}
		out.Results[i] = x
	}
	out.Orders = len(orders)
	return out
}

func (s *Service) registerGroups(api huma.API, op func(method, path, id, summary string) huma.Operation) {
	httpx.Register(api, "alert.view", op(http.MethodGet, "/api/alerts/groups", "group-alerts", "What waits for a person, by kind, shop and spot"),
		func(ctx context.Context, in *listInput) (*httpx.Body[AlertGroups], error) {
			f, err := in.filter()
			if err != nil {
				return nil, err
			}
			list, total, alerts, err := s.Groups(ctx, f, in.Paging)
			if err != nil {
				return nil, err
			}
			items := make([]AlertGroup, len(list))
			for i, g := range list {
				items[i] = groupView(g)
			}
			return httpx.Out(AlertGroups{httpx.NewList(items, total, in.Paging, s.db.Now()), alerts}, nil)
		})
	httpx.Register(api, "alert.decide", op(http.MethodPost, "/api/alerts/batch", "decide-alerts", "Decide on several alerts; each is a transaction of its own"),
		func(ctx context.Context, in *struct {
			Key  string `header:"Idempotency-Key" maxLength:"80"`
			Body batchBody
		},
		) (*httpx.Body[AlertBatch], error) {
			b := in.Body
			list, err := s.DecideAll(ctx, BatchInput{Act: b.Act, Items: b.Items, Key: in.Key, Reason: b.Reason, Merge: b.Merge == nil || *b.Merge, Note: b.Note})
			if err != nil {
				return nil, err
			}
			return httpx.Out(batchView(list), nil)
		})
}
