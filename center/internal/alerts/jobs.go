package alerts

import (
	"context"
	"fmt"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
)

// looksAtOnce bounds one round of the comparison, and lookAgain is how long a
// picture that has not arrived is let alone.
const (
	looksAtOnce = 200
	lookAgain   = 30 * time.Second
)

// CompareLooks is a periodic job: it fingerprints the pictures of alerts that
// wait for a person, and puts those of a group that look the same together. It
// gives how many it compared.
func (s *Service) CompareLooks(ctx context.Context) (int, error) {
	list, err := unlooked(ctx, s.db.Read(), clock.At(s.db.Now().Add(-lookAgain)), looksAtOnce)
	if err != nil {
		return 0, err
	}
	n := 0
	for _, x := range list {
		if err := ctx.Err(); err != nil {
			return n, fmt.Errorf("compare pictures: %w", err)
		}
		ok, err := s.look(ctx, x)
		if err != nil {
			return n, err
		}
		if ok {
			n++
		}
	}
	return n, nil
}

// look fingerprints one picture. One that cannot be read is tried again later.
func (s *Service) look(ctx context.Context, x lookRow) (bool, error) {
	var hash int64
	jpeg, ok, err := s.pictures.Small(ctx, x.Thumb)
	if err != nil {
		return false, fmt.Errorf("read the picture of an alert: %w", err)
	}
	if ok {
		e, err := eventOf(ctx, s.db.Read(), x.ID)
		if err != nil {
			return false, err
		}
		box := e.Box
		for _, r := range e.Evidence {
			if r.SM3 == x.Thumb && r.Role == "crop" {
				box.W = 0 // it shows nothing but the thing
			}
		}
		if hash, err = fingerprint(jpeg, box); err != nil {
			hash = 0
		}
	}
	err = s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if hash == 0 {
			return triedLook(ctx, tx, x.ID)
		}
		seen, err := looksOf(ctx, tx, x.GroupKey)
		if err != nil {
			return err
		}
		return setLook(ctx, tx, x.ID, lookFor(seen, hash), hash)
	})
	return hash != 0, err
}
