package fleet

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"

	"github.com/emmansun/gmsm/sm3"

	"jiexun/api/edgev1"
	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/errs"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/ids"
	"jiexun/center/internal/platform/region"
	"jiexun/center/internal/platform/stream"
)

// Options are what fleet needs.
type Options struct {
	DB      *db.DB
	Log     *slog.Logger
	Regions *region.Tree
	Stream  *stream.Hub
	// Address is where boxes enrol, https://host:port, and Fingerprint the
	// SHA-256 of the authority that they pin.
	Address     func() string
	Fingerprint string
	// Desired gives the version of the configuration that boxes should run.
	Desired func(ctx context.Context, boxes []string) (map[string]int64, error)
	// Disconnect ends the line of a revoked box.
	Disconnect func(box string)
	// TopicOffline is the outbox topic that tells that a box is silent.
	TopicOffline string
}

// Service is the use cases of fleet.
type Service struct{ o Options }

// New makes the service.
func New(o Options) *Service {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Disconnect == nil {
		o.Disconnect = func(string) {}
	}
	if o.Stream == nil {
		o.Stream = stream.NewHub()
	}
	return &Service{o: o}
}

// BoxCameras counts a box's cameras as it last told.
type BoxCameras struct {
	Total  int `json:"total"`
	Online int `json:"online"`
}

// Box is a box as people see it. Since tells from when the state holds, AsOf
// when the box was last heard.
type Box struct {
	ID             string       `json:"id"`
	Name           string       `json:"name"`
	RegionCode     string       `json:"regionCode"`
	RegionName     string       `json:"regionName"`
	State          State        `json:"state" enum:"online,offline,never,duplicate,revoked"`
	Since          clock.Stamp  `json:"since"`
	AsOf           *clock.Stamp `json:"asOf,omitempty"`
	Version        string       `json:"version"`
	Hostname       string       `json:"hostname"`
	EnrolledAt     *clock.Stamp `json:"enrolledAt,omitempty"`
	RevokeReason   string       `json:"revokeReason,omitempty"`
	Cameras        BoxCameras   `json:"cameras"`
	OutboxDepth    int64        `json:"outboxDepth"`
	OutboxAgeMS    int64        `json:"outboxAgeMs"`
	DiskFreeMB     int64        `json:"diskFreeMb"`
	MemoryMB       int64        `json:"memoryMb"`
	CPUPercent     float64      `json:"cpuPercent"`
	ClockOffsetMS  int64        `json:"clockOffsetMs"`
	Gaps           int64        `json:"gaps" doc:"Messages that are missing without an explanation"`
	ConfigVersion  int64        `json:"configVersion"`
	DesiredVersion int64        `json:"desiredVersion"`
	Rev            int          `json:"rev"`
}

// BoxChange is one change of a box's state.
type BoxChange struct {
	State  State       `json:"state"`
	At     clock.Stamp `json:"at"`
	Reason string      `json:"reason"`
}

// BoxDetail is a box with its last changes and its last status.
type BoxDetail struct {
	Box
	History []BoxChange    `json:"history"`
	Status  *edgev1.Status `json:"status"`
}

func (s *Service) view(b *boxRow, now clock.Stamp, desired map[string]int64) Box {
	st, since := b.stateOf(now.Time())
	v := Box{
		ID: b.ID, Name: b.Name, RegionCode: b.RegionCode, RegionName: s.o.Regions.Name(b.RegionCode), State: st, Since: since, AsOf: b.SeenAt,
		Version: b.Version, Hostname: b.Hostname, EnrolledAt: b.EnrolledAt, RevokeReason: b.RevokeReason,
		Cameras: BoxCameras{Total: b.CamerasTotal, Online: b.CamerasOnline}, OutboxDepth: b.OutboxDepth, OutboxAgeMS: b.OutboxAgeMS,
		DiskFreeMB: b.DiskFreeMB, MemoryMB: b.MemoryMB, CPUPercent: b.CPUPercent, ClockOffsetMS: b.ClockOffsetMS, Gaps: b.Missing,
		ConfigVersion: b.ConfigVersion, DesiredVersion: desired[b.ID], Rev: b.Rev,
	}
	if st != Online && st != Duplicate {
		v.Cameras.Online = 0 // an offline box takes its cameras with it
	}
	return v
}

func (s *Service) desired(ctx context.Context, list []string) (map[string]int64, error) {
	if s.o.Desired == nil || len(list) == 0 {
		return nil, nil
	}
	m, err := s.o.Desired(ctx, list)
	if err != nil {
		return nil, fmt.Errorf("read desired versions: %w", err)
	}
	return m, nil
}

// Filter narrows the list of boxes.
type Filter struct {
	Region, Q     string
	State         State
	Order         string
	Limit, Offset int64
}

// List lists the boxes of the actor's scope.
func (s *Service) List(ctx context.Context, f Filter) ([]Box, int64, error) {
	who, err := access.Need(ctx, access.BoxView)
	if err != nil {
		return nil, 0, err
	}
	now := clock.At(s.o.DB.Now())
	rows, n, err := listBoxes(ctx, s.o.DB.Read(), listFilter{scope: who.Scope, region: f.Region, q: strings.TrimSpace(f.Q), state: f.State, now: now, order: f.Order}, f.Limit, f.Offset)
	if err != nil {
		return nil, 0, err
	}
	list := make([]string, 0, len(rows))
	for i := range rows {
		list = append(list, rows[i].ID)
	}
	desired, err := s.desired(ctx, list)
	if err != nil {
		return nil, 0, err
	}
	out := make([]Box, 0, len(rows))
	for i := range rows {
		out = append(out, s.view(&rows[i], now, desired))
	}
	return out, n, nil
}

// load reads a box through the actor's scope.
func (s *Service) load(ctx context.Context, who access.Actor, id string) (boxRow, error) {
	b, err := boxByID(ctx, s.o.DB.Read(), id)
	if err == nil && !who.Scope.Covers(b.RegionCode) {
		err = errs.NotFound("边缘盒")
	}
	return b, err
}

// Box reads a box without looking at permissions: for other domains.
func (s *Service) Box(ctx context.Context, id string) (Box, error) {
	b, err := boxByID(ctx, s.o.DB.Read(), id)
	if err != nil {
		return Box{}, err
	}
	return s.view(&b, clock.At(s.o.DB.Now()), nil), nil
}

// Names gives the names of all boxes, for other domains' lists.
func (s *Service) Names(ctx context.Context) (map[string]string, error) {
	return boxNames(ctx, s.o.DB.Read())
}

// Get reads one box with its history.
func (s *Service) Get(ctx context.Context, id string) (BoxDetail, error) {
	who, err := access.Need(ctx, access.BoxView)
	if err != nil {
		return BoxDetail{}, err
	}
	b, err := s.load(ctx, who, id)
	if err != nil {
		return BoxDetail{}, err
	}
	desired, err := s.desired(ctx, []string{id})
	if err != nil {
		return BoxDetail{}, err
	}
	rows, err := historyOf(ctx, s.o.DB.Read(), id, 50)
	if err != nil {
		return BoxDetail{}, err
	}
	d := BoxDetail{Box: s.view(&b, clock.At(s.o.DB.Now()), desired), History: []BoxChange{}}
	for _, h := range rows {
		d.History = append(d.History, BoxChange{State: State(h.State), At: h.At, Reason: h.Reason})
	}
	if b.Status != "" {
		d.Status = &edgev1.Status{}
		if err := json.Unmarshal([]byte(b.Status), d.Status); err != nil {
			return BoxDetail{}, fmt.Errorf("read stored status of box %s: %w", id, err)
		}
	}
	return d, nil
}

// Create makes a box that can enrol.
func (s *Service) Create(ctx context.Context, name, regionCode string) (Box, error) {
	who, err := access.Need(ctx, access.BoxEdit)
	if err != nil {
		return Box{}, err
	}
	name = strings.TrimSpace(name)
	var f errs.Fields
	f.Check(name != "" && len([]rune(name)) <= 40, "name", "名称应为 1 到 40 个字")
	_, ok := s.o.Regions.Get(regionCode)
	f.Check(ok, "regionCode", "没有区划 %.12s", regionCode)
	f.Check(!ok || who.Scope.Covers(regionCode), "regionCode", "该区划不在您的数据范围内")
	if err := f.Err(); err != nil {
		return Box{}, err
	}
	b, err := s.create(ctx, name, regionCode)
	if err != nil {
		return Box{}, err
	}
	return s.view(&b, clock.At(s.o.DB.Now()), nil), nil
}

func (s *Service) create(ctx context.Context, name, regionCode string) (boxRow, error) {
	var b boxRow
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		now := clock.At(tx.Now())
		b = boxRow{ID: ids.New(), Name: name, RegionCode: regionCode, State: string(Never), StateAt: now, CreatedAt: now, Rev: 1}
		if err := insertBox(ctx, tx, &b); err != nil {
			return err
		}
		return audit.Record(ctx, tx, audit.Entry{Act: "box.create", Object: "box", ObjectID: b.ID, RegionCode: regionCode, Summary: "登记边缘盒 " + name})
	})
	return b, err
}

// EnsureBox gives the id of the box with a name and makes it when it is
// absent. Commands use it, without an actor.
func (s *Service) EnsureBox(ctx context.Context, name, regionCode string) (string, error) {
	b, err := boxByName(ctx, s.o.DB.Read(), name)
	if err == nil {
		return b.ID, nil
	}
	if !db.NoRows(err) {
		return "", fmt.Errorf("read box: %w", err)
	}
	if _, ok := s.o.Regions.Get(regionCode); !ok {
		return "", errs.Invalidf("regionCode", "没有区划 %.12s", regionCode)
	}
	b, err = s.create(ctx, name, regionCode)
	return b.ID, err
}

// Enrolment is a token that is shown once.
type Enrolment struct {
	Token     string      `json:"token"`
	ExpiresAt clock.Stamp `json:"expiresAt"`
}

// NewEnrolment makes a one-time token for a box; an earlier one ends.
func (s *Service) NewEnrolment(ctx context.Context, id string) (Enrolment, error) {
	who, err := access.Need(ctx, access.BoxEdit)
	if err != nil {
		return Enrolment{}, err
	}
	if _, err := s.load(ctx, who, id); err != nil {
		return Enrolment{}, err
	}
	return s.Token(ctx, id)
}

// Token makes a one-time token without an actor: for the command line.
func (s *Service) Token(ctx context.Context, id string) (Enrolment, error) {
	secret := make([]byte, 24)
	_, _ = rand.Read(secret) // never fails since Go 1.24
	text := base64.RawURLEncoding.EncodeToString(secret)
	var out Enrolment
	err := s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		b, err := boxByID(ctx, tx, id)
		if err != nil {
			return err
		}
		if b.RevokedAt != nil {
			return errs.Conflict("该边缘盒已吊销，请登记一台新的")
		}
		now := tx.Now()
		t := tokenRow{Hash: hash(text), BoxID: id, CreatedAt: clock.At(now), ExpiresAt: clock.At(now.Add(tokenLife))}
		if err := replaceToken(ctx, tx, &t); err != nil {
			return err
		}
		out = Enrolment{Token: s.o.Address() + "#" + text + "#" + s.o.Fingerprint, ExpiresAt: t.ExpiresAt}
		return audit.Record(ctx, tx, audit.Entry{Act: "box.token", Object: "box", ObjectID: id, RegionCode: b.RegionCode, Summary: "为边缘盒 " + b.Name + " 生成登记令牌"})
	})
	return out, err
}

func hash(s string) string {
	h := sm3.Sum([]byte(s))
	return hex.EncodeToString(h[:])
}

// Revoke shuts a box out for good.
func (s *Service) Revoke(ctx context.Context, id, reason string) (Box, error) {
	who, err := access.Need(ctx, access.BoxEdit)
	if err != nil {
		return Box{}, err
	}
	if strings.TrimSpace(reason) == "" {
		return Box{}, errs.Invalidf("reason", "请填写吊销原因")
	}
	if _, err := s.load(ctx, who, id); err != nil {
		return Box{}, err
	}
	var b boxRow
	err = s.o.DB.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		var err error
		if b, err = lockBox(ctx, tx, id); err != nil {
			return err
		}
		if b.RevokedAt != nil {
			return errs.Conflict("该边缘盒已经吊销")
		}
		now := clock.At(tx.Now())
		b.RevokedAt, b.RevokeReason, b.Serial = &now, reason, ""
		if err := s.turn(ctx, tx, &b, Revoked, reason); err != nil {
			return err
		}
		if err := events.Publish(ctx, tx, s.o.TopicOffline, map[string]any{"edge": id, "since": now, "reason": "边缘盒已吊销"}); err != nil {
			return err
		}
		tx.AfterCommit(func() { s.o.Disconnect(id) })
		return audit.Record(ctx, tx, audit.Entry{Act: "box.revoke", Object: "box", ObjectID: id, RegionCode: b.RegionCode, Summary: "吊销边缘盒 " + b.Name, Reason: reason})
	})
	if err != nil {
		return Box{}, err
	}
	return s.view(&b, clock.At(s.o.DB.Now()), nil), nil
}

// turn changes the stored state, writes history, and tells the browsers.
func (s *Service) turn(ctx context.Context, tx db.Tx, b *boxRow, to State, reason string) error {
	now := clock.At(tx.Now())
	b.State, b.StateAt = string(to), now
	if err := saveBox(ctx, tx, b); err != nil {
		return err
	}
	if err := addHistory(ctx, tx, &historyRow{ID: ids.New(), BoxID: b.ID, State: string(to), At: now, Reason: reason}); err != nil {
		return err
	}
	msg := stream.Message{Event: "box", RegionCode: b.RegionCode, Perm: access.BoxView, Data: map[string]any{"id": b.ID, "state": to}}
	tx.AfterCommit(func() { s.o.Stream.Send(msg) })
	return nil
}

// jobContext names the fleet as the caller of what no person started.
func jobContext(ctx context.Context) context.Context { return caller.System(ctx, "边缘盒管理") }
