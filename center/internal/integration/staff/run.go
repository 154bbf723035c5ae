package staff

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/ids"
)

const (
	maxPages  = 2000
	maxPage   = 8 << 20
	maxDetail = 500
	// stuckAfter is when a run that never ended lets another begin.
	stuckAfter = 30 * time.Minute
	// smallBody is the number of disablings that the percentage never
	// forbids.
	smallBody = 3
)

// page is an answer of the personnel system.
type page struct {
	Items []StaffTheirs `json:"items"`
	// Next is the cursor for the following page, and after the last one for
	// the next run.
	Next string `json:"next"`
	More bool   `json:"more"`
}

// fetch reads everything after the cursor. Of a record that comes twice the
// highest version counts, whatever the order.
func (s *Service) fetch(ctx context.Context, src sourceRow) ([]StaffTheirs, string, error) {
	token := ""
	if src.Sealed != "" {
		var err error
		if token, err = s.o.Keys.Open(keyPurpose, src.Sealed, aad(src.ID)); err != nil {
			return nil, "", errs.Wrap(errs.Internal, "同步令牌打不开", err)
		}
	}
	byID, order := map[string]StaffTheirs{}, []string{}
	cursor := src.Cursor
	for range maxPages {
		p, err := s.fetchPage(ctx, src, token, cursor)
		if err != nil {
			return nil, "", err
		}
		for _, t := range p.Items {
			key := t.Kind + "/" + t.ID
			old, have := byID[key]
			if !have {
				order = append(order, key)
			}
			if !have || t.Version > old.Version {
				byID[key] = t
			}
		}
		if p.More && (p.Next == "" || p.Next == cursor) {
			return nil, "", errs.New(errs.Unavailable, "对方的分页没有前进，已停止")
		}
		if p.Next != "" {
			cursor = p.Next
		}
		if !p.More {
			out := make([]StaffTheirs, 0, len(order))
			for _, k := range order {
				out = append(out, byID[k])
			}
			// Organisations first: people refer to them.
			slices.SortStableFunc(out, func(a, b StaffTheirs) int {
				if a.Kind == b.Kind {
					return 0
				}
				if a.Kind == "org" {
					return -1
				}
				return 1
			})
			return out, cursor, nil
		}
	}
	return nil, "", errs.New(errs.Unavailable, "对方的数据超过 %d 页，请调大每页条数", maxPages)
}

func (s *Service) fetchPage(ctx context.Context, src sourceRow, token, cursor string) (page, error) {
	u, err := url.Parse(src.URL)
	if err != nil {
		return page{}, errs.Invalidf("url", "来源地址不正确")
	}
	q := u.Query()
	q.Set("cursor", cursor)
	q.Set("size", strconv.Itoa(src.PageSize))
	u.RawQuery = q.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return page{}, errs.Invalidf("url", "来源地址不正确")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	res, err := s.o.Client.Do(req)
	if err != nil {
		return page{}, errs.Wrap(errs.Unavailable, "人员系统连接不上", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return page{}, errs.New(errs.Unavailable, "人员系统应答 %d", res.StatusCode)
	}
	raw, err := io.ReadAll(io.LimitReader(res.Body, maxPage+1))
	if err != nil || len(raw) > maxPage {
		return page{}, errs.Wrap(errs.Unavailable, "人员系统的应答没有读完或过大", err)
	}
	return parsePage(raw)
}

// parsePage reads an answer; a record whose form is wrong is kept and fails
// by itself, so that one bad record does not stop the others.
func parsePage(raw []byte) (page, error) {
	var p page
	if err := json.Unmarshal(raw, &p); err != nil {
		return page{}, errs.Wrap(errs.Unavailable, "人员系统的应答不是约定的格式", err)
	}
	return p, nil
}

// run fetches, judges and applies.
func (s *Service) run(ctx context.Context, src sourceRow, preview bool, by string) (StaffRun, error) {
	r := runRow{ID: ids.New(), SourceID: src.ID, State: "running", Detail: "[]", ByName: by}
	if preview {
		r.Preview = 1
	}
	err := s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r.StartedAt = clock.At(tx.Now())
		busy, err := running(ctx, tx, src.ID, clock.At(tx.Now().Add(-stuckAfter)))
		if err != nil {
			return err
		}
		if busy {
			return errs.Conflict("这个来源正在同步，请等它结束")
		}
		return save(ctx, tx, &r, "run")
	})
	if err != nil {
		return StaffRun{}, err
	}
	acts := []StaffAct{}
	cursor, err := s.work(ctx, src, &r, &acts)
	r.State = "done"
	var e *errs.Error
	switch {
	case errors.Is(err, errRefused):
		r.State, r.Note = "refused", fmt.Sprintf("将停用 %d 人，超过上限 %d%%，没有做任何改动。请核实后调整上限再同步", r.Disabled, src.LimitPercent)
	case errors.As(err, &e):
		r.State, r.Note = "failed", e.Message
	case err != nil:
		s.o.Log.Error("synchronisation failed", "source", src.Name, "err", err)
		r.State, r.Note = "failed", "系统出了问题，详见日志"
	}
	r.Detail = toJSON(acts[:min(len(acts), maxDetail)])
	end := s.db.InTx(context.WithoutCancel(ctx), func(ctx context.Context, tx db.Tx) error {
		r.EndedAt = clock.Ptr(tx.Now())
		if err := updateRun(ctx, tx, &r); err != nil || r.State != "done" {
			return err
		}
		return advance(ctx, tx, src.ID, cursor, preview)
	})
	return r.run(), end
}

// errRefused says that a run would disable too many.
var errRefused = errors.New("too many would be disabled")

func (s *Service) work(ctx context.Context, src sourceRow, r *runRow, acts *[]StaffAct) (string, error) {
	list, cursor, err := s.fetch(ctx, src)
	if err != nil {
		return "", err
	}
	r.Seen = len(list)
	src.matched = map[string]string{}
	plans := make([]plan, 0, len(list))
	for _, t := range list {
		p, err := s.judge(ctx, src, t)
		if err != nil {
			return "", err
		}
		if p.act == "disable" {
			r.Disabled++
		}
		if p.act == "add" && t.Kind == "org" {
			src.matched[t.ID] = p.local.ID
		}
		plans = append(plans, p)
	}
	if err := s.withinLimit(ctx, src, r.Disabled); err != nil {
		return "", err
	}
	r.Disabled = 0
	if r.Preview == 0 {
		src.matched = nil // from now on what is linked counts
	}
	for _, p := range plans {
		if r.Preview == 0 {
			// What came before in this run may have changed what this one
			// meets: judged again at the moment of applying.
			if p, err = s.judge(ctx, src, p.t); err != nil {
				return "", err
			}
			if p, err = s.apply(ctx, src, p); err != nil {
				return "", err
			}
		}
		count(r, p)
		if p.act != "same" {
			*acts = append(*acts, StaffAct{Act: p.act, Kind: p.t.Kind, ID: p.t.ID, Name: p.t.Name, Detail: p.why})
		}
	}
	return cursor, nil
}

func (s *Service) withinLimit(ctx context.Context, src sourceRow, n int) error {
	if n <= smallBody {
		return nil
	}
	all, err := s.o.People.Persons(ctx)
	if err != nil {
		return err
	}
	if n*100 > all*src.LimitPercent {
		return errRefused
	}
	return nil
}

func count(r *runRow, p plan) {
	switch p.act {
	case "add":
		r.Added++
	case "rename", "enable":
		r.Changed++
	case "move":
		r.Moved++
	case "disable":
		r.Disabled++
	case "same":
		r.Same++
	case "conflict":
		r.Conflicts++
	default:
		r.Failed++
	}
}
