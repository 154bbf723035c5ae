package open

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
)

type callRow struct {
	bun.BaseModel `bun:"table:integration_calls,alias:l"`

	ID        string `bun:",pk"`
	ClientID  string
	AppName   string
	Kind      string
	Operation string
	Method    string
	Path      string
	Status    int
	Code      string
	Ms        int
	Bytes     int64
	IP        string `bun:"ip"`
	RequestID string
	At        clock.Stamp
	Ymd       int
}

func (c InterfaceCall) row() callRow {
	return callRow{ID: c.ID, ClientID: c.ClientID, AppName: c.AppName, Kind: c.Kind, Operation: c.Operation, Method: c.Method, Path: c.Path,
		Status: c.Status, Code: c.Code, Ms: c.Ms, Bytes: c.Bytes, IP: c.IP, RequestID: c.RequestID, At: c.At, Ymd: clock.YMD(c.At.Time())}
}

func (r callRow) call() InterfaceCall {
	return InterfaceCall{ID: r.ID, At: r.At, ClientID: r.ClientID, AppName: r.AppName, Kind: r.Kind, KindName: KindName(r.Kind), Operation: r.Operation, Method: r.Method,
		Path: r.Path, Status: r.Status, Code: r.Code, Ms: r.Ms, Bytes: r.Bytes, IP: r.IP, RequestID: r.RequestID}
}

func listCalls(ctx context.Context, q bun.IDB, f CallFilter, p httpx.Paging) ([]InterfaceCall, int64, error) {
	order, err := p.Order(map[string]string{"at": "l.at", "ms": "l.ms", "bytes": "l.bytes", "status": "l.status"}, "l.at DESC")
	if err != nil {
		return nil, 0, err
	}
	rows := []callRow{}
	s := q.NewSelect().Model(&rows)
	for col, v := range map[string]string{"l.client_id": f.ClientID, "l.kind": f.Kind, "l.operation": f.Operation, "l.code": f.Code, "l.ip": f.IP} {
		if v != "" {
			s = s.Where("? = ?", bun.Safe(col), v)
		}
	}
	switch f.Result {
	case "ok":
		s = s.Where("l.status < 400")
	case "refused":
		s = s.Where("l.status >= 400 AND l.status < 500")
	case "failed":
		s = s.Where("l.status >= 500")
	}
	if f.From != nil {
		s = s.Where("l.at >= ?", *f.From)
	}
	if f.To != nil {
		s = s.Where("l.at < ?", *f.To)
	}
	if f.Q != "" {
		s = s.Where("(l.app_name LIKE ? ESCAPE '!' OR l.path LIKE ? ESCAPE '!' OR l.request_id = ?)", db.Contains(f.Q), db.Contains(f.Q), f.Q)
	}
	n, err := s.OrderExpr("?, l.id DESC", bun.Safe(order)).Limit(p.Limit()).Offset(p.Offset()).ScanAndCount(ctx)
	if err != nil {
		return nil, 0, fmt.Errorf("list calls: %w", err)
	}
	out := make([]InterfaceCall, len(rows))
	for i, r := range rows {
		out[i] = r.call()
	}
	return out, n, nil
}
