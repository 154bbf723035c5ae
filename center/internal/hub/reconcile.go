package hub

import (
	"context"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// Reconciliation compares what a box made on a day with what is stored.
type Reconciliation struct {
	Ymd     int               `json:"day"`
	BoxMade int64             `json:"boxMade"`
	Stored  int64             `json:"stored"`
	Missing []edgev1.SeqRange `json:"missing"`
	Gaps    []edgev1.SeqRange `json:"gaps"`
}

// Reconcile compares one day of a box. For the day that runs the box's last
// reported number counts too, so that what is still in its outbox shows.
func (s *Service) Reconcile(ctx context.Context, edge string, ymd int) (Reconciliation, error) {
	out := Reconciliation{Ymd: ymd, Missing: []edgev1.SeqRange{}, Gaps: []edgev1.SeqRange{}}
	q := s.o.DB.Read()
	streams, err := streamsOf(ctx, q, edge)
	if err != nil {
		return out, err
	}
	days, err := dayCounts(ctx, q, edge, ymd)
	if err != nil {
		return out, err
	}
	today := clock.YMD(s.o.Clock.Now()) == ymd
	for _, r := range streams {
		n, err := unpack(r)
		if err != nil {
			return out, err
		}
		var day dayCount
		for _, d := range days {
			if d.Epoch == r.Epoch {
				day = d
			}
		}
		last := day.Last
		if today && clock.YMD(r.LastAt.Time()) == ymd {
			last = max(last, r.ReportedSeq)
		}
		if last == 0 {
			continue
		}
		before, err := lastBefore(ctx, q, edge, r.Epoch, ymd)
		if err != nil {
			return out, err
		}
		first := before + 1
		gaps := within(n.gaps, first, last)
		missing := n.seqs.Union(n.gaps).Holes(first, last)
		out.BoxMade += max(last-before, 0)
		out.Stored += day.N
		out.Gaps = append(out.Gaps, gaps...)
		out.Missing = append(out.Missing, missing...)
	}
	return out, nil
}

// within cuts a set to from..to.
func within(r Ranges, from, to int64) Ranges {
	out := Ranges{}
	for _, s := range r {
		if s.To >= from && s.From <= to {
			out = append(out, edgev1.SeqRange{From: max(s.From, from), To: min(s.To, to)})
		}
	}
	return out
}

// ReconcileYesterday stores the comparison of the day before for every box
// that sent something in the last two days; a job calls it.
func (s *Service) ReconcileYesterday(ctx context.Context) error {
	now := s.o.Clock.Now()
	ymd := clock.YMD(now.Add(-24 * time.Hour))
	list, err := edgesSince(ctx, s.o.DB.Read(), clock.At(now.Add(-48*time.Hour)))
	if err != nil {
		return err
	}
	for _, edge := range list {
		r, err := s.Reconcile(ctx, edge, ymd)
		if err != nil {
			return err
		}
		miss := Ranges(r.Missing)
		if n := miss.Count(); n > 0 {
			s.o.Log.Warn("box made messages that never came", "box", edge, "day", ymd, "missing", n)
		}
		err = s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
			return saveReconcile(ctx, tx, &reconcileRow{Edge: edge, Ymd: ymd, BoxMade: r.BoxMade, Stored: r.Stored, Missing: miss.text(), Gaps: Ranges(r.Gaps).text(), At: clock.At(tx.Now())})
		})
		if err != nil {
			return err
		}
	}
	return nil
}
