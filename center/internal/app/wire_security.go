package app

import (
	"context"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/fleet"
	"jiexun/center/internal/integration/trail"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/security"
)

// securityParts watch how the center is used.
type securityParts struct {
	security *security.Service
}

// bureauOrg is the organisation whose security administrators handle alerts.
const bureauOrg = "org-310000"

func (a *App) wireSecurity(ctx context.Context) error {
	s, err := security.New(ctx, security.Options{DB: a.db, Access: a.access, Todos: a.todo, Stream: a.stream, Wake: a.bus.Wake, Log: a.log, Handlers: bureauOrg})
	if err != nil {
		return err
	}
	a.security = s
	a.access.First(s.Refuse)
	a.bus.Subscribe(access.TopicFailed, "security", s.TakeFailed)
	a.bus.Subscribe(access.TopicOpened, "security", s.TakeOpened)
	a.bus.Subscribe(trail.TopicRegistered, "security", s.TakeRegistered)
	a.bus.Subscribe(trail.TopicApproved, "security", s.TakeApproved)
	a.bus.Subscribe(access.TopicRevealed, "security", s.TakeRevealed)
	a.bus.Subscribe(access.TopicGrant, "security", s.TakeGrant)
	a.bus.Subscribe(access.TopicTampered, "security", s.TakeFault(security.RuleIntegrity))
	a.bus.Subscribe(topicIntegrity, "security", s.TakeFault(security.RuleIntegrity))
	a.bus.Subscribe(topicAuditBroken, "security", s.TakeFault(security.RuleAudit))
	a.jobs.Every("security.boxes", "检查边缘盒证书是否被冒用", time.Minute, a.countMisuse)
	a.jobs.Every("security.purge", "清理过期的调用记录", 6*time.Hour, s.Purge)
	return nil
}

// countMisuse tells of boxes whose certificate a second machine uses.
func (a *App) countMisuse(ctx context.Context) error {
	c := caller.From(ctx)
	ctx = access.With(ctx, access.Actor{ID: c.ID, Name: c.Name, Perms: map[string]bool{access.BoxView: true}, Scope: access.SystemScope()})
	list, _, err := a.fleet.List(ctx, fleet.Filter{State: fleet.Duplicate, Order: "b.id", Limit: 200})
	if err != nil {
		return err
	}
	out := make([]security.Misuse, 0, len(list))
	for _, b := range list {
		out = append(out, security.Misuse{BoxID: b.ID, Name: b.Name, RegionCode: b.RegionCode, At: b.Since})
	}
	return a.security.CountMisuse(ctx, out)
}

// Security gives usage and alerts, for commands and tests.
func (a *App) Security() *security.Service { return a.security }

func (a *App) routeSecurity() { a.security.Register(a.api) }
