package access

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
)

// Options configure the service; the zero value of each has a default.
type Options struct {
	Hash HashParams
	// Idle and Absolute end a session: without use, and at all.
	Idle, Absolute time.Duration
	// MaxFailures locks an account for LockFor.
	MaxFailures int
	LockFor     time.Duration
	// PerIP and PerAccount bound log-in attempts in a minute.
	PerIP, PerAccount int
	// Keys signs the rows about permissions and seals personal data.
	Keys Keys
	// Kicked is told whose sessions were ended.
	Kicked func(personID string)
	Log    *slog.Logger
}

// Service is the use cases of access.
type Service struct {
	db      *db.DB
	o       Options
	hash    *hasher
	byIP    *limiter
	byName  *limiter
	noMatch string // a hash that is compared when the account is unknown
	hooks   SignIn
	chain   []Identifier
	cached  atomic.Pointer[rolebook]
	faults  faults
	samples func(ctx context.Context, a Actor) ([]Sample, error)
}

// New makes the service.
func New(d *db.DB, o Options) (*Service, error) {
	def := func(v *time.Duration, d time.Duration) {
		if *v == 0 {
			*v = d
		}
	}
	defInt := func(v *int, d int) {
		if *v == 0 {
			*v = d
		}
	}
	def(&o.Idle, 2*time.Hour)
	def(&o.Absolute, 12*time.Hour)
	def(&o.LockFor, 15*time.Minute)
	defInt(&o.MaxFailures, 5)
	defInt(&o.PerIP, 60)
	defInt(&o.PerAccount, 10)
	if o.Hash == (HashParams{}) {
		o.Hash = DefaultHash()
	}
	if o.Kicked == nil {
		o.Kicked = func(string) {}
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Keys == nil {
		return nil, errors.New("access needs keys")
	}
	s := &Service{db: d, o: o, hash: newHasher(o.Hash), byIP: newLimiter(time.Minute), byName: newLimiter(time.Minute)}
	h, err := s.hash.Hash(context.Background(), randomText(16))
	if err != nil {
		return nil, fmt.Errorf("start access: %w", err)
	}
	s.noMatch = h
	if err := s.sync(context.Background()); err != nil {
		return nil, fmt.Errorf("start access: %w", err)
	}
	return s, nil
}

// Org finds an organisation by id.
func (s *Service) Org(ctx context.Context, id string) (Org, error) {
	o, err := orgByID(ctx, s.db.Read(), id)
	if db.NoRows(err) {
		return Org{}, errs.NotFound("机构")
	}
	if err != nil {
		return Org{}, fmt.Errorf("read organisation: %w", err)
	}
	return o.org(), nil
}

// Orgs lists the organisations that work; they are no secret.
func (s *Service) Orgs(ctx context.Context) ([]Org, error) {
	rows, err := listOrgs(ctx, s.db.Read())
	if err != nil {
		return nil, err
	}
	out := make([]Org, 0, len(rows))
	for _, r := range rows {
		if r.State == StateActive {
			out = append(out, r.org())
		}
	}
	return out, nil
}

// SquadOf suggests who works in a region: the squad of the street, else the
// district's bureau.
func (s *Service) SquadOf(ctx context.Context, regionCode string) (Org, error) {
	if len(regionCode) >= 9 {
		o, err := squadOf(ctx, s.db.Read(), regionCode[:9])
		if err == nil {
			return o.org(), nil
		}
		if !db.NoRows(err) {
			return Org{}, fmt.Errorf("find squad: %w", err)
		}
	}
	if len(regionCode) >= 6 {
		o, err := districtOf(ctx, s.db.Read(), regionCode[:6])
		if err == nil {
			return o.org(), nil
		}
		if !db.NoRows(err) {
			return Org{}, fmt.Errorf("find district bureau: %w", err)
		}
	}
	return Org{}, errs.NotFound("对应的中队")
}

// DistrictOf finds the bureau of the district that a region lies in.
func (s *Service) DistrictOf(ctx context.Context, regionCode string) (Org, error) {
	if len(regionCode) < 6 {
		return Org{}, errs.NotFound("区局")
	}
	o, err := districtOf(ctx, s.db.Read(), regionCode[:6])
	if db.NoRows(err) {
		return Org{}, errs.NotFound("区局")
	}
	if err != nil {
		return Org{}, fmt.Errorf("find district bureau: %w", err)
	}
	return o.org(), nil
}

// Purge forgets sessions and failures that hold no more; a job calls it.
func (s *Service) Purge(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := tx.Now()
		return purge(ctx, tx, clock.At(now.Add(-s.policy().Idle)), clock.At(now.Add(-24*time.Hour)))
	})
}
