package orders

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"jiexun/center/internal/access"
	"jiexun/center/internal/platform/errs"
)

// maxBatch is how many orders one press hands on.
const maxBatch = 200

// DispatchChoice is one who could get an order.
type DispatchChoice struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Reason string `json:"reason"`
}

// PlanRow is one order of a batch: to whom it ought to go, or why it cannot
// be handed on.
type PlanRow struct {
	Order Order
	// To is the suggestion, nil when a person has to choose.
	To *DispatchChoice
	// Officer tells that the order goes to an officer and not to a squad.
	Officer bool
	Fault   string
}

// PlanBatch suggests for each order where it should go: a dispatcher's to a
// squad, a squad leader's to an officer. Orders out of scope are left out.
func (s *Service) PlanBatch(ctx context.Context, ids []string) ([]PlanRow, error) {
	who, err := s.viewer(ctx)
	if err != nil {
		return nil, err
	}
	if len(ids) == 0 || len(ids) > maxBatch {
		return nil, errs.Invalidf("ids", "请选择 1 到 %d 张工单", maxBatch)
	}
	list, err := some(ctx, s.db.Read(), who, ids)
	if err != nil {
		return nil, err
	}
	crews := map[string]*crew{}
	out := make([]PlanRow, 0, len(list))
	for _, o := range list {
		row := PlanRow{Order: o}
		p := who.person(o)
		if err := Guard(o, Assign, p); err != nil {
			row.Fault = messageOf(err)
			out = append(out, row)
			continue
		}
		if p.any(func(p Person) bool { return p.leads(o) }) && o.State == Dispatched {
			row.Officer = true
			c := crews[o.SquadOrgID]
			if c == nil {
				if c, err = s.crew(ctx, o.SquadOrgID); err != nil {
					return nil, err
				}
				crews[o.SquadOrgID] = c
			}
			row.To = c.pick(o)
			if row.To == nil {
				row.Fault = o.SquadName + "没有能处置工单的队员"
			}
		} else if row.To, err = s.squadChoice(ctx, who, o); err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// squadChoice is the squad that the order was suggested for when it was made,
// else the one that its place gives now.
func (s *Service) squadChoice(ctx context.Context, who viewer, o Order) (*DispatchChoice, error) {
	sug := Suggested{OrgID: o.SuggestedSquadID, Name: o.SuggestedSquad, Reason: o.SuggestReason}
	if sug.OrgID == "" || o.State == Returned && sug.OrgID == o.SquadOrgID {
		var err error
		if sug, err = s.suggest(ctx, placeOf(o)); err != nil {
			return nil, err
		}
	}
	if o.State == Returned && sug.OrgID == o.SquadOrgID {
		return nil, nil // it was sent back from there
	}
	org, ok, err := s.people.Org(ctx, sug.OrgID)
	if err != nil {
		return nil, fmt.Errorf("look up squad: %w", err)
	}
	if sug.OrgID == "" || !ok || org.Kind != "squad" || !who.Allows(access.OrderDispatch, org.RegionCode) {
		return nil, nil
	}
	return &DispatchChoice{ID: org.ID, Name: org.Name, Reason: sug.Reason}, nil
}

// crew are the officers of a squad with what they have in hand, so that a
// batch is spread over them.
type crew struct {
	list []Officer
	load map[string]int
	at   map[string][]Point
}

// nearbyM is how near another order of an officer's makes the officer the
// one to send.
const nearbyM = 300

func (s *Service) crew(ctx context.Context, squad string) (*crew, error) {
	list, err := s.people.Officers(ctx, squad)
	if err != nil {
		return nil, fmt.Errorf("list officers: %w", err)
	}
	c := &crew{list: list, load: map[string]int{}, at: map[string][]Point{}}
	inHand, err := inHandOf(ctx, s.db.Read(), squad)
	if err != nil {
		return nil, err
	}
	for _, o := range inHand {
		c.load[o.OfficerID]++
		c.at[o.OfficerID] = append(c.at[o.OfficerID], Point{o.Lng, o.Lat})
	}
	return c, nil
}

// pick suggests who has work nearby, else who has the least, and counts the
// order as theirs.
func (c *crew) pick(o Order) *DispatchChoice {
	if len(c.list) == 0 {
		return nil
	}
	least := slices.MinFunc(c.list, func(a, b Officer) int {
		return cmp.Or(cmp.Compare(c.load[a.ID], c.load[b.ID]), cmp.Compare(a.ID, b.ID))
	})
	who, reason := least, fmt.Sprintf("在办 %d 张，本中队最少", c.load[least.ID])
	best := float64(nearbyM)
	for _, x := range c.list {
		// Nobody gets more than three more than the one who has least.
		if c.load[x.ID] > c.load[least.ID]+3 {
			continue
		}
		for _, at := range c.at[x.ID] {
			if d := distanceM(o.Lng, o.Lat, at[0], at[1]); d < best {
				best, who, reason = d, x, fmt.Sprintf("在 %.0f 米外有在办工单，顺路", d)
			}
		}
	}
	c.load[who.ID]++
	c.at[who.ID] = append(c.at[who.ID], Point{o.Lng, o.Lat})
	return &DispatchChoice{ID: who.ID, Name: who.Name, Reason: reason}
}

// DispatchRow hands one order on.
type DispatchRow struct {
	ID        string `json:"id" maxLength:"40"`
	Rev       int64  `json:"rev"`
	SquadID   string `json:"squadOrgId,omitempty" maxLength:"40"`
	OfficerID string `json:"officerId,omitempty" maxLength:"40"`
}

// DispatchDone is what became of one order of a batch.
type DispatchDone struct {
	ID      string    `json:"id"`
	No      string    `json:"no,omitempty"`
	OK      bool      `json:"ok"`
	State   State     `json:"state,omitempty"`
	To      string    `json:"to,omitempty"`
	Code    errs.Code `json:"code,omitempty"`
	Message string    `json:"message,omitempty"`
}

// Batch hands orders on, each in a transaction of its own, so that one that
// cannot go does not hold the others. The key makes a repeated press answer
// like the first.
func (s *Service) Batch(ctx context.Context, rows []DispatchRow, note, key string) ([]DispatchDone, error) {
	if _, err := access.Need(ctx, access.OrderView); err != nil {
		return nil, err
	}
	if len(rows) == 0 || len(rows) > maxBatch {
		return nil, errs.Invalidf("items", "请选择 1 到 %d 张工单", maxBatch)
	}
	if key == "" {
		return nil, errs.Invalidf("Idempotency-Key", "批量派发要带幂等键，以防重复派发")
	}
	out := make([]DispatchDone, 0, len(rows))
	seen := map[string]bool{}
	for _, r := range rows {
		if seen[r.ID] {
			continue
		}
		seen[r.ID] = true
		in := AssignInput{ID: r.ID, Rev: r.Rev, SquadID: r.SquadID, OfficerID: r.OfficerID, Note: note, Key: key + ":" + r.ID}
		o, err := s.Assign(ctx, in)
		if err != nil {
			code := errs.CodeOf(err)
			if code == errs.Internal || code == errs.Unavailable {
				return out, err
			}
			out = append(out, DispatchDone{ID: r.ID, Code: code, Message: messageOf(err)})
			continue
		}
		to := o.SquadName
		if o.OfficerID != "" {
			to = o.OfficerName
		}
		out = append(out, DispatchDone{ID: o.ID, No: o.No, OK: true, State: o.State, To: to})
	}
	return out, nil
}

// messageOf is the sentence of an error for people.
func messageOf(err error) string {
	var e *errs.Error
	if !errors.As(err, &e) {
		return "操作没有完成"
	}
	if len(e.Fields) > 0 {
		return e.Fields[0].Message
	}
	return e.Message
}
