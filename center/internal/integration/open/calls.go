package open

import (
	"bytes"
	"context"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/sheet"
)

// InterfaceCall is one line of the call log. Bodies are never kept.
type InterfaceCall struct {
	ID        string      `json:"id"`
	At        clock.Stamp `json:"at"`
	ClientID  string      `json:"clientId"`
	AppName   string      `json:"appName"`
	Kind      string      `json:"kind"`
	KindName  string      `json:"kindName"`
	Operation string      `json:"operation"`
	Method    string      `json:"method"`
	Path      string      `json:"path"`
	Status    int         `json:"status"`
	Code      string      `json:"code"`
	Ms        int         `json:"ms"`
	Bytes     int64       `json:"bytes"`
	IP        string      `json:"ip"`
	RequestID string      `json:"requestId"`
}

// CallFilter narrows the call log.
type CallFilter struct {
	ClientID, AppName, Kind, Operation, Result, Code, IP, Q string
	From, To                                                *clock.Stamp
}

// log appends a call without waiting for the database.
func (s *Service) log(c InterfaceCall) {
	if c.ID == "" {
		c.ID = ids.New()
	}
	s.mu.Lock()
	if len(s.calls) < maxWaiting {
		s.calls = append(s.calls, c.row())
	} else {
		s.lost++ // told to the log by Flush
	}
	s.mu.Unlock()
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// maxWaiting bounds the calls that wait for the database.
const maxWaiting = 100_000

// Start begins to write the call log; Close writes what is left.
func (s *Service) Start(ctx context.Context) {
	ctx, s.stop = context.WithCancel(ctx)
	s.done.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-s.kick:
			}
			select { // let some more come
			case <-ctx.Done():
				return
			case <-time.After(200 * time.Millisecond):
			}
			if err := s.Flush(ctx); err != nil && ctx.Err() == nil {
				s.o.Log.Error("write call log", "err", err)
			}
		}
	})
}

// Close writes what is left and stops.
func (s *Service) Close(ctx context.Context) error {
	if s.stop != nil {
		s.stop()
		s.done.Wait()
	}
	return s.Flush(ctx)
}

// Flush writes the calls that wait.
func (s *Service) Flush(ctx context.Context) error {
	s.mu.Lock()
	rows, lost := s.calls, s.lost
	s.calls, s.lost = nil, 0
	s.mu.Unlock()
	if lost > 0 {
		s.o.Log.Error("calls were not logged", "lost", lost)
	}
	if len(rows) == 0 {
		return nil
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error { return db.InsertAll(ctx, tx, rows, "") })
	if err != nil { // keep them for the next time
		s.mu.Lock()
		s.calls = append(rows, s.calls...)
		s.mu.Unlock()
	}
	return err
}

// Calls gives one page of the call log.
func (s *Service) Calls(ctx context.Context, f CallFilter, p httpx.Paging) (httpx.List[InterfaceCall], error) {
	if _, err := access.Need(ctx, access.InterfaceLog); err != nil {
		return httpx.List[InterfaceCall]{}, err
	}
	f.Q = p.Q
	rows, n, err := listCalls(ctx, s.db.Read(), f, p)
	if err != nil {
		return httpx.List[InterfaceCall]{}, err
	}
	return httpx.NewList(rows, n, p, s.db.Now()), nil
}

// ExportCalls gives the call log as a sheet; the export is audited.
func (s *Service) ExportCalls(ctx context.Context, f CallFilter) (*sheet.File, error) {
	if _, err := access.Need(ctx, access.InterfaceLog); err != nil {
		return nil, err
	}
	_, n, err := listCalls(ctx, s.db.Read(), f, httpx.Paging{Page: 1, Size: 1})
	if err != nil {
		return nil, err
	}
	if n > sheet.MaxRows {
		return nil, errs.New(errs.Invalid, "符合条件的有 %d 条，超过一次导出的 %d 条，请缩小时间范围", n, sheet.MaxRows)
	}
	w, err := sheet.New("调用日志", []sheet.Column{{Title: "时间", Width: 24}, {Title: "应用", Width: 20}, {Title: "接口类别", Width: 12}, {Title: "接口", Width: 24}, {Title: "方法", Width: 8}, {Title: "路径", Width: 40}, {Title: "状态", Width: 8}, {Title: "结果代码", Width: 22}, {Title: "毫秒", Width: 8}, {Title: "字节", Width: 10}, {Title: "来源", Width: 16}, {Title: "请求号", Width: 28}})
	if err != nil {
		return nil, err
	}
	for page := 1; ; page++ {
		rows, _, err := listCalls(ctx, s.db.Read(), f, httpx.Paging{Page: page, Size: 2000})
		if err != nil {
			return nil, err
		}
		for _, c := range rows {
			if err := w.Add(c.At.Time().In(clock.Shanghai()).Format("2006-01-02 15:04:05.000"), c.AppName, c.KindName, c.Operation, c.Method, c.Path, c.Status, c.Code, c.Ms, c.Bytes, c.IP, c.RequestID); err != nil {
				return nil, err
			}
		}
		if len(rows) < 2000 {
			break
		}
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		return nil, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return audit.Record(ctx, tx, audit.Entry{Act: "interface.calls.export", Object: "integration.calls", Summary: "导出接口调用日志 " + num(int(n)) + " 条", After: f})
	})
	if err != nil {
		return nil, err
	}
	return sheet.Attachment("接口调用日志.xlsx", b.Bytes()), nil
}
