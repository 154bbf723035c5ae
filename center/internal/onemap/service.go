// Package onemap is the city's map: what cameras, shops, alerts, orders and
// permit areas look like on it, in which coordinates a place is given, and
// what an address means. It keeps a copy of what the owners' views show, so
// that a tile of the whole city is read in milliseconds; the owners' events
// and a periodic comparison keep the copy true. Subpackages hold what is pure:
// tile, address and geocode.
package onemap

import (
	"context"
	"log/slog"
	"net/http"
	"sync"

	"jiexun/center/internal/onemap/geocode"
	"jiexun/center/internal/platform/db"
	"jiexun/center/internal/platform/region"
)

// Sealer keeps the keys of outside services.
type Sealer interface {
	Seal(purpose, plain, aad string) (string, error)
	OpenOrPlain(purpose, text, aad string) (string, error)
}

// Options are what the service needs.
type Options struct {
	DB      *db.DB
	Regions *region.Tree
	// Districts are the outlines of the districts as GeoJSON; they say in
	// which district a place lies. Nil leaves that open.
	Districts []byte
	Keys      Sealer
	// Client calls the services outside; nil makes one that gives up early
	// and follows no redirect.
	Client *http.Client
	Log    *slog.Logger
}

// Service is safe for concurrent use.
type Service struct {
	db      *db.DB
	regions *region.Tree
	areas   []outline
	keys    Sealer
	log     *slog.Logger
	tiles   *tileCache
	outside *geocode.Chain
	client  *http.Client

	roadsMu sync.Mutex
	roads   *roadIndex
}

// New makes the service.
func New(o Options) (*Service, error) {
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Client == nil {
		o.Client = &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	}
	areas, err := outlines(o.Districts)
	if err != nil {
		return nil, err
	}
	s := &Service{db: o.DB, regions: o.Regions, areas: areas, keys: o.Keys, log: o.Log, tiles: newTileCache(48 << 20), client: o.Client}
	s.outside = geocode.NewChain(o.DB.Now)
	return s, nil
}

// Start brings in what the program itself knows: the public profiles and the
// names of the services outside. It changes nothing that is there.
func (s *Service) Start(ctx context.Context) error {
	return s.db.InTx(ctx, func(ctx context.Context, tx db.Tx) error {
		if err := seedProfiles(ctx, tx); err != nil {
			return err
		}
		return seedProviders(ctx, tx)
	})
}
