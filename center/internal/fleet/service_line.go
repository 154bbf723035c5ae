package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"jiexun/api/edgev1"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/stream"
)

// Enrolled is what a box is told when it has enrolled.
type Enrolled struct{ Edge, Name, Chain string }

// Enrol spends a token and binds the box to a machine and a certificate.
func (s *Service) Enrol(ctx context.Context, r edgev1.EnrolRequest, sign func(edge string) (chain, serial string, err error)) (Enrolled, error) {
	secret := r.Token
	if parts := strings.Split(r.Token, "#"); len(parts) == 3 {
		secret = parts[1] // the whole text was pasted
	}
	var out Enrolled
	err := s.o.DB.InTx(jobContext(ctx), func(ctx context.Context, tx db.Tx) error {
		t, ok, err := spendToken(ctx, tx, hash(secret))
		if err != nil {
			return err
		}
		if !ok {
			return errs.New(errs.Unauthenticated, "登记令牌无效、已使用或已过期，请在中心重新生成")
		}
		b, err := lockBox(ctx, tx, t.BoxID)
		if err != nil {
			return err
		}
		if b.RevokedAt != nil {
			return errs.Forbidden("该边缘盒已吊销")
		}
		chain, serial, err := sign(b.ID)
		if err != nil {
			return err
		}
		b.Instance, b.Serial, b.Hostname, b.Version = r.Instance, serial, r.Hostname, r.Version
		b.EnrolledAt, b.DuplicateAt = clock.Ptr(tx.Now()), nil
		if err := saveBox(ctx, tx, &b); err != nil {
			return err
		}
		out = Enrolled{Edge: b.ID, Name: b.Name, Chain: chain}
		return audit.Record(ctx, tx, audit.Entry{Act: "box.enrol", Object: "box", ObjectID: b.ID, RegionCode: b.RegionCode,
			Summary: fmt.Sprintf("边缘盒 %s 在机器 %.64s 上登记", b.Name, r.Hostname), After: map[string]string{"instance": r.Instance, "serial": serial, "version": r.Version}})
	})
	return out, err
}

// Admit tells whether a box may connect with a certificate. Instance is empty
// for HTTPS. A second machine with the same certificate is refused with
// Conflict, and the box is marked.
func (s *Service) Admit(ctx context.Context, edge, serial, instance string) error {
	b, err := boxByID(ctx, s.o.DB.Read(), edge)
	if err != nil {
		return err
	}
	switch {
	case b.RevokedAt != nil:
		return errs.Forbidden("该边缘盒已吊销：" + b.RevokeReason)
	case b.Serial == "" || b.Serial != serial:
		return errs.Forbidden("证书已被新的登记取代，请重新登记")
	case instance == "" || instance == b.Instance:
		return nil
	}
	if err := s.markDuplicate(ctx, edge, instance); err != nil {
		s.o.Log.Error("second machine not noted", "box", edge, "err", err)
	}
	return errs.Conflict("另一台机器已用此证书登记，请为这台机器单独登记")
}

func (s *Service) markDuplicate(ctx context.Context, edge, instance string) error {
	return s.o.DB.InTx(jobContext(ctx), func(ctx context.Context, tx db.Tx) error {
		b, err := lockBox(ctx, tx, edge)
		if err != nil {
			return err
		}
		now := tx.Now()
		first := b.DuplicateAt == nil || now.Sub(b.DuplicateAt.Time()) > duplicateShown
		if !first && now.Sub(b.DuplicateAt.Time()) < time.Minute {
			return nil // it tries every few seconds
		}
		b.DuplicateAt = clock.Ptr(now)
		if err := saveBox(ctx, tx, &b); err != nil || !first {
			return err
		}
		why := "另一台机器（实例 " + instance + "）使用同一证书"
		if err := addHistory(ctx, tx, &historyRow{ID: ids.New(), BoxID: b.ID, State: string(Duplicate), At: clock.At(now), Reason: why}); err != nil {
			return err
		}
		msg := stream.Message{Event: "box", RegionCode: b.RegionCode, Perm: "box.view", Data: map[string]any{"id": b.ID, "state": Duplicate}}
		tx.AfterCommit(func() { s.o.Stream.Send(msg) })
		return audit.Record(ctx, tx, audit.Entry{Act: "box.duplicate", Object: "box", ObjectID: b.ID, RegionCode: b.RegionCode, Summary: "拒绝第二台使用边缘盒 " + b.Name + " 证书的机器", Reason: why})
	})
}

// Heard is a status as the hub passes it on.
type Heard struct {
	Edge          string        `json:"edge"`
	Status        edgev1.Status `json:"status"`
	ReceivedAt    clock.Stamp   `json:"receivedAt"`
	ClockOffsetMS int64         `json:"clockOffsetMs"`
	Missing       int64         `json:"missing"`
}

// TakeStatus keeps what a box says of itself. An older status than the last
// one changes nothing, so that it may be delivered twice.
func (s *Service) TakeStatus(ctx context.Context, tx db.Tx, h Heard) error {
	b, err := lockBox(ctx, tx, h.Edge)
	if errs.Is(err, errs.NotFoundCode) {
		return nil // deleted meanwhile
	}
	if err != nil {
		return err
	}
	if b.RevokedAt != nil || b.SeenAt != nil && *b.SeenAt > h.ReceivedAt {
		return nil
	}
	raw, err := json.Marshal(h.Status)
	if err != nil {
		return fmt.Errorf("keep status of box %s: %w", h.Edge, err)
	}
	st := &h.Status
	b.Status, b.SeenAt = string(raw), &h.ReceivedAt
	b.Version, b.OutboxDepth, b.OutboxAgeMS = st.Version, st.OutboxDepth, st.OutboxAgeMS
	b.DiskFreeMB, b.MemoryMB, b.CPUPercent = st.DiskFreeMB, st.MemoryMB, st.CPUPercent
	b.ClockOffsetMS, b.Missing, b.ConfigVersion = h.ClockOffsetMS, h.Missing, st.ConfigVersion
	b.CamerasTotal, b.CamerasOnline = len(st.Cameras), 0
	for _, c := range st.Cameras {
		if c.State == edgev1.Online || c.State == edgev1.NoVerdict {
			b.CamerasOnline++
		}
	}
	late := tx.Now().Sub(h.ReceivedAt.Time()) > silence // it waited in the outbox
	if State(b.State) == Online || late {
		return saveBox(ctx, tx, &b)
	}
	return s.turn(ctx, tx, &b, Online, "收到状态")
}

// TakeOffline notes that a box's line broke.
func (s *Service) TakeOffline(ctx context.Context, tx db.Tx, edge string, since clock.Stamp, reason string) error {
	b, err := lockBox(ctx, tx, edge)
	if errs.Is(err, errs.NotFoundCode) {
		return nil
	}
	if err != nil {
		return err
	}
	if State(b.State) != Online || b.SeenAt != nil && *b.SeenAt > since {
		return nil // heard again meanwhile
	}
	return s.turn(ctx, tx, &b, Offline, reason)
}

// Age makes boxes that are silent for three intervals offline, and tells the
// domains that have something of theirs; a job calls it.
func (s *Service) Age(ctx context.Context) error {
	return s.o.DB.InTx(jobContext(ctx), func(ctx context.Context, tx db.Tx) error {
		rows, err := silentBoxes(ctx, tx, clock.At(tx.Now().Add(-silence)))
		if err != nil {
			return err
		}
		for i := range rows {
			b := &rows[i]
			why := fmt.Sprintf("超过 %d 秒没有状态", int(silence/time.Second))
			if err := s.turn(ctx, tx, b, Offline, why); err != nil {
				return err
			}
			if err := events.Publish(ctx, tx, s.o.TopicOffline, map[string]any{"edge": b.ID, "since": clock.At(tx.Now()), "reason": why}); err != nil {
				return err
			}
		}
		return nil
	})
}
