package shops

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/textkey"
	"jiexun/center/internal/shops/match"
)

// Pictures tells whether a picture is in the file store.
type Pictures interface {
	Has(ctx context.Context, sm3 string) (bool, error)
}

// Keys seal telephone numbers and give what they are found by.
type Keys interface {
	Seal(purpose, plain, aad string) (string, error)
	OpenOrPlain(purpose, text, aad string) (string, error)
	Blind(purpose, plain string) string
	Blinds(purpose, plain string) []string
}

// purposePhone is what the keys know the telephone numbers of shops by.
const purposePhone = "shop.phone"

// Sealed are the columns with sealed texts.
func Sealed() []crypto.Column {
	return []crypto.Column{
		{Purpose: purposePhone, Table: "shop_items", ID: "id", Column: "contact", Blind: "contact_blind"},
		{Purpose: purposePhone, Table: "shop_versions", ID: "id", Column: "contact"},
	}
}

func sealed(text string) bool { return crypto.Sealed(text) }

// Options are what the service needs. NewID and Wake may be nil.
type Options struct {
	DB       *db.DB
	Keys     Keys
	Regions  *region.Tree
	Pictures Pictures
	NewID    ids.Source
	Wake     func()
}

// Service has the use cases of shops. It is safe for concurrent use.
type Service struct {
	db       *db.DB
	keys     Keys
	regions  *region.Tree
	pictures Pictures
	newID    ids.Source
	wake     func()
	matcher  *match.Matcher
}

// New makes the service.
func New(o Options) *Service {
	if o.NewID == nil {
		o.NewID = ids.New
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	return &Service{db: o.DB, keys: o.Keys, regions: o.Regions, pictures: o.Pictures, newID: o.NewID, wake: o.Wake, matcher: match.NewMatcher()}
}

// List gives one page of the shops that the actor may see.
func (s *Service) List(ctx context.Context, f Filter, p httpx.Paging) (httpx.List[Listed], error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return httpx.List[Listed]{}, err
	}
	f.Q = strings.TrimSpace(p.Q)
	items, total, err := s.list(ctx, s.db.Read(), who, f, p)
	if err != nil {
		return httpx.List[Listed]{}, err
	}
	return httpx.NewList(items, total, p, s.db.Now()), nil
}

// Get gives one shop.
func (s *Service) Get(ctx context.Context, id string) (Listed, error) {
	who, err := access.Need(ctx, access.ShopView)
	if err != nil {
		return Listed{}, err
	}
	shop, err := get(ctx, s.db.Read(), who, id)
	if err != nil {
		return Listed{}, err
	}
	out, err := withOpen(ctx, s.db.Read(), []shopRow{*rowOf(shop, "")})
	if err != nil {
		return Listed{}, err
	}
	out[0].Shop.UpdatedAt = shop.UpdatedAt
	return out[0], nil
}

// Create adds a shop.
func (s *Service) Create(ctx context.Context, in Input) (Shop, error) {
	return s.write(ctx, "", in)
}

// Update changes a shop.
func (s *Service) Update(ctx context.Context, id string, in Input) (Shop, error) {
	return s.write(ctx, id, in)
}

func (s *Service) write(ctx context.Context, id string, in Input) (Shop, error) {
	who, err := access.Need(ctx, access.ShopEdit)
	if err != nil {
		return Shop{}, err
	}
	if err := s.checkInput(ctx, who, &in); err != nil {
		return Shop{}, err
	}
	var out Shop
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := checkZone(ctx, tx, who, in); err != nil {
			return err
		}
		var old Shop
		if id != "" {
			if old, err = get(ctx, tx, who, id); err != nil {
				return err
			}
			if old.Rev != in.Rev {
				return changed(old)
			}
		}
		next := s.merge(old, in, tx)
		c := change{act: "shop.create", verb: "新增商铺", reason: in.Reason}
		if id != "" {
			c.act, c.verb = "shop.update", "修改商铺"
		}
		out, err = s.save(ctx, tx, c, old, next)
		return err
	})
	if err != nil {
		return Shop{}, fmt.Errorf("write shop: %w", err)
	}
	return out, nil
}

// checkInput looks at what a person wrote, before any row is read.
func (s *Service) checkInput(ctx context.Context, who access.Actor, in *Input) error {
	if err := in.check(s.regions.Street); err != nil {
		return err
	}
	if !who.Scope.Covers(in.RegionCode) {
		return errs.Invalidf("regionCode", "%s不在您的数据范围内", s.regions.Name(in.RegionCode))
	}
	pics := map[string]string{"signReferenceSm3": in.SignReferenceSM3, "pledgeSm3": in.PledgeSM3}
	for _, p := range in.Permits {
		if p.SM3 != "" {
			pics["permits"] = p.SM3
		}
	}
	for field, sm3 := range pics {
		if err := s.checkPicture(ctx, field, sm3); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) checkPicture(ctx context.Context, field, sm3 string) error {
	if sm3 == "" {
		return nil
	}
	ok, err := s.pictures.Has(ctx, sm3)
	if err != nil {
		return fmt.Errorf("look for picture: %w", err)
	}
	if !ok {
		return errs.Invalidf(field, "图片还没有上传")
	}
	return nil
}

func checkZone(ctx context.Context, tx db.Tx, who access.Actor, in Input) error {
	if in.CameraID == "" {
		return nil
	}
	ok, err := zoneExists(ctx, tx, who, in.CameraID, in.ZoneID)
	if err != nil {
		return err
	}
	if !ok {
		return errs.Invalidf("zoneId", "没有这个点位或围栏，或不在您的数据范围内")
	}
	return nil
}

// merge lays what a person wrote over a shop.
func (s *Service) merge(old Shop, in Input, tx db.Tx) Shop {
	n := old
	n.Name, n.SignName, n.Address, n.RegionCode = in.Name, in.SignName, in.Address, in.RegionCode
	n.Lng, n.Lat, n.Business, n.DoorLine = in.Lng, in.Lat, in.Business, in.DoorLine
	n.CameraID, n.ZoneID, n.SignReferenceSM3 = in.CameraID, in.ZoneID, in.SignReferenceSM3
	n.Permits, n.PledgeYMD, n.PledgeSM3, n.Smart, n.State = in.Permits, in.PledgeYMD, in.PledgeSM3, in.Smart, in.State
	if !strings.Contains(in.Operator, "*") {
		n.Operator = in.Operator
	}
	if !strings.Contains(in.CreditCode, "*") {
		n.CreditCode = in.CreditCode
	}
	if !strings.Contains(in.Contact, "*") {
		n.contact, n.ContactMask = in.Contact, Mask(in.Contact)
	}
	n.Aliases = nil
	for _, a := range in.Aliases {
		n.Aliases = append(n.Aliases, ShopAlias{Name: a, Kind: "alias"})
	}
	for _, a := range old.Aliases {
		if a.Kind == "former" {
			n.Aliases = append(n.Aliases, a)
		}
	}
	if n.Source == "" {
		n.Source = FromPerson
		if in.Source != "" {
			n.Source = in.Source
		}
	}
	n.formerNames(old, int64(clock.YMD(tx.Now())))
	return n
}

// formerNames keeps names that the shop had and has no more.
func (s *Shop) formerNames(old Shop, today int64) {
	if old.ID == "" {
		return
	}
	for _, name := range []string{old.SignName, old.Name} {
		if name == "" || slices.Contains(s.Names(), name) || slices.ContainsFunc(s.Aliases, func(a ShopAlias) bool { return a.Name == name && a.Kind == "former" }) {
			continue
		}
		s.Aliases = append(s.Aliases, ShopAlias{Name: name, Kind: "former", Until: today})
	}
	if n := len(s.Aliases); n > 40 {
		s.Aliases = s.Aliases[:40]
	}
}

// change says what a write is called, why it is made, and the act on several
// shops that it belongs to.
type change struct {
	act, verb, reason string
	op                string
}

// save writes a shop with its history, search keys, audit record and event.
// Everything that writes shops goes through here.
func (s *Service) save(ctx context.Context, tx db.Tx, c change, old, next Shop) (Shop, error) {
	next.StreetName = s.regions.Street(next.RegionCode)
	d := doorOf(next.Address)
	next.Road, next.HouseNo, next.Side = d.road, d.no, d.side
	var err error
	if old.ID == "" {
		next.ID, next.Rev = s.newID(), 1
		if next.No, err = s.number(ctx, tx, next.RegionCode); err != nil {
			return next, err
		}
	}
	if next, err = s.seal(next); err != nil {
		return next, err
	}
	text := s.searchText(next)
	if old.ID == "" {
		err = insert(ctx, tx, next, text)
	} else {
		if err = s.keepOld(ctx, tx, old); err == nil {
			next, err = update(ctx, tx, next, text)
		}
	}
	if err != nil {
		return next, err
	}
	if old.ID == "" || s.searchText(old) != text || (old.DeletedAt == nil) != (next.DeletedAt == nil) {
		if err := setGrams(ctx, tx, map[string][]int64{next.ID: s.searchKeys(next)}); err != nil {
			return next, err
		}
	}
	v, err := s.version(tx, c, next, caller.From(ctx))
	if err != nil {
		return next, err
	}
	if err := keepVersions(ctx, tx, []versionRow{v}); err != nil {
		return next, err
	}
	return next, s.note(ctx, tx, c, old, next)
}

func (s *Service) number(ctx context.Context, tx db.Tx, region string) (string, error) {
	n, err := numbers(ctx, tx, region, 1)
	return shopNo(region, n), err
}

func shopNo(region string, n int64) string { return fmt.Sprintf("SP-%s-%05d", region, n) }

// seal makes the telephone number unreadable in the row.
func (s *Service) seal(x Shop) (Shop, error) {
	if x.contact == "" || sealed(x.contact) {
		if x.contact == "" {
			x.blind, x.ContactMask = "", ""
		}
		return x, nil
	}
	plain := x.contact
	var err error
	if x.contact, err = s.keys.Seal(purposePhone, plain, "shop_items.contact:"+x.ID); err != nil {
		return x, fmt.Errorf("seal the number of shop %s: %w", x.ID, err)
	}
	x.blind, x.ContactMask = s.keys.Blind(purposePhone, digits(plain)), Mask(plain)
	return x, nil
}

func digits(phone string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, phone)
}

// phone opens the telephone number of a shop.
func (s *Service) phone(x Shop) (string, error) {
	if x.contact == "" {
		return "", nil
	}
	return s.keys.OpenOrPlain(purposePhone, x.contact, "shop_items.contact:"+x.ID)
}

// indexVersion changes when rows have to be indexed anew.
const indexVersion = 1

// searchText is what a search looks through.
func (s *Service) searchText(x Shop) string {
	names := x.Names()
	for _, a := range x.Aliases {
		if a.Kind == "former" {
			names = append(names, a.Name)
		}
	}
	return textkey.Text(append(names, x.Address), x.StreetName, x.Business, x.No, x.CreditCode)
}

// searchKeys are the pairs by which a shop is found.
func (s *Service) searchKeys(x Shop) []int64 {
	names := x.Names()
	for _, a := range x.Aliases {
		if a.Kind == "former" {
			names = append(names, a.Name)
		}
	}
	return textkey.Keys(append(names, x.Address, x.StreetName, x.Business)...)
}

// note writes the audit record and the event of a change.
func (s *Service) note(ctx context.Context, tx db.Tx, c change, before, after Shop) error {
	err := audit.Record(ctx, tx, audit.Entry{
		Act: c.act, Object: "shop", ObjectID: after.ID, RegionCode: after.RegionCode, Summary: c.verb + " " + after.Name,
		Before: trace(before), After: trace(after), Reason: c.reason,
	})
	if err != nil {
		return err
	}
	tx.AfterCommit(s.wake)
	return events.Publish(ctx, tx, TopicChanged, Changed{ID: after.ID, RegionCode: after.RegionCode, MergedInto: after.MergedInto})
}

// trace is the part of a shop that the audit record keeps: numbers masked.
func trace(s Shop) any {
	if s.ID == "" {
		return nil
	}
	return map[string]any{
		"no": s.No, "name": s.Name, "signName": s.SignName, "aliases": s.Aliases, "address": s.Address, "regionCode": s.RegionCode, "business": s.Business,
		"operator": MaskName(s.Operator), "creditCode": MaskCode(s.CreditCode), "contact": s.ContactMask, "cameraId": s.CameraID, "zoneId": s.ZoneID, "sign": s.SignReferenceSM3,
		"permits": s.Permits, "pledgeYmd": s.PledgeYMD, "smart": s.Smart, "state": s.State, "deleted": s.DeletedAt != nil, "mergedInto": s.MergedInto, "rev": s.Rev,
	}
}

// SeesBlob tells whether the actor may see a picture because of a shop or a
// sighting.
func (s *Service) SeesBlob(ctx context.Context, sm3 string) (bool, error) {
	who, err := access.From(ctx)
	if err != nil || !who.Has(access.ShopView) {
		return false, err
	}
	return seesBlob(ctx, s.db.Read(), who.For(access.ShopView), sm3)
}
