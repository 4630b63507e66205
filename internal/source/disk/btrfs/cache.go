package btrfs

import (
	"container/list"
	"sync"
)

// cachedNodes bounds the tree blocks that are kept, in bytes.
const cachedNodes = 16 << 20

// nodeCache keeps the tree blocks that were used last. It is safe for concurrent use.
type nodeCache struct {
	mu    sync.Mutex
	bytes int
	order *list.List // of cached, the newest first
	items map[uint64]*list.Element
}

type cached struct {
	at uint64
	n  *node
}

func newNodeCache() *nodeCache {
	return &nodeCache{order: list.New(), items: map[uint64]*list.Element{}}
}

func (c *nodeCache) get(at uint64) (*node, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.items[at]
	if !ok {
		return nil, false
	}
	c.order.MoveToFront(e)
	return e.Value.(cached).n, true
}

func (c *nodeCache) put(at uint64, n *node) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.items[at]; ok {
		return
	}
	c.items[at] = c.order.PushFront(cached{at, n})
	c.bytes += len(n.b)
	for c.bytes > cachedNodes && c.order.Len() > 1 {
		last := c.order.Remove(c.order.Back()).(cached)
		delete(c.items, last.at)
		c.bytes -= len(last.n.b)
	}
}

func (c *nodeCache) clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.order.Init()
	clear(c.items)
	c.bytes = 0
}
