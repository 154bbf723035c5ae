package app

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"jiexun/center/internal/access"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/jobs"
	"jiexun/center/internal/platform/tlcp"
)

// CryptoReport is the material of the assessment: never a key's value.
type CryptoReport struct {
	At         clock.Stamp        `json:"at"`
	Provider   crypto.Info        `json:"provider"`
	Algorithms []crypto.Algorithm `json:"algorithms"`
	Modules    []crypto.Module    `json:"modules"`
	// TriedAt is when the live checks last ran in this process.
	TriedAt *clock.Stamp     `json:"triedAt,omitempty"`
	Keys    []crypto.KeyInfo `json:"keys"`
	Uses    []crypto.Use     `json:"uses"`
	// Pending counts rows, by place, that the active keys have not made.
	Pending map[string]int64 `json:"pending"`
	Release ReleaseInfo      `json:"release"`
	Audit   audit.State      `json:"audit"`
	Check   *audit.Check     `json:"check,omitempty"`
}

// trials keeps the outcome of the last live checks.
type trials struct {
	mu   sync.Mutex
	list []crypto.Tried
	at   *clock.Stamp
}

// SelfTest runs the live checks of all seven modules, and tells of what
// failed.
func (a *App) SelfTest(ctx context.Context) []crypto.Tried {
	list := append(a.keys.Trials(), audit.Trials(a.keys)...)
	list = append(list, crypto.Trial{Module: 2, Name: "TLCP 握手与异常握手", Run: func() (error, error) { return tlcp.SelfTest(ctx) }})
	out := crypto.Try(list)
	for _, t := range out {
		if !t.OK {
			a.publishTamper(ctx, crypto.Tamper{Purpose: "self-test", Where: t.Name, What: t.Fault})
		}
	}
	a.tried.mu.Lock()
	defer a.tried.mu.Unlock()
	a.tried.list, a.tried.at = out, clock.Ptr(a.db.Now())
	return out
}

// CryptoReport puts the report together.
func (a *App) CryptoReport(ctx context.Context) (CryptoReport, error) {
	a.tried.mu.Lock()
	list, at := a.tried.list, a.tried.at
	a.tried.mu.Unlock()
	out := CryptoReport{
		At: clock.At(a.db.Now()), Provider: a.keys.Provider(), Algorithms: crypto.Algorithms(), Modules: crypto.Modules(list), TriedAt: at,
		Keys: a.keys.List(), Uses: a.keys.Uses(), Release: a.release.get(),
	}
	var err error
	if out.Pending, err = a.keys.Pending(ctx); err != nil {
		return out, err
	}
	if out.Audit, err = audit.Now(ctx, a.db); err != nil {
		return out, err
	}
	checks, err := audit.Checks(ctx, a.db, 1)
	if len(checks) > 0 {
		out.Check = &checks[0]
	}
	return out, err
}

// CryptoRun is the job that encrypts again after a rotation.
type CryptoRun struct {
	Key   crypto.KeyInfo `json:"key"`
	JobID string         `json:"jobId"`
}

// registerCrypto adds the page of cryptography and the one that checks
// signatures.
func (a *App) registerCrypto() {
	op := func(id, method, path, summary string) huma.Operation {
		return huma.Operation{OperationID: id, Method: method, Path: path, Summary: summary, Tags: []string{"crypto"}}
	}
	httpx.Register(a.api, access.CryptoView, op("crypto-report", http.MethodGet, "/api/crypto", "Algorithms, keys, call points and the state of the seven modules"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[CryptoReport], error) {
			if _, err := access.Need(ctx, access.CryptoView); err != nil {
				return nil, err
			}
			return httpx.Out(a.CryptoReport(ctx))
		})
	httpx.Register(a.api, access.CryptoManage, op("crypto-self-test", http.MethodPost, "/api/crypto/self-test", "Run the positive and the tampering check of each module"),
		func(ctx context.Context, _ *struct{}) (*httpx.Body[CryptoReport], error) {
			if _, err := access.Need(ctx, access.CryptoManage); err != nil {
				return nil, err
			}
			a.SelfTest(ctx)
			return httpx.Out(a.CryptoReport(ctx))
		})
	type rotateIn struct {
		Body struct {
			Kind    string `json:"kind" enum:"seal,blind,mac,sign"`
			Purpose string `json:"purpose" minLength:"1" maxLength:"64"`
			Reason  string `json:"reason" minLength:"2" maxLength:"200"`
		}
	}
	httpx.Register(a.api, access.CryptoManage, op("crypto-rotate", http.MethodPost, "/api/crypto/rotate", "Make a new key for a purpose and encrypt again under it"),
		func(ctx context.Context, in *rotateIn) (*httpx.Body[CryptoRun], error) {
			if _, err := access.Need(ctx, access.CryptoManage); err != nil {
				return nil, err
			}
			return httpx.Out(a.Rotate(ctx, crypto.Kind(in.Body.Kind), in.Body.Purpose, in.Body.Reason))
		})
	type runIn struct {
		ID string `path:"id" maxLength:"64"`
	}
	httpx.Register(a.api, access.CryptoView, op("crypto-run", http.MethodGet, "/api/crypto/runs/{id}", "How far a run of encrypting again is"),
		func(ctx context.Context, in *runIn) (*httpx.Body[jobs.Item], error) {
			if _, err := access.Need(ctx, access.CryptoView); err != nil {
				return nil, err
			}
			it, err := a.jobs.Get(ctx, in.ID)
			if err == nil && it.Kind != jobRewrap {
				return nil, errNoRun()
			}
			return httpx.Out(it, err)
		})
	a.registerVerify(op)
}

// Rotate changes the key of a purpose and queues the run that encrypts again,
// in one recorded act. A purpose without columns needs no run.
func (a *App) Rotate(ctx context.Context, kind crypto.Kind, purpose, reason string) (CryptoRun, error) {
	key, err := a.keys.Rotate(ctx, kind, purpose)
	if err != nil {
		return CryptoRun{}, rotateProblem(err)
	}
	out := CryptoRun{Key: key}
	err = a.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		err := audit.Record(ctx, tx, audit.Entry{
			Act: "crypto.rotate", Object: "key", ObjectID: key.ID, Summary: "轮换密钥 " + purpose, Reason: reason,
			After: map[string]any{"purpose": purpose, "kind": kind, "version": key.Version},
		})
		if err != nil {
			return err
		}
		tx.AfterCommit(a.bus.Wake)
		if err := events.Publish(ctx, tx, "crypto.rotated", key); err != nil {
			return err
		}
		if kind != crypto.KindSeal && kind != crypto.KindBlind {
			return nil
		}
		out.JobID, err = a.jobs.Enqueue(ctx, tx, jobRewrap, rewrapAsk{Purpose: purpose, All: kind == crypto.KindBlind}, jobs.Titled("重新加密 "+purpose), jobs.Later(a.db.Now().Add(rewrapPause)))
		return err
	})
	return out, err
}

// rewrapPause lets the other centers take the new key over before the old
// rows are written again.
const rewrapPause = 2 * time.Second
