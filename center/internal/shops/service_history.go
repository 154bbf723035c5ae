package shops

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// version is the state of a shop as the history keeps it.
func (s *Service) version(tx db.Tx, c change, x Shop, by caller.Caller) (versionRow, error) {
	v := versionRow{ID: s.newID(), ShopID: x.ID, Rev: x.Rev, At: clock.At(tx.Now()), ByID: by.ID, ByName: by.Name, Act: c.act, Reason: c.reason, OpID: c.op, Body: asJSON(x)}
	plain, err := s.phone(x)
	if err != nil {
		// What does not open cannot be carried on; the row itself keeps it.
		return v, nil //nolint:nilerr // told to the observer of tampering by the keys
	}
	if v.Contact, err = s.keys.Seal(purposePhone, plain, "shop_versions.contact:"+v.ID); err != nil {
		return v, fmt.Errorf("keep the history of shop %s: %w", x.ID, err)
	}
	return v, nil
}

// keepOld makes sure that the state before a change is in the history, for
// shops that were written before there was one.
func (s *Service) keepOld(ctx context.Context, tx db.Tx, old Shop) error {
	v, err := s.version(tx, change{act: "shop.before"}, old, caller.Caller{})
	if err != nil {
		return err
	}
	v.At = old.UpdatedAt
	return keepVersions(ctx, tx, []versionRow{v})
}

// ShopField is one field of a change.
type ShopField struct {
	Name   string `json:"name"`
	Label  string `json:"label"`
	Before string `json:"before"`
	After  string `json:"after"`
}

// ShopChange is one change in the history of a shop.
type ShopChange struct {
	Rev    int64       `json:"rev"`
	At     clock.Stamp `json:"at"`
	By     string      `json:"by"`
	Act    string      `json:"act"`
	Reason string      `json:"reason"`
	OpID   string      `json:"opId"`
	Fields []ShopField `json:"fields"`
}

// History gives the changes of a shop, newest first, with what each field was
// before and after.
func (s *Service) History(ctx context.Context, id string) ([]ShopChange, error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return nil, err
	}
	if _, err := getAny(ctx, s.db.Read(), who, id); err != nil {
		return nil, err
	}
	rows, err := versions(ctx, s.db.Read(), id, 200)
	if err != nil {
		return nil, err
	}
	out := make([]ShopChange, 0, len(rows))
	for i, r := range rows {
		e := ShopChange{Rev: r.Rev, At: r.At, By: r.ByName, Act: r.Act, Reason: r.Reason, OpID: r.OpID, Fields: []ShopField{}}
		var before *Shop
		if i+1 < len(rows) {
			b := fromJSON[Shop](rows[i+1].Body)
			before = &b
		}
		after := fromJSON[Shop](r.Body)
		e.Fields = differences(before, &after)
		if before != nil && s.contactChanged(rows[i+1], r) && before.ContactMask == after.ContactMask {
			e.Fields = append(e.Fields, ShopField{Name: "contact", Label: "联系电话", Before: before.ContactMask, After: after.ContactMask + "（中间几位不同）"})
		}
		out = append(out, e)
	}
	return out, nil
}

// contactChanged tells whether two numbers differ that look alike when shown.
func (s *Service) contactChanged(a, b versionRow) bool {
	x, err1 := s.keys.OpenOrPlain(purposePhone, a.Contact, "shop_versions.contact:"+a.ID)
	y, err2 := s.keys.OpenOrPlain(purposePhone, b.Contact, "shop_versions.contact:"+b.ID)
	return err1 == nil && err2 == nil && x != y
}

// labels are the fields that the history tells, in order.
func labels() [][2]string {
	return [][2]string{
		{"name", "商铺名称"}, {"signName", "登记店招"}, {"aliases", "别名与曾用名"}, {"address", "地址"}, {"regionCode", "街镇"}, {"lng", "经度"}, {"lat", "纬度"}, {"doorLine", "门线"},
		{"business", "业态"}, {"operator", "经营者"}, {"creditCode", "信用代码"}, {"contactMask", "联系电话"}, {"cameraId", "关联点位"}, {"zoneId", "关联围栏"},
		{"signReferenceSm3", "店招底图"}, {"permits", "许可"}, {"pledgeYmd", "告知承诺书签署日"}, {"pledgeSm3", "告知承诺书"}, {"smart", "智能监管"}, {"state", "状态"},
		{"mergedInto", "并入"}, {"deletedAt", "删除"}, {"deletedWhy", "删除原因"},
	}
}

func differences(before, after *Shop) []ShopField {
	out := []ShopField{}
	a, b := flat(before), flat(after)
	for _, l := range labels() {
		if a[l[0]] != b[l[0]] {
			out = append(out, ShopField{Name: l[0], Label: l[1], Before: a[l[0]], After: b[l[0]]})
		}
	}
	return out
}

// flat gives the fields of a shop as texts.
func flat(s *Shop) map[string]string {
	out := map[string]string{}
	if s == nil {
		return out
	}
	masked := *s
	masked.Operator, masked.CreditCode = MaskName(s.Operator), MaskCode(s.CreditCode)
	v := reflect.ValueOf(masked)
	for i := range v.NumField() {
		tag, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if tag == "" || tag == "-" || v.Field(i).IsZero() {
			continue
		}
		switch x := v.Field(i).Interface().(type) {
		case string:
			out[tag] = x
			if tag == "state" {
				out[tag] = stateName(x)
			}
		case []ShopAlias:
			names := []string{}
			for _, a := range x {
				names = append(names, a.Name+map[string]string{"former": "（曾用）"}[a.Kind])
			}
			out[tag] = strings.Join(names, "、")
		case []ShopPermit:
			names := []string{}
			for _, p := range x {
				names = append(names, strings.TrimSpace(p.Kind+" "+p.No))
			}
			out[tag] = strings.Join(names, "、")
		case bool:
			out[tag] = "是"
		default:
			b, err := json.Marshal(x)
			if err == nil {
				out[tag] = strings.Trim(string(b), `"`)
			}
		}
	}
	return out
}

func stateName(s string) string {
	if s == Closed {
		return "停业"
	}
	return "在营"
}

// touched is one shop of an act: its revisions before and after. Before 0
// means that the act made it.
type touched struct {
	ID     string `json:"id"`
	Before int64  `json:"before"`
	After  int64  `json:"after"`
}

// opBody is what an act has to know to be taken back.
type opBody struct {
	Shops     []touched       `json:"shops"`
	Sightings []sightingState `json:"sightings,omitempty"`
}

// op is an act on several rows that is being made.
type op struct {
	s    *Service
	id   string
	kind string
	body opBody
}

func (s *Service) newOp(kind string) *op { return &op{s: s, id: s.newID(), kind: kind} }

// save writes a shop as a part of the act.
func (o *op) save(ctx context.Context, tx db.Tx, c change, old, next Shop) (Shop, error) {
	c.op = o.id
	out, err := o.s.save(ctx, tx, c, old, next)
	if err == nil {
		o.body.Shops = append(o.body.Shops, touched{ID: out.ID, Before: old.Rev, After: out.Rev})
	}
	return out, err
}

// done notes the act.
func (o *op) done(ctx context.Context, tx db.Tx, region, summary string) error {
	ids := []string{}
	for _, t := range o.body.Shops {
		if !slices.Contains(ids, t.ID) {
			ids = append(ids, t.ID)
		}
	}
	by := caller.From(ctx)
	return insertOp(ctx, tx, opRow{ID: o.id, Kind: o.kind, At: clock.At(tx.Now()), ByID: by.ID, ByName: by.Name, RegionCode: region, Summary: summary, Body: asJSON(o.body)}, ids)
}

// restored is a shop as a version of it was, to be written over what it is.
func (s *Service) restored(ctx context.Context, tx db.Tx, now Shop, rev int64) (Shop, error) {
	v, err := versionAt(ctx, tx, now.ID, rev)
	if err != nil {
		return Shop{}, err
	}
	next := fromJSON[Shop](v.Body)
	if next.ID != now.ID {
		return Shop{}, errs.Conflict("商铺“" + now.Name + "”的历史版本读不出来，不能恢复")
	}
	if next.contact, err = s.keys.OpenOrPlain(purposePhone, v.Contact, "shop_versions.contact:"+v.ID); err != nil {
		return Shop{}, errs.Wrap(errs.ConflictCode, "历史版本里的联系电话打不开，不能恢复", err)
	}
	next.Rev, next.SeenAt = now.Rev, now.SeenAt
	return next, nil
}

// Undo takes an act back: every shop that it wrote is again as it was. It is
// refused when one of them was changed since.
func (s *Service) Undo(ctx context.Context, id string) (string, error) {
	who, err := access.Need(ctx, access.ShopConfirm)
	if err != nil {
		return "", err
	}
	summary := ""
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r, err := opByID(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if r.Kind != opConfirm {
			if who, err = access.Need(ctx, access.ShopEdit); err != nil {
				return err
			}
		}
		if r.UndoneAt != nil {
			return errs.Conflict("这次操作已经撤销过了")
		}
		summary = r.Summary
		if err := s.undo(ctx, tx, who, r); err != nil {
			return err
		}
		return setUndone(ctx, tx, id, who.Name)
	})
	return summary, err
}

func (s *Service) undo(ctx context.Context, tx db.Tx, who access.Actor, r opRow) error {
	body := fromJSON[opBody](r.Body)
	seen := map[string]bool{}
	// The last write of each shop must still be the newest; then each goes
	// back to before the first.
	first, last := map[string]int64{}, map[string]int64{}
	for _, t := range body.Shops {
		if _, ok := first[t.ID]; !ok {
			first[t.ID] = t.Before
		}
		last[t.ID] = t.After
	}
	for _, t := range body.Shops {
		if seen[t.ID] {
			continue
		}
		seen[t.ID] = true
		now, err := getAny(ctx, tx, who, t.ID)
		if err != nil {
			return err
		}
		if now.Rev != last[t.ID] {
			return errs.Conflict("商铺“" + now.Name + "”在这之后又改过，不能整体撤销，请逐项修改")
		}
		c := change{act: "shop.undo", verb: "撤销：" + r.Summary + "，", op: r.ID}
		next := now
		if first[t.ID] == 0 {
			next.DeletedAt, next.DeletedBy, next.DeletedWhy = clock.Ptr(tx.Now()), who.Name, "撤销"
			next.CameraID, next.ZoneID = "", ""
		} else if next, err = s.restored(ctx, tx, now, first[t.ID]); err != nil {
			return err
		}
		if _, err := s.save(ctx, tx, c, now, next); err != nil {
			return err
		}
	}
	return s.undoSightings(ctx, tx, body.Sightings)
}

// ShopAct is an act on a shop as people see it.
type ShopAct struct {
	ID       string       `json:"id"`
	Kind     string       `json:"kind"`
	At       clock.Stamp  `json:"at"`
	By       string       `json:"by"`
	Summary  string       `json:"summary"`
	UndoneAt *clock.Stamp `json:"undoneAt,omitempty"`
	UndoneBy string       `json:"undoneBy,omitempty"`
}

// Acts lists merges, splits and deletions of a shop, newest first.
func (s *Service) Acts(ctx context.Context, id string) ([]ShopAct, error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return nil, err
	}
	if _, err := getAny(ctx, s.db.Read(), who, id); err != nil {
		return nil, err
	}
	rows, err := opsOf(ctx, s.db.Read(), id)
	out := make([]ShopAct, len(rows))
	for i, r := range rows {
		out[i] = ShopAct{ID: r.ID, Kind: r.Kind, At: r.At, By: r.ByName, Summary: r.Summary, UndoneAt: r.UndoneAt, UndoneBy: r.UndoneBy}
	}
	return out, err
}

// recordPhoto records what was done with a picture of a shop.
func (s *Service) recordPhoto(ctx context.Context, tx db.Tx, x Shop, verb, sm3, kind string) error {
	return audit.Record(ctx, tx, audit.Entry{Act: "shop.photo", Object: "shop", ObjectID: x.ID, RegionCode: x.RegionCode, Summary: x.Name + " " + verb, After: map[string]string{"sm3": sm3, "kind": kind}})
}
