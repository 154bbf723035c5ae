package notices

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/ids"
)

// Step is one line of the course of a notice.
type Step struct {
	ID     string      `json:"id"`
	At     clock.Stamp `json:"at" format:"date-time"`
	Act    string      `json:"act"`
	Actor  string      `json:"actor"`
	Text   string      `json:"text"`
	Photos []string    `json:"photos"`
	shown  bool
}

type stepRow struct {
	bun.BaseModel `bun:"table:notice_steps,alias:t"`

	ID        string `bun:",pk"`
	NoticeID  string
	MadeAt    clock.Stamp
	Act       string
	ActorID   string
	ActorName string
	Text      string
	Photos    string
	Shown     int
}

func addStep(ctx context.Context, tx db.Tx, r stepRow, photos []string) error {
	if photos == nil {
		photos = []string{}
	}
	r.ID, r.MadeAt, r.Photos = ids.New(), clock.At(tx.Now()), text(photos)
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("insert step of notice: %w", err)
	}
	return nil
}

func stepsOf(ctx context.Context, idb bun.IDB, notice string) ([]Step, error) {
	rows := []stepRow{}
	if err := idb.NewSelect().Model(&rows).Where("t.notice_id = ?", notice).Order("t.made_at DESC", "t.id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read steps of notice: %w", err)
	}
	out := make([]Step, len(rows))
	for i, r := range rows {
		out[i] = Step{ID: r.ID, At: r.MadeAt, Act: r.Act, Actor: r.ActorName, Text: r.Text, Photos: []string{}, shown: r.Shown == 1}
		if err := read("photos of a step", r.Photos, &out[i].Photos); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// Send is one message of a notice.
type Send struct {
	ID      string      `json:"id"`
	Channel string      `json:"channel"`
	Name    string      `json:"name"`
	What    string      `json:"what" enum:"notice,withdrawal,reply"`
	State   string      `json:"state"`
	Label   string      `json:"label"`
	Reason  string      `json:"reason"`
	MadeAt  clock.Stamp `json:"madeAt" format:"date-time"`
	MovedAt clock.Stamp `json:"movedAt" format:"date-time"`
}

type msgRow struct {
	bun.BaseModel `bun:"table:notice_sends,alias:m"`

	SendID   string `bun:",pk"`
	NoticeID string
	Channel  string
	What     string
	State    string
	Reason   string
	MadeAt   clock.Stamp
	MovedAt  clock.Stamp
}

func putSend(ctx context.Context, tx db.Tx, r msgRow) error {
	_, err := tx.NewInsert().Model(&r).On("CONFLICT (send_id) DO UPDATE").Set("state = EXCLUDED.state").Set("reason = EXCLUDED.reason").Set("moved_at = EXCLUDED.moved_at").Exec(ctx)
	if err != nil {
		return fmt.Errorf("note a message of a notice: %w", err)
	}
	return nil
}

func sendsOf(ctx context.Context, idb bun.IDB, notice string) ([]msgRow, error) {
	rows := []msgRow{}
	if err := idb.NewSelect().Model(&rows).Where("m.notice_id = ?", notice).Order("m.made_at DESC", "m.send_id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read messages of notice: %w", err)
	}
	return rows, nil
}

// sendByID reads a message; false when it is none of a notice.
func sendByID(ctx context.Context, tx db.Tx, id string) (msgRow, bool, error) {
	var r msgRow
	err := tx.NewSelect().Model(&r).Where("m.send_id = ?", id).Scan(ctx)
	if db.NoRows(err) {
		return r, false, nil
	}
	if err != nil {
		return r, false, fmt.Errorf("read message of notice: %w", err)
	}
	return r, true, nil
}

// Answer is what a shop said.
type Answer struct {
	ID          string       `json:"id"`
	Kind        string       `json:"kind" enum:"corrected,objection"`
	Text        string       `json:"text"`
	Photos      []string     `json:"photos"`
	Late        bool         `json:"late"`
	State       string       `json:"state" enum:"pending,accepted,refused"`
	MadeAt      clock.Stamp  `json:"madeAt" format:"date-time"`
	DecidedName string       `json:"decidedName,omitempty"`
	DecidedAt   *clock.Stamp `json:"decidedAt,omitempty" format:"date-time"`
	Reason      string       `json:"reason,omitempty"`
}

type answerRow struct {
	bun.BaseModel `bun:"table:notice_answers,alias:a"`

	ID          string `bun:",pk"`
	NoticeID    string
	Kind        string
	Text        string
	Photos      string
	Late        int
	State       string
	MadeAt      clock.Stamp
	DecidedBy   string
	DecidedName string
	DecidedAt   *clock.Stamp
	Reason      string
	IdemKey     string
}

func answersOf(ctx context.Context, idb bun.IDB, notice string) ([]Answer, error) {
	rows := []answerRow{}
	if err := idb.NewSelect().Model(&rows).Where("a.notice_id = ?", notice).Order("a.made_at DESC", "a.id DESC").Scan(ctx); err != nil {
		return nil, fmt.Errorf("read answers of notice: %w", err)
	}
	out := make([]Answer, len(rows))
	for i, r := range rows {
		out[i] = Answer{ID: r.ID, Kind: r.Kind, Text: r.Text, Photos: []string{}, Late: r.Late == 1, State: r.State, MadeAt: r.MadeAt, DecidedName: r.DecidedName, DecidedAt: r.DecidedAt, Reason: r.Reason}
		if err := read("photos of an answer", r.Photos, &out[i].Photos); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func answered(ctx context.Context, idb bun.IDB, notice, key string) (bool, error) {
	ok, err := idb.NewSelect().Model((*answerRow)(nil)).Where("a.notice_id = ? AND a.idem_key = ?", notice, key).Exists(ctx)
	if err != nil {
		return false, fmt.Errorf("look for the same answer: %w", err)
	}
	return ok, nil
}

func addAnswer(ctx context.Context, tx db.Tx, r answerRow) error {
	if _, err := tx.NewInsert().Model(&r).Exec(ctx); err != nil {
		return fmt.Errorf("insert answer: %w", err)
	}
	return nil
}

// settleAnswers decides what waits of a notice.
func settleAnswers(ctx context.Context, tx db.Tx, notice, state, by, name, reason string) error {
	_, err := tx.NewUpdate().Model((*answerRow)(nil)).Set("state = ?", state).Set("decided_by = ?", by).Set("decided_name = ?", name).
		Set("decided_at = ?", clock.At(tx.Now())).Set("reason = ?", reason).Where("notice_id = ? AND state = 'pending'", notice).Exec(ctx)
	if err != nil {
		return fmt.Errorf("settle answers: %w", err)
	}
	return nil
}
