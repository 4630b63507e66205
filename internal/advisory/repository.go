package advisory

// Repository says of which products' packages an rpm repository consists, so that a host's enabled repositories choose the advisories that
// speak of it: "rhel-9-for-x86_64-baseos-eus-rpms" carries "rhel_eus:9.0::baseos" and "rhel_eus:9.2::baseos" (Red Hat, repository-to-cpe.json).
type Repository struct {
	Ecosystem string   `json:"ecosystem"`
	ID        string   `json:"id"`              // as dnf and the subscription name it
	Releases  []string `json:"releases"`        // as Affected.Release names them
	Paths     []string `json:"paths,omitempty"` // of its address, below the publisher's host: "content/dist/rhel9/9/x86_64/baseos/os"
}
