package volume

import "sync"

// Cache keeps values that were used last, up to a total weight. It is safe for concurrent use. A value heavier than the bound is kept alone.
type Cache[K comparable, V any] struct {
	mu   sync.Mutex
	kept *lru[K, V]
}

// NewCache returns a cache of values of the weight bound in all.
func NewCache[K comparable, V any](bound int) *Cache[K, V] {
	return &Cache[K, V]{kept: newLRU[K, V](bound)}
}

// Get returns a value if it is kept.
func (c *Cache[K, V]) Get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.kept.get(key)
}

// Put keeps a value, and drops those that were not used for the longest time where there is no room.
func (c *Cache[K, V]) Put(key K, value V, weight int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.put(key, value, weight)
}

// Clear drops all values.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.clear()
}
