package volume

import "container/list"

// lru keeps values up to a total weight and drops the least recently used. It
// is not safe for concurrent use. A value heavier than the bound is kept alone.
type lru[K comparable, V any] struct {
	bound, weight int
	order         *list.List // front: most recent
	items         map[K]*list.Element
}

type lruItem[K comparable, V any] struct {
	key    K
	value  V
	weight int
}

func newLRU[K comparable, V any](bound int) *lru[K, V] {
	return &lru[K, V]{bound: bound, order: list.New(), items: map[K]*list.Element{}}
}

func (c *lru[K, V]) get(key K) (V, bool) {
	e, ok := c.items[key]
	if !ok {
		var zero V
		return zero, false
	}
	c.order.MoveToFront(e)
	return e.Value.(*lruItem[K, V]).value, true
}

func (c *lru[K, V]) put(key K, value V, weight int) {
	if old, ok := c.items[key]; ok {
		c.drop(old)
	}
	c.items[key] = c.order.PushFront(&lruItem[K, V]{key, value, weight})
	c.weight += weight
	for c.weight > c.bound && c.order.Len() > 1 {
		c.drop(c.order.Back())
	}
}

func (c *lru[K, V]) drop(e *list.Element) {
	item := c.order.Remove(e).(*lruItem[K, V])
	delete(c.items, item.key)
	c.weight -= item.weight
}

func (c *lru[K, V]) clear() {
	c.order.Init()
	c.weight = 0
	clear(c.items)
}
