module hinomi

go 1.26.3

require (
	cel.dev/cel-go v0.33.2 // rules that users write: typed, with a cost limit
	github.com/CycloneDX/cyclonedx-go v0.12.0 // SBOMs, read and written
	github.com/aws/aws-sdk-go-v2 v1.47.7 // AWS
	github.com/aws/aws-sdk-go-v2/config v1.33.15
	github.com/aws/aws-sdk-go-v2/credentials v1.20.15
	github.com/aws/aws-sdk-go-v2/feature/ec2/imds v1.20.7 // the collector asks which instance it is on
	github.com/aws/aws-sdk-go-v2/service/directconnect v1.55.7
	github.com/aws/aws-sdk-go-v2/service/ebs v1.43.4
	github.com/aws/aws-sdk-go-v2/service/ec2 v1.344.1
	github.com/aws/aws-sdk-go-v2/service/elasticloadbalancing v1.41.8
	github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2 v1.63.8
	github.com/aws/aws-sdk-go-v2/service/eventbridge v1.55.9 // tests: events as AWS sends them
	github.com/aws/aws-sdk-go-v2/service/iam v1.64.8
	github.com/aws/aws-sdk-go-v2/service/kms v1.62.4
	github.com/aws/aws-sdk-go-v2/service/networkfirewall v1.61.2
	github.com/aws/aws-sdk-go-v2/service/organizations v1.62.6
	github.com/aws/aws-sdk-go-v2/service/s3 v1.114.8 // inventories that Systems Manager collects in a bucket
	github.com/aws/aws-sdk-go-v2/service/sqs v1.52.10 // queues that tell of changes
	github.com/aws/aws-sdk-go-v2/service/ssm v1.81.4
	github.com/aws/aws-sdk-go-v2/service/sts v1.51.8
	github.com/aws/smithy-go v1.28.8 // its errors
	github.com/cespare/xxhash/v2 v2.3.0 // hashed keys of the advisory database
	github.com/danielgtaylor/huma/v2 v2.37.2 // OpenAPI 3.1 from Go types
	github.com/edsrzf/mmap-go v1.2.0 // the advisory database is opened without being read
	github.com/go-json-experiment/json v0.0.0-20260820222146-c27c302e5fc3 // dumps: a tolerant clock and names in any case, in a stream
	github.com/google/go-cmp v0.7.0 // tests
	github.com/google/osv-scalibr v0.5.3 // version order of PEP 440, Maven, NuGet, RubyGems, Packagist, Pub
	github.com/jackc/pgx/v5 v5.9.2 // PostgreSQL
	github.com/jedib0t/go-pretty/v6 v6.8.3 // tables, also with wide characters
	github.com/klauspost/compress v1.20.1 // zstd of stored inventories and advisories
	github.com/lmittmann/tint v1.2.1 // logs that a person reads
	github.com/package-url/packageurl-go v0.1.7 // purl
	github.com/pandatix/go-cvss v0.6.4 // CVSS 2, 3, 3.1 and 4.0
	github.com/pressly/goose/v3 v3.27.1 // migrations
	github.com/prometheus/client_golang v1.25.0 // metrics
	github.com/riverqueue/river v0.31.0 // the queue, enqueued in our transaction
	github.com/riverqueue/river/riverdriver v0.31.0
	github.com/riverqueue/river/riverdriver/riverdatabasesql v0.31.0
	github.com/riverqueue/river/riverdriver/riverpgxv5 v0.31.0
	github.com/riverqueue/river/riverdriver/riversqlite v0.31.0
	github.com/riverqueue/river/rivertype v0.31.0
	github.com/rogpeppe/go-internal v1.16.0 // tests of the command line by scripts
	github.com/santhosh-tekuri/jsonschema/v6 v6.0.2 // tests: what is written, against its published schema
	github.com/schollz/progressbar/v3 v3.19.1 // progress bars
	github.com/spf13/cobra v1.10.2 // the command line
	github.com/ulikunitz/xz v0.5.17 // feeds that Canonical packs so
	golang.org/x/crypto v0.58.0 // argon2id, XChaCha20-Poly1305, fingerprints of SSH keys
	golang.org/x/mod v0.41.0 // go.mod and pseudo-versions
	golang.org/x/sync v0.24.0 // bounded groups, one flight for one block
	golang.org/x/sys v0.49.0 // file locks and limits
	golang.org/x/term v0.47.0 // is a person watching
	golang.org/x/time v0.16.0 // request rates
	gopkg.in/yaml.v3 v3.0.1 // YAML, in feeds and as an output
	modernc.org/sqlite v1.53.0 // SQLite without cgo
	pgregory.net/rapid v1.3.0 // property tests
)

require (
	cel.dev/expr v0.25.1 // indirect
	github.com/antlr4-go/antlr/v4 v4.13.1 // indirect
	github.com/aws/aws-sdk-go-v2/aws/protocol/eventstream v1.7.26 // indirect
	github.com/aws/aws-sdk-go-v2/internal/configsources v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/endpoints/v2 v2.8.10 // indirect
	github.com/aws/aws-sdk-go-v2/internal/v4a v1.5.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/accept-encoding v1.13.24 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/checksum v1.11.11 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/presigned-url v1.14.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/internal/s3shared v1.20.10 // indirect
	github.com/aws/aws-sdk-go-v2/service/signin v1.12.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/sso v1.39.3 // indirect
	github.com/aws/aws-sdk-go-v2/service/ssooidc v1.44.3 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/clipperhouse/uax29/v2 v2.7.0 // indirect
	github.com/dustin/go-humanize v1.0.1 // indirect
	github.com/google/pprof v0.0.0-20250403155104-27863c87afa6 // indirect
	github.com/google/uuid v1.6.0 // indirect
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/jackc/pgpassfile v1.0.0 // indirect
	github.com/jackc/pgservicefile v0.0.0-20240606120523-5a60cdf6a761 // indirect
	github.com/jackc/puddle/v2 v2.2.2 // indirect
	github.com/lib/pq v1.11.2 // indirect
	github.com/mattn/go-isatty v0.0.22 // indirect
	github.com/mattn/go-runewidth v0.0.23 // indirect
	github.com/mfridman/interpolate v0.0.2 // indirect
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/ncruces/go-strftime v1.0.0 // indirect
	github.com/prometheus/client_model v0.6.3 // indirect
	github.com/prometheus/common v0.72.0 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	github.com/remyoudompheng/bigfft v0.0.0-20230129092748-24d4a6f8daec // indirect
	github.com/riverqueue/river/rivershared v0.31.0 // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/sethvargo/go-retry v0.3.0 // indirect
	github.com/spf13/pflag v1.0.10 // indirect
	github.com/stretchr/testify v1.12.1 // indirect
	github.com/tidwall/gjson v1.19.0 // indirect
	github.com/tidwall/match v1.2.0 // indirect
	github.com/tidwall/pretty v1.2.1 // indirect
	github.com/tidwall/sjson v1.2.5 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	go.uber.org/multierr v1.11.0 // indirect
	go.yaml.in/yaml/v3 v3.0.5 // indirect
	golang.org/x/exp v0.0.0-20260508232706-74f9aab9d74a // indirect
	golang.org/x/text v0.43.0 // indirect
	golang.org/x/tools v0.51.0 // indirect
	google.golang.org/genproto/googleapis/api v0.0.0-20260511170946-3700d4141b60 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260511170946-3700d4141b60 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
	modernc.org/libc v1.73.4 // indirect
	modernc.org/mathutil v1.7.1 // indirect
	modernc.org/memory v1.11.0 // indirect
)
