package directory

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/httpx"
)

// grantPurpose is the key of the codes over grants.
const grantPurpose = "grant"

// genuine drops grants that were changed beside the center; they give
// nothing and are told.
func (s *Service) genuine(rows []grantRow) []WatchGrant {
	out := []WatchGrant{}
	for i := range rows {
		g := rows[i].grant()
		if !s.keys.CheckMAC(grantPurpose, rows[i].MAC, g.parts()...) {
			s.keys.Tell(crypto.Tamper{Purpose: grantPurpose, Where: "dir_grants:" + g.ID, What: "视频授权被改动"})
			continue
		}
		out = append(out, g)
	}
	return out
}

// mine are the grants that an actor has now.
func (s *Service) mine(ctx context.Context, who access.Actor) ([]WatchGrant, error) {
	rows, err := grantsOf(ctx, s.db.Read(), append([]string{who.ID, who.OrgID}, who.Roles...), clock.At(s.db.Now()))
	if err != nil {
		return nil, err
	}
	list := s.genuine(rows)
	return slices.DeleteFunc(list, func(g WatchGrant) bool {
		switch g.SubjectKind {
		case "person":
			return g.SubjectID != who.ID
		case "org":
			return g.SubjectID != who.OrgID
		}
		return !slices.Contains(who.Roles, g.SubjectID)
	}), nil
}

// judge tells whether an actor may do something with a camera, and else why
// not.
func judge(who access.Actor, mine []WatchGrant, c Camera, act string, now clock.Stamp) (ok bool, reason string) {
	if who.Allows(actPerm(act), c.RegionCode) || slices.ContainsFunc(mine, func(g WatchGrant) bool { return g.allows(c, act, now) }) {
		return true, ""
	}
	return false, "您没有点位“" + c.Name + "”的“" + ActName(act) + "”权限，可请有视频授权权限的上级授予"
}

// May tells whether the context's actor may do an act with a camera of their
// scope, and else why not.
func (s *Service) May(ctx context.Context, camera, act string) (ok bool, reason string, err error) {
	_, ok, reason, err = s.may(ctx, camera, act)
	return ok, reason, err
}

func (s *Service) may(ctx context.Context, camera, act string) (c Camera, ok bool, reason string, err error) {
	if actPerm(act) == "" {
		return c, false, "", errs.Invalidf("action", "没有操作 %s", act)
	}
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return c, false, "", err
	}
	if c, err = get(ctx, s.db.Read(), who, camera, false); err != nil {
		return c, false, "", err
	}
	mine, err := s.mine(ctx, who)
	if err != nil {
		return c, false, "", err
	}
	ok, reason = judge(who, mine, c, act, clock.At(s.db.Now()))
	return c, ok, reason, nil
}

// Need gives a camera with which the context's actor may do an act. A
// refusal is audited. Call it outside of a transaction.
func (s *Service) Need(ctx context.Context, camera, act string) (Camera, error) {
	c, ok, reason, err := s.may(ctx, camera, act)
	if err != nil {
		return Camera{}, err
	}
	if ok {
		return c, nil
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		return audit.Record(ctx, tx, audit.Entry{
			Act: "video.refused", Object: "camera", ObjectID: c.ID, RegionCode: c.RegionCode, Summary: "越权" + ActName(act) + "被拒绝：" + c.Name, After: map[string]string{"action": act},
		})
	})
	if err != nil {
		return Camera{}, fmt.Errorf("note a refusal: %w", err)
	}
	return Camera{}, errs.Forbidden(reason)
}

// MakeGrant gives or passes on a grant. Nobody gives more than they have:
// their roles must allow every act on all of the scope for all of the time,
// together with the right to hand out; or one grant that may be passed on
// must cover it.
func (s *Service) MakeGrant(ctx context.Context, in GrantInput) (WatchGrant, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return WatchGrant{}, err
	}
	now := clock.At(s.db.Now())
	g, err := in.grant(now, func(p string) bool { _, ok := s.regions.Get(p); return ok })
	if err != nil {
		return WatchGrant{}, err
	}
	if g.SubjectKind == "person" && g.SubjectID == who.ID {
		return WatchGrant{}, errs.Forbidden("不能给自己授权，请另一位负责人办理")
	}
	mine, err := s.mine(ctx, who)
	if err != nil {
		return WatchGrant{}, err
	}
	scope := access.Scope{Prefixes: g.Prefixes}
	own := holds(who, access.CameraGrant, scope, g.To)
	for _, a := range g.Acts {
		own = own && holds(who, actPerm(a), scope, g.To)
	}
	if !own {
		i := slices.IndexFunc(mine, func(h WatchGrant) bool { return h.mayPass(g, now) })
		if i < 0 {
			return WatchGrant{}, errs.Forbidden("超出您自己的视频权限：区划、类型、操作或有效期不足，或不可转授")
		}
		g.ParentID = mine[i].ID
	}
	g.ID, g.GrantedBy, g.GrantedName, g.CreatedAt = s.newID(), who.ID, who.Name, now
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := insertGrant(ctx, tx, g, s.keys.MAC(grantPurpose, g.parts()...)); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{
			Act: "video.grant", Object: "videoGrant", ObjectID: g.ID, RegionCode: g.Prefixes[0], Reason: g.Reason, After: g,
			Summary: fmt.Sprintf("授予 %s 视频权限：%s", g.SubjectName, strings.Join(actNames(g.Acts), "、")),
		})
	})
	g.State = g.state(now)
	return g, err
}

func actNames(acts []string) []string {
	out := make([]string, len(acts))
	for i, a := range acts {
		out[i] = ActName(a)
	}
	return out
}

// RevokeGrant ends a grant and all that was passed on from it.
func (s *Service) RevokeGrant(ctx context.Context, id, reason string) error {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return err
	}
	if n := len([]rune(strings.TrimSpace(reason))); n < 2 || n > 200 {
		return errs.Invalidf("reason", "请写明收回原因，2 到 200 字")
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := clock.At(tx.Now())
		row, err := grantByID(ctx, tx, id)
		if err != nil {
			return err
		}
		g := row.grant()
		if g.GrantedBy != who.ID && !holds(who, access.CameraGrant, access.Scope{Prefixes: g.Prefixes}, now) {
			return errs.NotFound("视频授权")
		}
		if st := g.state(now); st == "revoked" || st == "ended" {
			return errs.Conflict("这项授权已经结束")
		}
		todo := []WatchGrant{g}
		for i := 0; i < len(todo); i++ {
			below, err := grantsBelow(ctx, tx, todo[i].ID)
			if err != nil {
				return err
			}
			todo = append(todo, below...)
			x := todo[i]
			x.RevokedAt = &now
			if err := revokeGrant(ctx, tx, x.ID, now, who.ID, strings.TrimSpace(reason), s.keys.MAC(grantPurpose, x.parts()...)); err != nil {
				return err
			}
		}
		return audit.Record(ctx, tx, audit.Entry{
			Act: "video.revoke", Object: "videoGrant", ObjectID: g.ID, RegionCode: g.Prefixes[0], Reason: reason, Before: g,
			Summary: fmt.Sprintf("收回 %s 的视频权限，连同转授共 %d 项", g.SubjectName, len(todo)),
		})
	})
}

// Grants lists the grants that the actor gave, has, or may revoke.
func (s *Service) Grants(ctx context.Context, state string, p httpx.Paging) (httpx.List[WatchGrant], error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return httpx.List[WatchGrant]{}, err
	}
	now := s.db.Now()
	rows, total, err := listGrants(ctx, s.db.Read(), who, state, clock.At(now), p)
	if err != nil {
		return httpx.List[WatchGrant]{}, err
	}
	out := s.genuine(rows)
	for i := range out {
		out[i].State = out[i].state(clock.At(now))
	}
	return httpx.NewList(out, total, p, now), nil
}

// Right is whether an act is open, and else why not.
type Right struct {
	Act    string `json:"act"`
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"`
}

// Rights tells what the actor may do with a camera.
func (s *Service) Rights(ctx context.Context, camera string) ([]Right, error) {
	who, err := access.Need(ctx, access.CameraView)
	if err != nil {
		return nil, err
	}
	c, err := get(ctx, s.db.Read(), who, camera, false)
	if err != nil {
		return nil, err
	}
	mine, err := s.mine(ctx, who)
	if err != nil {
		return nil, err
	}
	out := []Right{}
	for _, a := range Acts() {
		ok, why := judge(who, mine, c, a, clock.At(s.db.Now()))
		out = append(out, Right{a, ActName(a), ok, why})
	}
	return out, nil
}
