package app

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"jiexun/center/internal/alerts"
	"jiexun/center/internal/audit"
	"jiexun/center/internal/directory"
	"jiexun/center/internal/platform/caller"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
	"jiexun/center/internal/platform/jobs"
)

// topicIntegrity is told when something that keys guard does not hold: a
// sealed column, a signature, a program file.
const topicIntegrity = "crypto.integrity"

// tamperPause is how long one place that does not hold is not told again.
const tamperPause = 10 * time.Minute

// cryptoParts are the keys and what watches over them.
type cryptoParts struct {
	keys    *crypto.Keys
	tampers chan crypto.Tamper
	toldMu  sync.Mutex
	told    map[string]time.Time
	release releaseState
	tried   trials
}

// KeyDir is the folder of the master key in a data folder.
func KeyDir(data string) string { return filepath.Join(data, "keys") }

// wireCrypto opens the keys before everything that uses them.
func (a *App) wireCrypto(ctx context.Context) error {
	k, err := crypto.Open(ctx, a.db, crypto.FromEnv(KeyDir(a.o.Data), a.log))
	if err != nil {
		return err
	}
	a.keys = k
	audit.Use(a.db, k)
	a.tampers = make(chan crypto.Tamper, 256)
	a.told = map[string]time.Time{}
	k.Guard(directory.Sealed()...)
	k.OnTamper(func(t crypto.Tamper) {
		select {
		case a.tampers <- t:
		default: // it is in the log; the queue is told of the first ones
		}
	})
	a.wireAudit()
	a.jobs.Handle(jobRewrap, "用新密钥重新加密", a.rewrap)
	a.jobs.Every("crypto.release", "核对程序文件", releaseEvery, a.checkRelease)
	a.bus.Subscribe(alerts.TopicChanged, "crypto", a.signEvidence)
	return a.checkRelease(ctx)
}

// signEvidence signs the files of alerts that were confirmed, so that what a
// case rests on cannot be changed later without showing.
func (a *App) signEvidence(ctx context.Context, tx db.Tx, e events.Event) error {
	var ch alerts.Changed
	if err := e.Decode(&ch); err != nil {
		return err
	}
	for _, x := range ch.Items {
		if x.State != alerts.Confirmed {
			continue
		}
		ev, ok, err := a.alerts.Evidence(ctx, tx, x.ID)
		if err != nil {
			return err
		}
		if !ok {
			continue
		}
		for _, sm3 := range ev.Pictures {
			err := a.keys.SignRecord(ctx, tx, "evidence", crypto.Signed{
				Object: "alert", ObjectID: x.ID, Name: "预警 " + ev.No + " 的证据图", SM3: sm3,
				Signer: ev.DecidedBy, SignerName: ev.DecidedName, RegionCode: ev.RegionCode,
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// jobRewrap encrypts everything again that the active keys have not made.
const jobRewrap = "crypto.rewrap"

type rewrapAsk struct {
	Purpose string `json:"purpose"`
	// All encrypts every row again: a new blind key needs that.
	All bool `json:"all"`
}

func (a *App) rewrap(ctx context.Context, run *jobs.Run) error {
	var ask rewrapAsk
	if err := run.Decode(&ask); err != nil {
		return err
	}
	r, err := a.keys.RewrapAll(ctx, ask.Purpose, ask.All, func(place string, done, total int64) { run.Progress(done, total, place) })
	if err != nil {
		return err
	}
	run.Log("已重新加密 %d 处，打不开而保留原样的 %d 处", r.Done, r.Left)
	return nil
}

// sealOld queues the run that seals what was stored before there were keys,
// when there is any.
func (a *App) sealOld(ctx context.Context) error {
	pending, err := a.keys.Pending(ctx)
	if err != nil {
		return err
	}
	for _, n := range pending {
		if n > 0 {
			return a.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
				_, err := a.jobs.Enqueue(ctx, tx, jobRewrap, rewrapAsk{}, jobs.Titled("加密旧数据"))
				return err
			})
		}
	}
	return nil
}

// startCrypto follows other centers' rotations and publishes what did not
// hold. It ends with ctx.
func (a *App) startCrypto(ctx context.Context) {
	if err := a.sealOld(caller.System(ctx, "启动")); err != nil {
		a.log.Error("rows that are not sealed were not counted", "err", err)
	}
	go func() {
		tick := time.NewTicker(30 * time.Second)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case t := <-a.tampers:
				a.publishTamper(ctx, t)
			case <-tick.C:
				if err := a.keys.Refresh(ctx); err != nil && ctx.Err() == nil {
					a.log.Warn("keys were not read again", "err", err)
				}
			}
		}
	}()
}

// publishTamper tells of a place once in a while, however often it is read.
func (a *App) publishTamper(ctx context.Context, t crypto.Tamper) {
	a.toldMu.Lock()
	key, now := t.Purpose+"|"+t.Where, time.Now()
	last, ok := a.told[key]
	if ok && now.Sub(last) < tamperPause {
		a.toldMu.Unlock()
		return
	}
	if len(a.told) > 10_000 {
		clear(a.told)
	}
	a.told[key] = now
	a.toldMu.Unlock()
	err := a.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		tx.AfterCommit(a.bus.Wake)
		return events.Publish(ctx, tx, topicIntegrity, t)
	})
	if err != nil {
		a.log.Error("a failed integrity check was not published", "where", t.Where, "err", err)
	}
}

// Keys gives the keys, for commands and tests.
func (a *App) Keys() *crypto.Keys { return a.keys }
