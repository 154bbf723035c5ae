package signin

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Policy is what an installation asks of passwords and sessions. It is a
// versioned configuration: every change is a new version with its source.
type Policy struct {
	MinLength  int `json:"minLength" minimum:"8" maximum:"64"`
	MinClasses int `json:"minClasses" minimum:"2" maximum:"4"`
	// MaxAgeDays is after how many days a password must be changed; 0 never.
	MaxAgeDays int `json:"maxAgeDays" minimum:"0" maximum:"3650"`
	// History is how many earlier passwords may not be used again.
	History     int `json:"history" minimum:"0" maximum:"24"`
	MaxFailures int `json:"maxFailures" minimum:"3" maximum:"20"`
	LockMinutes int `json:"lockMinutes" minimum:"1" maximum:"1440"`
	IdleMinutes int `json:"idleMinutes" minimum:"5" maximum:"480"`
	// AbsoluteHours ends a session however much it is used.
	AbsoluteHours int `json:"absoluteHours" minimum:"1" maximum:"24"`
	PerIP         int `json:"perIp" minimum:"5" maximum:"10000"`
	PerAccount    int `json:"perAccount" minimum:"3" maximum:"100"`
	// SingleRoles have one session only, TOTPRoles need a one-time code
	// after the password; "*" means everybody.
	SingleRoles []string `json:"singleRoles" maxItems:"64"`
	TOTPRoles   []string `json:"totpRoles" maxItems:"64"`
	// LinkMinutes bounds how long a one-time link holds.
	LinkMinutes int `json:"linkMinutes" minimum:"1" maximum:"1440"`
	// TokenDays bounds the life of an API token.
	TokenDays int `json:"tokenDays" minimum:"1" maximum:"730"`
	// USBKey is the address of the program that talks to USB keys on the
	// person's own machine; empty turns certificates off.
	USBKey string `json:"usbKey" maxLength:"120"`
}

// DefaultPolicy are the values that GB/T 22239 level 2 is usually met with;
// the standard names none, so they are unverified until somebody confirms
// them.
func DefaultPolicy() Policy {
	return Policy{
		MinLength: 10, MinClasses: 3, MaxAgeDays: 90, History: 5, MaxFailures: 5, LockMinutes: 15, IdleMinutes: 30, AbsoluteHours: 12,
		PerIP: 120, PerAccount: 10, SingleRoles: []string{"sys_admin", "sec_admin", "audit_admin"}, TOTPRoles: []string{}, LinkMinutes: 5, TokenDays: 365,
		USBKey: "http://127.0.0.1:17171",
	}
}

const defaultSource = "GB/T 22239-2019 第二级 身份鉴别（具体数值由项目确定，待核）"

func (p Policy) rules() access.SignInRules {
	return access.SignInRules{
		MinLength: p.MinLength, MinClasses: p.MinClasses, MaxFailures: p.MaxFailures, LockFor: time.Duration(p.LockMinutes) * time.Minute,
		Idle: time.Duration(p.IdleMinutes) * time.Minute, Absolute: time.Duration(p.AbsoluteHours) * time.Hour, PerIP: p.PerIP, PerAccount: p.PerAccount,
	}
}

func (Policy) forRoles(list, roles []string) bool {
	return slices.Contains(list, "*") || slices.ContainsFunc(roles, func(r string) bool { return slices.Contains(list, r) })
}

func (p *Policy) validate() error {
	var f errs.Fields
	in := func(name string, v, lo, hi int) { f.Check(v >= lo && v <= hi, name, "应在 %d 到 %d 之间", lo, hi) }
	in("minLength", p.MinLength, 8, 64)
	in("minClasses", p.MinClasses, 2, 4)
	in("maxAgeDays", p.MaxAgeDays, 0, 3650)
	in("history", p.History, 0, 24)
	in("maxFailures", p.MaxFailures, 3, 20)
	in("lockMinutes", p.LockMinutes, 1, 1440)
	in("idleMinutes", p.IdleMinutes, 5, 480)
	in("absoluteHours", p.AbsoluteHours, 1, 24)
	in("perIp", p.PerIP, 5, 10000)
	in("perAccount", p.PerAccount, 3, 100)
	in("linkMinutes", p.LinkMinutes, 1, 1440)
	in("tokenDays", p.TokenDays, 1, 730)
	f.Check(p.USBKey == "" || localURL(p.USBKey), "usbKey", "应为本机地址，例如 http://127.0.0.1:17171")
	f.Check(p.PerAccount > p.MaxFailures, "perAccount", "每分钟次数应大于锁定前的失败次数 %d，否则锁定不会发生", p.MaxFailures)
	return f.Err()
}

// PolicyVersion is one version with where it comes from.
type PolicyVersion struct {
	Version  int         `json:"version"`
	Policy   Policy      `json:"policy"`
	Source   string      `json:"source"`
	Verified bool        `json:"verified"`
	Reason   string      `json:"reason"`
	ByName   string      `json:"byName"`
	At       clock.Stamp `json:"at"`
}

func (r policyRow) view() (PolicyVersion, error) {
	v := PolicyVersion{Version: r.Version, Source: r.Source, Verified: r.Verified == 1, Reason: r.Reason, ByName: r.ByName, At: r.CreatedAt}
	if err := json.Unmarshal([]byte(r.Body), &v.Policy); err != nil {
		return v, fmt.Errorf("read policy %d: %w", r.Version, err)
	}
	return v, nil
}

func (s *Service) seedPolicy(ctx context.Context) error {
	rows, err := policies(ctx, s.db.Read(), 1)
	if err != nil || len(rows) > 0 {
		return err
	}
	b, err := json.Marshal(DefaultPolicy())
	if err != nil {
		return fmt.Errorf("seed policy: %w", err)
	}
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		row := policyRow{Version: 1, Body: string(b), Source: defaultSource, Reason: "初始", ByID: "system", ByName: "系统", CreatedAt: clock.At(tx.Now())}
		return insertOnce(ctx, tx, &row)
	})
}

// policyAge is how long another center may go on with the version before.
const policyAge = 3 * time.Second

// current gives the policy that holds now; when it cannot be read the last
// known one goes on.
func (s *Service) current() Policy {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.db.Now()
	if !s.readAt.IsZero() && now.Sub(s.readAt) < policyAge && !now.Before(s.readAt) {
		return s.policy
	}
	rows, err := policies(context.Background(), s.db.Read(), 1)
	if err == nil && len(rows) == 1 {
		var v PolicyVersion
		if v, err = rows[0].view(); err == nil {
			s.policy, s.readAt = v.Policy, now
			return s.policy
		}
	}
	s.o.Log.Error("sign-in policy is not readable", "err", err)
	if s.readAt.IsZero() {
		s.policy = DefaultPolicy()
	}
	s.readAt = now
	return s.policy
}

// Policies lists the versions, the newest, which holds, first.
func (s *Service) Policies(ctx context.Context) ([]PolicyVersion, error) {
	if _, err := access.Need(ctx, access.SecurityView); err != nil {
		return nil, err
	}
	rows, err := policies(ctx, s.db.Read(), 50)
	if err != nil {
		return nil, err
	}
	out := make([]PolicyVersion, 0, len(rows))
	for _, r := range rows {
		v, err := r.view()
		if err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, nil
}

// SavePolicy makes a new version; base is the version that the editor saw.
func (s *Service) SavePolicy(ctx context.Context, base int, v PolicyVersion) (PolicyVersion, error) {
	who, err := access.Need(ctx, access.SecurityRule)
	if err != nil {
		return v, err
	}
	if err := v.Policy.validate(); err != nil {
		return v, err
	}
	if v.Source == "" {
		return v, errs.Invalidf("source", "请写明依据")
	}
	b, err := json.Marshal(v.Policy)
	if err != nil {
		return v, fmt.Errorf("save policy: %w", err)
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		rows, err := policies(ctx, tx, 1)
		if err != nil {
			return err
		}
		if len(rows) == 0 || rows[0].Version != base {
			return errs.Conflict("策略刚被别人修改过，请刷新后重试")
		}
		row := policyRow{Version: base + 1, Body: string(b), Source: v.Source, Reason: v.Reason, ByID: who.ID, ByName: who.Name, CreatedAt: clock.At(tx.Now())}
		if v.Verified {
			row.Verified = 1
		}
		if err := insert(ctx, tx, "policy", &row); err != nil {
			return err
		}
		before, err := rows[0].view()
		if err != nil {
			return err
		}
		if v, err = row.view(); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			s.mu.Lock()
			s.readAt = time.Time{}
			s.mu.Unlock()
		})
		return audit.Record(ctx, tx, audit.Entry{Act: "signin.policy", Object: "signinPolicy", ObjectID: fmt.Sprint(row.Version),
			Summary: fmt.Sprintf("登录与口令策略改为第 %d 版", row.Version), Before: before.Policy, After: v.Policy, Reason: v.Reason})
	})
	return v, err
}

// mayUse refuses the last passwords of a person.
func (s *Service) mayUse(ctx context.Context, personID, password string, matches func(context.Context, string, string) (bool, error)) error {
	n := s.current().History
	if n == 0 {
		return nil
	}
	rows, err := passwords(ctx, s.db.Read(), personID, int64(n))
	if err != nil {
		return err
	}
	for _, r := range rows {
		same, err := matches(ctx, r.Hash, password)
		if err != nil {
			return fmt.Errorf("compare with earlier passwords: %w", err)
		}
		if same {
			return errs.Invalidf("new", "新密码不能与最近 %d 次用过的密码相同", n)
		}
	}
	return nil
}

// stored keeps a new password's hash for the comparison above.
func (s *Service) stored(ctx context.Context, tx db.Tx, personID, hash string) error {
	return addPassword(ctx, tx, personID, hash, 24)
}

// expired tells whether a person's password is older than the policy allows.
func (s *Service) expired(ctx context.Context, personID string, createdAt clock.Stamp) (bool, error) {
	days := s.current().MaxAgeDays
	if days == 0 {
		return false, nil
	}
	rows, err := passwords(ctx, s.db.Read(), personID, 1)
	if err != nil {
		return false, err
	}
	since := createdAt
	if len(rows) > 0 {
		since = rows[0].CreatedAt
	}
	return s.db.Now().Sub(since.Time()) > time.Duration(days)*24*time.Hour, nil
}
