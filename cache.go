package voicemail

import (
	"container/list"
	"sync"
	"time"
)

// cache keeps decoded immutable objects by name: the least recently used go when there are too many, and none is used after its time. A name in the
// cache says nothing about whether the object still exists; a listing does.
type cache struct {
	mu    sync.Mutex
	max   int
	ttl   time.Duration
	byKey map[string]*list.Element
	order *list.List // most recently used first
}

type cached struct {
	key   string
	value any
	until time.Time
}

const cacheTTL = 10 * time.Minute

func newCache(limit int) *cache {
	return &cache{max: limit, ttl: cacheTTL, byKey: map[string]*list.Element{}, order: list.New()}
}

func (c *cache) get(key string) (any, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		return nil, false
	}
	item := e.Value.(*cached)
	if time.Now().After(item.until) {
		c.remove(e)
		return nil, false
	}
	c.order.MoveToFront(e)
	return item.value, true
}

func (c *cache) put(key string, value any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		c.remove(e)
	}
	c.byKey[key] = c.order.PushFront(&cached{key: key, value: value, until: time.Now().Add(c.ttl)})
	for c.order.Len() > c.max {
		c.remove(c.order.Back())
	}
}

func (c *cache) drop(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		c.remove(e)
	}
}

func (c *cache) remove(e *list.Element) {
	c.order.Remove(e)
	delete(c.byKey, e.Value.(*cached).key)
}
