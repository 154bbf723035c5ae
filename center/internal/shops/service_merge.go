package shops

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Kinds of acts.
const (
	opMerge   = "merge"
	opSplit   = "split"
	opDelete  = "delete"
	opConfirm = "confirm"
)

// Delete takes a shop out of use; its alerts and orders keep its name. It
// gives the id of the act for an undo.
func (s *Service) Delete(ctx context.Context, id string, rev int64, reason string) (string, error) {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return "", err
	}
	o := s.newOp(opDelete)
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		o.body = opBody{}
		old, err := get(ctx, tx, who, id)
		if err != nil {
			return err
		}
		if old.Rev != rev {
			return changed(old)
		}
		next := old
		next.DeletedAt, next.DeletedBy, next.DeletedWhy = clock.Ptr(tx.Now()), who.Name, strings.TrimSpace(reason)
		next.CameraID, next.ZoneID = "", ""
		if _, err = o.save(ctx, tx, change{act: "shop.delete", verb: "删除商铺", reason: reason}, old, next); err != nil {
			return err
		}
		return o.done(ctx, tx, old.RegionCode, "删除商铺 "+old.Name)
	})
	if err != nil {
		return "", fmt.Errorf("delete shop %s: %w", id, err)
	}
	return o.id, nil
}

// Restore takes a deleted shop out of the recycle bin.
func (s *Service) Restore(ctx context.Context, id string, rev int64) (Shop, error) {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return Shop{}, err
	}
	var out Shop
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := getAny(ctx, tx, who, id)
		switch {
		case err != nil:
			return err
		case old.DeletedAt == nil:
			return errs.Conflict("商铺“" + old.Name + "”没有被删除")
		case old.MergedInto != "":
			return errs.Conflict("商铺“" + old.Name + "”是合并时并走的，请在目标商铺的履历里撤销合并")
		case old.Rev != rev:
			return changed(old)
		}
		next := old
		next.DeletedAt, next.DeletedBy, next.DeletedWhy = nil, "", ""
		out, err = s.save(ctx, tx, change{act: "shop.restore", verb: "恢复商铺"}, old, next)
		return err
	})
	return out, err
}

// MergeInput says which shops become one.
type MergeInput struct {
	// Into stays; From become a part of it.
	Into    string
	IntoRev int64
	From    []string
	Reason  string
}

// Merge makes several shops one: the first keeps what it has, takes from the
// others what it lacks, and their names as aliases. Alerts and orders keep
// the shop they were made for; the others answer with a hint where they went.
func (s *Service) Merge(ctx context.Context, in MergeInput) (Shop, string, error) {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return Shop{}, "", err
	}
	switch {
	case len(in.From) == 0 || len(in.From) > 10:
		return Shop{}, "", errs.Invalidf("from", "请选择 1 到 10 家要并入的商铺")
	case slices.Contains(in.From, in.Into):
		return Shop{}, "", errs.Invalidf("from", "不能把商铺并入它自己")
	case strings.TrimSpace(in.Reason) == "":
		return Shop{}, "", errs.Invalidf("reason", "请写明合并原因")
	}
	o := s.newOp(opMerge)
	var out Shop
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		o.body = opBody{}
		into, err := get(ctx, tx, who, in.Into)
		if err != nil {
			return err
		}
		if into.Rev != in.IntoRev {
			return changed(into)
		}
		next, names := into, []string{}
		for _, id := range in.From {
			from, err := get(ctx, tx, who, id)
			if err != nil {
				return err
			}
			names = append(names, from.Name)
			if err := s.takeOver(&next, from); err != nil {
				return err
			}
			if err := copyPictures(ctx, tx, from.ID, into.ID); err != nil {
				return err
			}
			gone := from
			gone.DeletedAt, gone.DeletedBy, gone.DeletedWhy = clock.Ptr(tx.Now()), who.Name, "并入 "+into.Name
			gone.MergedInto, gone.CameraID, gone.ZoneID = into.ID, "", ""
			if _, err := o.save(ctx, tx, change{act: "shop.merge", verb: "并入 " + into.Name + "：", reason: in.Reason}, from, gone); err != nil {
				return err
			}
		}
		if out, err = o.save(ctx, tx, change{act: "shop.merge", verb: "合并商铺 " + strings.Join(names, "、") + " 到", reason: in.Reason}, into, next); err != nil {
			return err
		}
		return o.done(ctx, tx, into.RegionCode, "把 "+strings.Join(names, "、")+" 并入 "+into.Name)
	})
	if err != nil {
		return Shop{}, "", fmt.Errorf("merge shops: %w", err)
	}
	return out, o.id, nil
}

// takeOver fills what a shop lacks from another one.
func (s *Service) takeOver(x *Shop, from Shop) error {
	add := func(name, kind string, until int64) {
		if name != "" && !slices.Contains(x.Names(), name) && len(x.Aliases) < 40 {
			x.Aliases = append(x.Aliases, ShopAlias{Name: name, Kind: kind, Until: until})
		}
	}
	add(from.Name, "alias", 0)
	add(from.SignName, "alias", 0)
	for _, a := range from.Aliases {
		add(a.Name, a.Kind, a.Until)
	}
	for _, f := range []struct{ mine, other *string }{
		{&x.Operator, &from.Operator}, {&x.CreditCode, &from.CreditCode}, {&x.Business, &from.Business}, {&x.SignReferenceSM3, &from.SignReferenceSM3}, {&x.PledgeSM3, &from.PledgeSM3},
	} {
		if *f.mine == "" {
			*f.mine = *f.other
		}
	}
	if x.ZoneID == "" && (x.CameraID == "" || x.CameraID == from.CameraID) {
		x.CameraID, x.ZoneID = from.CameraID, from.ZoneID
	}
	if x.contact == "" {
		plain, err := s.phone(from)
		if err != nil {
			return errs.Wrap(errs.ConflictCode, "商铺“"+from.Name+"”的联系电话打不开，请先改正", err)
		}
		x.contact = plain
	}
	if x.PledgeYMD == 0 {
		x.PledgeYMD, x.Smart = from.PledgeYMD, from.Smart
	}
	if len(x.DoorLine) == 0 {
		x.DoorLine = from.DoorLine
	}
	for _, p := range from.Permits {
		if !slices.Contains(x.Permits, p) && len(x.Permits) < 20 {
			x.Permits = append(x.Permits, p)
		}
	}
	return nil
}

// SplitInput says how one shop becomes two.
type SplitInput struct {
	ID  string
	Rev int64
	// New is the shop that is taken out; Names are aliases of the old one
	// that go with it.
	New    Input
	Names  []string
	Reason string
}

// Split takes a shop out of another one: a front that was divided, or two
// shops that were taken for one.
func (s *Service) Split(ctx context.Context, in SplitInput) (Shop, string, error) {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return Shop{}, "", err
	}
	if strings.TrimSpace(in.Reason) == "" {
		return Shop{}, "", errs.Invalidf("reason", "请写明拆分原因")
	}
	if err := s.checkInput(ctx, who, &in.New); err != nil {
		return Shop{}, "", err
	}
	o := s.newOp(opSplit)
	var out Shop
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		o.body = opBody{}
		old, err := get(ctx, tx, who, in.ID)
		if err != nil {
			return err
		}
		if old.Rev != in.Rev {
			return changed(old)
		}
		if err := checkZone(ctx, tx, who, in.New); err != nil {
			return err
		}
		c := change{act: "shop.split", verb: "拆分商铺 " + old.Name + "：", reason: in.Reason}
		next := old
		next.Aliases = slices.DeleteFunc(slices.Clone(old.Aliases), func(a ShopAlias) bool { return slices.Contains(in.Names, a.Name) })
		if in.New.ZoneID != "" && in.New.ZoneID == old.ZoneID {
			next.ZoneID = ""
		}
		if _, err = o.save(ctx, tx, c, old, next); err != nil {
			return err
		}
		fresh := s.merge(Shop{}, in.New, tx)
		for _, n := range in.Names {
			if !slices.Contains(fresh.Names(), n) {
				fresh.Aliases = append(fresh.Aliases, ShopAlias{Name: n, Kind: "alias"})
			}
		}
		if out, err = o.save(ctx, tx, c, Shop{}, fresh); err != nil {
			return err
		}
		return o.done(ctx, tx, old.RegionCode, "从 "+old.Name+" 拆出 "+out.Name)
	})
	if err != nil {
		return Shop{}, "", fmt.Errorf("split shop %s: %w", in.ID, err)
	}
	return out, o.id, nil
}

// stripLimit bounds the shops of one side of a road.
const stripLimit = 1000

// Strip gives the shops of a road, or of one side of it, in the order of
// their house numbers: odd or even, or all with "".
func (s *Service) Strip(ctx context.Context, road, region, side string) ([]Shop, error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(road) == "" {
		return nil, errs.Invalidf("road", "请选择路段")
	}
	return strip(ctx, s.db.Read(), who, strings.TrimSpace(road), region, side)
}

// Roads lists the roads of a region that have shops.
func (s *Service) Roads(ctx context.Context, region string) ([]ShopRoad, error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return nil, err
	}
	if len(region) < 6 {
		return nil, errs.Invalidf("region", "请选择区或街镇")
	}
	return roads(ctx, s.db.Read(), who, region)
}

// ShopPhoto is a photograph of a shop.
type ShopPhoto struct {
	SM3  string      `json:"sm3"`
	Kind string      `json:"kind"`
	Note string      `json:"note"`
	At   clock.Stamp `json:"at"`
	By   string      `json:"by"`
}

// Photos lists the pictures of a shop, newest first.
func (s *Service) Photos(ctx context.Context, id string) ([]ShopPhoto, error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return nil, err
	}
	if _, err := get(ctx, s.db.Read(), who, id); err != nil {
		return nil, err
	}
	rows, err := pictures(ctx, s.db.Read(), id)
	out := make([]ShopPhoto, len(rows))
	for i, r := range rows {
		out[i] = ShopPhoto{SM3: r.SM3, Kind: r.Kind, Note: r.Note, At: r.CreatedAt, By: r.ByName}
	}
	return out, err
}

// AddPhoto adds an uploaded picture, or changes what is said of it.
func (s *Service) AddPhoto(ctx context.Context, id, sm3, kind, note string) error {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return err
	}
	if !slices.Contains([]string{"front", "licence", "pledge", "sign", "other"}, kind) {
		return errs.Invalidf("kind", "照片类型只能是门头、证照、承诺书、店招或其他")
	}
	if len([]rune(note)) > 100 {
		return errs.Invalidf("note", "说明不能超过 100 个字")
	}
	if err := s.checkPicture(ctx, "sm3", sm3); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		x, err := get(ctx, tx, who, id)
		if err != nil {
			return err
		}
		have, err := pictures(ctx, tx, id)
		if err != nil {
			return err
		}
		if len(have) >= 60 {
			return errs.Invalidf("sm3", "每家商铺最多 60 张照片，请先删除不用的")
		}
		if err := addPicture(ctx, tx, pictureRow{ShopID: id, SM3: sm3, Kind: kind, Note: strings.TrimSpace(note), CreatedAt: clock.At(tx.Now()), ByName: who.Name}); err != nil {
			return err
		}
		return s.recordPhoto(ctx, tx, x, "上传照片", sm3, kind)
	})
}

// DropPhoto takes a picture off a shop.
func (s *Service) DropPhoto(ctx context.Context, id, sm3 string) error {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		x, err := get(ctx, tx, who, id)
		if err != nil {
			return err
		}
		ok, err := dropPicture(ctx, tx, id, sm3)
		if err != nil {
			return err
		}
		if !ok {
			return errs.NotFound("照片")
		}
		return s.recordPhoto(ctx, tx, x, "删除照片", sm3, "")
	})
}
