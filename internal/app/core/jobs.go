package core

// The kinds of jobs. A kind, once released, never changes its name.
const (
	JobSync  = "sync"
	JobScan  = "scan"
	JobSweep = "sweep"
	JobFeeds = "feeds"
	JobDue   = "due"
	JobScans = "scans"
	JobTags  = "tags"
	JobTidy  = "tidy"

	JobAgents = "agents" // inventories of agents are read
	JobManage = "manage" // what agents need is made and repaired

	JobRefresh = "refresh" // what events named is read again
	JobChanges = "changes" // what events named and was not read is queued again
)
