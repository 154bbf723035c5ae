package app

import (
	"context"
	"path/filepath"
	"sync"
	"time"

	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/events"
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
}

// keyDir is the folder of the master key.
func (a *App) keyDir() string { return filepath.Join(a.o.Data, "keys") }

// wireCrypto opens the keys before everything that uses them.
func (a *App) wireCrypto(ctx context.Context) error {
	k, err := crypto.Open(ctx, a.db, crypto.FromEnv(a.keyDir(), a.log))
	if err != nil {
		return err
	}
	a.keys = k
	a.tampers = make(chan crypto.Tamper, 256)
	a.told = map[string]time.Time{}
	k.OnTamper(func(t crypto.Tamper) {
		select {
		case a.tampers <- t:
		default: // it is in the log; the queue is told of the first ones
		}
	})
	return nil
}

// startCrypto follows other centers' rotations and publishes what did not
// hold. It ends with ctx.
func (a *App) startCrypto(ctx context.Context) {
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
