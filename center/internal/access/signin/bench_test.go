package signin_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"jiexun/center/internal/access"
	"jiexun/center/internal/access/signin"
	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/crypto"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
)

// BenchmarkFiftyAtOnce lets fifty people sign in at the same moment with the
// real cost of argon2id and says how long the slowest of them waited.
func BenchmarkFiftyAtOnce(b *testing.B) {
	d := testkit.SQLite(b, clock.System{})
	keys := crypto.ForTest(b, d)
	acc, err := access.New(d, access.Options{Keys: keys, Log: testkit.Log(b)})
	if err != nil {
		b.Fatal(err)
	}
	if err := acc.SeedOrgs(b.Context(), []access.Org{{ID: "o", Name: "市局", Kind: "bureau", RegionCode: "310000"}}); err != nil {
		b.Fatal(err)
	}
	s, err := signin.New(b.Context(), signin.Options{DB: d, Access: acc, Keys: keys, Log: testkit.Log(b)})
	if err != nil {
		b.Fatal(err)
	}
	app, api := httpx.New(httpx.Options{Identify: acc.Identify, Authorize: access.Authorize})
	acc.Register(api, false)
	s.Register(api, false)
	const people = 50
	for i := range people {
		if _, err := acc.EnsurePerson(b.Context(), access.NewPerson{Account: fmt.Sprintf("ren%03d", i), Name: "演示", OrgID: "o", Password: password, Roles: []string{"officer"}}); err != nil {
			b.Fatal(err)
		}
	}
	all := []time.Duration{}
	b.ResetTimer()
	for b.Loop() {
		took := make([]time.Duration, people)
		var wg sync.WaitGroup
		for i := range people {
			wg.Go(func() {
				start := time.Now()
				code, body, _ := testkit.Do(b, app, "POST", "/api/session", map[string]string{"account": fmt.Sprintf("ren%03d", i), "password": password}, nil)
				if code != 200 {
					b.Errorf("sign in: %d %s", code, body)
				}
				took[i] = time.Since(start)
			})
		}
		wg.Wait()
		all = append(all, took...)
		if len(all) >= 2*people { // the limit by address is 120 in a minute
			break
		}
	}
	slices.Sort(all)
	b.ReportMetric(float64(all[len(all)*95/100].Milliseconds()), "p95-ms")
	b.ReportMetric(float64(all[len(all)/2].Milliseconds()), "p50-ms")
}
