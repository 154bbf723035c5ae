package crypto

import (
	"sort"

	"jiexun/center/internal/platform/clock"
)

// KeyInfo is what may be told of a key: never its value.
type KeyInfo struct {
	ID        string       `json:"id"`
	Purpose   string       `json:"purpose"`
	Kind      Kind         `json:"kind"`
	Version   int64        `json:"version"`
	State     string       `json:"state"`
	Master    string       `json:"master"`
	Check     string       `json:"check"`
	CreatedAt clock.Stamp  `json:"createdAt"`
	RetiredAt *clock.Stamp `json:"retiredAt,omitempty"`
}

func info(r keyRow) KeyInfo {
	return KeyInfo{
		ID: r.ID, Purpose: r.Purpose, Kind: r.Kind, Version: r.Version, State: r.State, Master: r.Master,
		Check: r.CheckValue, CreatedAt: r.CreatedAt, RetiredAt: r.RetiredAt,
	}
}

// List gives all keys, by purpose, kind and version.
func (k *Keys) List() []KeyInfo {
	k.mu.RLock()
	defer k.mu.RUnlock()
	out := make([]KeyInfo, 0, len(k.byID))
	for _, x := range k.byID {
		out = append(out, info(x.keyRow))
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := out[i], out[j]
		if a.Purpose != b.Purpose {
			return a.Purpose < b.Purpose
		}
		if a.Kind != b.Kind {
			return a.Kind < b.Kind
		}
		return a.Version < b.Version
	})
	return out
}
