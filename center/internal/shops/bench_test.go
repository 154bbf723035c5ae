package shops_test

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"jiexun/center/internal/platform/clock"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/httpx"
	"jiexun/center/internal/platform/testkit"
	"jiexun/center/internal/shops"
)

// BenchmarkCity measures reads on a city of shops: SHOPS rows (20,000), on
// PostgreSQL where CENTER_TEST_PG is set.
func BenchmarkCity(b *testing.B) {
	n := 20_000
	if v, err := strconv.Atoi(os.Getenv("SHOPS")); err == nil {
		n = v
	}
	var d *db.DB
	c := clock.NewFake(testkit.Start())
	if os.Getenv("CENTER_TEST_PG") != "" {
		d = testkit.Postgres(b, c)
	} else {
		d = testkit.SQLite(b, c)
	}
	s := benchService(b, d)
	heads, tails := []string{"老城", "佳佳", "兴旺", "永盛", "小月", "顺达", "康民", "光明", "阿宝", "宏远", "晨光", "美家"}, []string{"面馆", "水果", "五金", "烟酒", "服饰", "电器", "药房", "花店", "超市", "文具"}
	streets := []string{"310101002", "310101013", "310101015"}
	for at := 0; at < n; at += 5000 {
		rows := make([][]string, 0, 5000)
		for i := at; i < min(at+5000, n); i++ {
			rows = append(rows, []string{heads[i%12] + string(rune(0x4e00+i*7%20000)) + tails[i/12%10], fmt.Sprintf("%s路%d号", string(rune(0x4e10+i/300))+"安", i%300+1), streets[i%3],
				fmt.Sprint(121.0 + float64(i%1000)*0.001), fmt.Sprint(30.8 + float64(i/1000)*0.004), "", tails[i/12%10], "", "", "", "", ""})
		}
		if err := d.InTx(boss(), func(ctx context.Context, tx db.Tx) error { return s.LoadImport(ctx, tx, rows) }); err != nil {
			b.Fatal(err)
		}
	}
	if d.Postgres() {
		if _, err := d.SQL().Exec("VACUUM ANALYZE shop_items"); err != nil {
			b.Fatal(err)
		}
		if _, err := d.SQL().Exec("ANALYZE shop_grams"); err != nil {
			b.Fatal(err)
		}
	} else if _, err := d.SQL().Exec("ANALYZE"); err != nil {
		b.Fatal(err)
	}
	page := func(q, sort string, f shops.Filter) func(*testing.B) {
		return func(b *testing.B) {
			for b.Loop() {
				if _, err := s.List(boss(), f, httpx.Paging{Page: 1, Size: 50, Q: q, Sort: sort}); err != nil {
					b.Fatal(err)
				}
			}
		}
	}
	b.Run("list", page("", "", shops.Filter{}))
	b.Run("list/updated", page("", "-updatedAt", shops.Filter{}))
	b.Run("list/street", page("", "", shops.Filter{Region: "310101013"}))
	b.Run("search/rare", page("一面馆", "", shops.Filter{}))
	b.Run("search/common", page("面馆", "", shops.Filter{}))
	b.Run("search/initials", page("lcymg", "", shops.Filter{}))
	b.Run("search/none", page("查无此店铺", "", shops.Filter{}))
	b.Run("near", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Near(boss(), 121.3, 30.9, 150, 20); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("strip", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Strip(boss(), string(rune(0x4e10))+"安路", "310101013", "odd"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
