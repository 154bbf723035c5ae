package shops

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/shops/match"
)

// RulesVersion is one version of the thresholds.
type RulesVersion struct {
	Version int64            `json:"version"`
	Rules   match.Thresholds `json:"rules"`
	Note    string           `json:"note"`
	At      clock.Stamp      `json:"at"`
	By      string           `json:"by"`
}

// rules are the thresholds that hold now; version 0 are the built-in ones.
func (s *Service) rules(ctx context.Context, r reader) (match.Thresholds, int64, error) {
	rows, err := rulesRows(ctx, r, 1)
	if err != nil || len(rows) == 0 {
		return match.DefaultThresholds(), 0, err
	}
	return fromJSON[match.Thresholds](rows[0].Body), rows[0].Version, nil
}

// Rules lists the versions of the thresholds, newest first; the built-in ones
// are the last.
func (s *Service) Rules(ctx context.Context) ([]RulesVersion, error) {
	if _, err := access.Need(ctx, access.ShopView); err != nil {
		return nil, err
	}
	rows, err := rulesRows(ctx, s.db.Read(), 100)
	if err != nil {
		return nil, err
	}
	out := make([]RulesVersion, 0, len(rows)+1)
	for _, r := range rows {
		out = append(out, RulesVersion{Version: r.Version, Rules: fromJSON[match.Thresholds](r.Body), Note: r.Note, At: r.At, By: r.ByName})
	}
	return append(out, RulesVersion{Rules: match.DefaultThresholds(), Note: "出厂规则"}), nil
}

// SetRules makes a new version of the thresholds; base is the version that
// the person saw.
func (s *Service) SetRules(ctx context.Context, base int64, rules match.Thresholds, note string) (RulesVersion, error) {
	who, err := access.Need(ctx, access.ShopRule)
	if err != nil {
		return RulesVersion{}, err
	}
	if field, msg := rules.Validate(); field != "" {
		return RulesVersion{}, errs.Invalidf(field, "%s", msg)
	}
	note = strings.TrimSpace(note)
	if note == "" || len([]rune(note)) > 200 {
		return RulesVersion{}, errs.Invalidf("note", "请写明修改原因，200 个字以内")
	}
	var out RulesVersion
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		old, version, err := s.rules(ctx, tx)
		if err != nil {
			return err
		}
		if version != base {
			return errs.Conflict("规则刚被他人修改，请刷新后再改")
		}
		out = RulesVersion{Version: version + 1, Rules: rules, Note: note, At: clock.At(tx.Now()), By: who.Name}
		if err := insertRules(ctx, tx, rulesRow{Version: out.Version, Body: asJSON(rules), Note: note, At: out.At, ByID: who.ID, ByName: who.Name}); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "shop.rules", Object: "shopRules", ObjectID: fmt.Sprint(out.Version), Summary: fmt.Sprintf("修改排摸比对规则为第 %d 版", out.Version), Before: old, After: rules, Reason: note})
	})
	return out, err
}

// VerdictMove counts sightings whose verdict would be another one.
type VerdictMove struct {
	From string `json:"from"`
	To   string `json:"to"`
	N    int    `json:"n"`
}

// RulesTrial is what other thresholds would change.
type RulesTrial struct {
	Looked  int           `json:"looked"`
	Changed int           `json:"changed"`
	Moves   []VerdictMove `json:"moves"`
	// Persons are how many a person has to look at, before and after.
	Before int `json:"before"`
	After  int `json:"after"`
}

// previewed is how many of the newest sightings a preview judges again.
const previewed = 500

// PreviewRules judges the newest sightings again by other thresholds and
// counts what would change. Nothing is written.
func (s *Service) PreviewRules(ctx context.Context, rules match.Thresholds) (RulesTrial, error) {
	who, err := access.Need(ctx, access.ShopRule)
	if err != nil {
		return RulesTrial{}, err
	}
	if field, msg := rules.Validate(); field != "" {
		return RulesTrial{}, errs.Invalidf(field, "%s", msg)
	}
	out := RulesTrial{Moves: []VerdictMove{}}
	rows, err := recentSightings(ctx, s.db.Read(), who, previewed)
	if err != nil {
		return out, err
	}
	now, _, err := s.rules(ctx, s.db.Read())
	if err != nil {
		return out, err
	}
	at := map[[2]string]int{}
	for _, r := range rows {
		a, err := s.verdictBy(ctx, r, now)
		if err != nil {
			return out, err
		}
		b, err := s.verdictBy(ctx, r, rules)
		if err != nil {
			return out, err
		}
		out.Looked++
		if waits(a) {
			out.Before++
		}
		if waits(b) {
			out.After++
		}
		if a != b {
			out.Changed++
			at[[2]string{string(a), string(b)}]++
		}
	}
	for k, n := range at {
		out.Moves = append(out.Moves, VerdictMove{From: k[0], To: k[1], N: n})
	}
	slices.SortFunc(out.Moves, func(a, b VerdictMove) int { return cmp.Or(b.N-a.N, strings.Compare(a.From+a.To, b.From+b.To)) })
	return out, nil
}

func (s *Service) verdictBy(ctx context.Context, r sightingRow, rules match.Thresholds) (match.Verdict, error) {
	cands, _, at, err := s.around(ctx, s.db.Read(), r, "", rules)
	if err != nil {
		return "", err
	}
	return s.matcher.Judge(match.Reading{Text: r.Text, Lines: fromJSON[[]string](r.TextLines), Confidence: r.Confidence, GlyphPx: r.GlyphPx, At: at, Zoned: r.ZoneID != ""}, cands, rules).Verdict, nil
}
