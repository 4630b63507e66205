package awsclient

import "container/list"

// keptSessions is how many sessions are kept for reuse. An evicted one costs one more AssumeRole.
const keptSessions = 1024

// lru keeps the sessions that were used last. It is guarded by its owner.
type lru struct {
	order list.List // front: used last
	byKey map[string]*list.Element
}

type lruEntry struct {
	key string
	s   *Session
}

func (l *lru) get(key string) *Session {
	e, ok := l.byKey[key]
	if !ok {
		return nil
	}
	l.order.MoveToFront(e)
	return e.Value.(*lruEntry).s
}

func (l *lru) put(key string, s *Session) {
	if l.byKey == nil {
		l.byKey = map[string]*list.Element{}
	}
	if e, ok := l.byKey[key]; ok {
		e.Value.(*lruEntry).s = s
		l.order.MoveToFront(e)
		return
	}
	l.byKey[key] = l.order.PushFront(&lruEntry{key, s})
	for l.order.Len() > keptSessions {
		e := l.order.Back()
		l.order.Remove(e)
		delete(l.byKey, e.Value.(*lruEntry).key)
	}
}
