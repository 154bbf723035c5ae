package alerts

import (
	"context"
	"fmt"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Rules lists the versions of the rules that the actor may see.
func (s *Service) Rules(ctx context.Context, kind, camera string) (Rules, error) {
	who, err := access.Need(ctx, access.AlertView)
	if err != nil {
		return nil, err
	}
	return rulesSeen(ctx, s.db.Read(), who, kind, camera)
}

// mayRule tells whether the actor may set a rule: one for every camera is the
// city's, one for a camera is of whoever has the camera in the scope.
func mayRule(who access.Actor, region string) error {
	if region == "" {
		region = region1
	}
	if !who.Scope.Covers(region) {
		return errs.Forbidden("全市规则由市局设置；您可以为本区的点位单独设置")
	}
	return nil
}

// region1 is the whole city.
const region1 = "31"

// PublishRule adds a version. Recognitions from its beginning on are judged by
// it; what was judged before stays.
func (s *Service) PublishRule(ctx context.Context, in RuleInput) (Rule, error) {
	who, err := access.Need(ctx, access.AlertRule)
	if err != nil {
		return Rule{}, err
	}
	if err := in.check(clock.At(s.db.Now())); err != nil {
		return Rule{}, err
	}
	r := Rule{
		ID: s.newID(), Kind: in.Kind, CameraID: in.CameraID, AutoScore: in.AutoScore, MergeMinutes: in.MergeMinutes, NearestM: in.NearestM,
		Reason: in.Reason, MadeBy: who.ID, MadeName: who.Name,
	}
	if err := s.aimRule(ctx, who, &r); err != nil {
		return Rule{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		r.MadeAt = clock.At(tx.Now())
		r.FromAt = r.MadeAt
		if in.FromAt != nil {
			r.FromAt = max(*in.FromAt, r.MadeAt)
		}
		old, err := lastVersion(ctx, tx, r.Kind, r.CameraID)
		if err != nil {
			return err
		}
		r.Version = 1
		if old != nil {
			r.Version = old.Version + 1
		}
		if err := addRule(ctx, tx, r); err != nil {
			return err
		}
		return s.noteRule(ctx, tx, "alert.rule", r, ruleTrace(old), ruleTrace(&r), in.Reason)
	})
	if err != nil {
		return Rule{}, fmt.Errorf("publish alert rule: %w", err)
	}
	return r, nil
}

// EndRule takes a rule out of force; the next wider one counts again. The rule
// for every kind and camera stays.
func (s *Service) EndRule(ctx context.Context, kind, camera, reason string) error {
	who, err := access.Need(ctx, access.AlertRule)
	if err != nil {
		return err
	}
	var f errs.Fields
	reason = noteText(&f, "reason", reason, true)
	f.Check(kind != AnyKind || camera != "", "kind", "全部类型的全市规则不能停用，请改为新的一版")
	if err := f.Err(); err != nil {
		return err
	}
	r := Rule{Kind: kind, CameraID: camera}
	if err := s.aimRule(ctx, who, &r); err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, err := lastVersion(ctx, tx, kind, camera)
		if err != nil {
			return err
		}
		if old == nil || old.ToAt != nil && *old.ToAt <= clock.At(tx.Now()) {
			return errs.NotFound("规则")
		}
		r.ID, r.Version = old.ID, old.Version
		if err := endRules(ctx, tx, kind, camera, clock.At(tx.Now())); err != nil {
			return err
		}
		return s.noteRule(ctx, tx, "alert.ruleEnd", r, ruleTrace(old), nil, reason)
	})
	if err != nil {
		return fmt.Errorf("end alert rule: %w", err)
	}
	return nil
}

// aimRule checks whose the rule is and names its camera.
func (s *Service) aimRule(ctx context.Context, who access.Actor, r *Rule) error {
	if r.CameraID == "" {
		return mayRule(who, "")
	}
	spots, err := s.places.Spots(ctx, []string{r.CameraID})
	if err != nil {
		return fmt.Errorf("look up camera: %w", err)
	}
	p, ok := spots[r.CameraID]
	if !ok || !who.Scope.Covers(p.RegionCode) {
		return errs.Invalidf("cameraId", "没有这个点位，或不在您的数据范围内")
	}
	r.CameraName, r.RegionCode = p.Name, p.RegionCode
	return nil
}

func (s *Service) noteRule(ctx context.Context, tx db.Tx, act string, r Rule, before, after any, reason string) error {
	of := r.CameraName
	if of == "" {
		of = "全部点位"
	}
	kind := KindLabel(r.Kind)
	if r.Kind == AnyKind {
		kind = "全部类型"
	}
	return audit.Record(ctx, tx, audit.Entry{
		Act: act, Object: "alertRule", ObjectID: r.ID, RegionCode: r.RegionCode,
		Summary: fmt.Sprintf("预警规则 %s，%s，第 %d 版", kind, of, r.Version), Before: before, After: after, Reason: reason,
	})
}

func ruleTrace(r *Rule) any {
	if r == nil {
		return nil
	}
	return map[string]any{"version": r.Version, "autoScore": r.AutoScore, "mergeMinutes": r.MergeMinutes, "nearestM": r.NearestM, "from": r.FromAt}
}

// PrecisionView is how right the recognitions were.
type PrecisionView struct {
	Buckets []Precision       `json:"buckets"`
	Cameras []CameraPrecision `json:"cameras" doc:"The cameras that were wrong most often"`
}

// PrecisionOf tells how right the recognitions of a filter were, as people
// decided.
func (s *Service) PrecisionOf(ctx context.Context, f PrecisionFilter) (PrecisionView, error) {
	who, err := access.Need(ctx, access.AlertView)
	if err != nil {
		return PrecisionView{}, err
	}
	if err := f.check(); err != nil {
		return PrecisionView{}, err
	}
	var v PrecisionView
	if v.Buckets, err = precision(ctx, s.db.Read(), who, f); err != nil {
		return v, err
	}
	v.Cameras, err = worst(ctx, s.db.Read(), who, f)
	return v, err
}
