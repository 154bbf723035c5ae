package audit

import (
	"bytes"
	"testing"
)

func FuzzManifest(f *testing.F) {
	f.Add([]byte(`{"format":1,"file":"a.ndjson","from":1,"to":2,"signature":{"keyId":"k","at":"2026-11-24T06:30:56.000Z"}}`))
	f.Add([]byte(`{"format":1,"file":"../a","from":1,"to":2}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := ParseManifest(b)
		if err == nil && (m.From < 1 || m.To < m.From || bytes.ContainsAny([]byte(m.File), "/")) {
			t.Errorf("accepted %+v", m)
		}
	})
}

func FuzzArchiveLines(f *testing.F) {
	f.Add([]byte(`{"seq":1,"id":"x","at":"2026-11-24T06:30:56.000Z","prev":"0","digest":"0","alg":"sm3"}` + "\n"))
	f.Add([]byte("{}\n{\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		k := &checker{start: start{0, genesis, false}}
		n := 0
		err := readLines(bytes.NewReader(b), func(l line) bool { n++; return k.next(l.row()) })
		if err == nil && k.seq > int64(n) {
			t.Errorf("%d records of %d lines", k.seq, n)
		}
	})
}
