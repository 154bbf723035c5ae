package onemap

import (
	"container/list"
	"sync"
)

// tileCache keeps the tiles that were asked for last, up to a size.
type tileCache struct {
	mu    sync.Mutex
	most  int
	size  int
	order *list.List // newest in front
	byKey map[string]*list.Element
}

type tileItem struct {
	key  string
	body []byte
}

func newTileCache(most int) *tileCache {
	return &tileCache{most: most, order: list.New(), byKey: map[string]*list.Element{}}
}

func (c *tileCache) get(key string) ([]byte, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*tileItem).body, true //nolint:forcetypeassert // only tileItems are put in
}

func (c *tileCache) put(key string, body []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byKey[key]; ok || len(body) > c.most/8 {
		return
	}
	c.byKey[key] = c.order.PushFront(&tileItem{key, body})
	c.size += len(body) + 128
	for c.size > c.most {
		e := c.order.Back()
		x := e.Value.(*tileItem) //nolint:forcetypeassert // only tileItems are put in
		c.order.Remove(e)
		delete(c.byKey, x.key)
		c.size -= len(x.body) + 128
	}
}
