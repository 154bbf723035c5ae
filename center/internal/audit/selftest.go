package audit

import (
	"errors"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
)

// Trials are the live checks of the chain: three records in memory, whole and
// with one changed byte.
func Trials(keys *crypto.Keys) []crypto.Trial {
	return []crypto.Trial{{Module: 3, Name: "审计链 HMAC-SM3", Run: func() (error, error) { return trialChain(keys) }}}
}

func trialChain(keys *crypto.Keys) (error, error) {
	rows := make([]*row, 3)
	prev := genesis
	for i := range rows {
		rows[i] = &row{Seq: int64(i + 1), ID: "self-test", At: clock.Stamp(i), Act: "self.test", Summary: "自检", Prev: prev}
		seal(keys, rows[i])
		prev = rows[i].Digest
	}
	walk := func() *Fault {
		k := &checker{codes: keys, start: start{0, genesis, false}}
		for _, r := range rows {
			if !k.next(r) {
				break
			}
		}
		return k.fault
	}
	if f := walk(); f != nil {
		return nil, errors.New(f.Message)
	}
	rows[1].Summary = "自栓"
	f := walk()
	if f == nil || f.Seq != 2 {
		return nil, errors.New("a changed record was not found")
	}
	return errors.New(f.Message), nil
}
