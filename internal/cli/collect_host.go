package cli

import (
	"context"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
)

// What the collector may take of a host, which has other work to do.
const (
	hostTime   = 4 * time.Minute // under the five minutes that Systems Manager gives it
	lookTime   = 3 * time.Minute // of these: for everything; then the system's packages alone are told
	hostMemory = 120 << 20       // bytes of Go's heap: 150 MB in all
	hostData   = 256 << 20       // bytes that the kernel gives at most: Go takes address space in pieces of 64 MB
)

// collectHostCommand is the collector that Systems Manager runs on hosts.
func (c *command) collectHostCommand() *cobra.Command {
	o := app.HostOptions{}
	var to string
	cmd := &cobra.Command{
		Use: "collect-host", Short: "Collect what is installed on this host, for Systems Manager or to standard output", GroupID: "run", Args: cobra.NoArgs,
		Long: `What deep inspection runs on every host (hinomi scan settings --agents deep): the system's package databases, and language packages below
/usr/lib, /usr/lib64, /usr/local/lib, /usr/local/lib64 and the folders of --path. It writes nothing on the host, needs no state of hinomi, runs at
low priority, and takes one processor and at most 150 MB.`,
		Example: "  hinomi collect-host\n  hinomi collect-host --path /opt/apps --to ssm",
	}
	cmd.Flags().StringSliceVar(&o.Paths, "path", nil, "a further folder in which language packages are looked for; may be repeated")
	cmd.Flags().StringVar(&to, "to", "stdout", "where the inventory goes: stdout (as JSON) or ssm (this instance's custom inventory)")
	cmd.Flags().StringVar(&o.Bucket, "bucket", "", "bucket for an inventory that is too large for Systems Manager")
	cmd.Flags().StringVar(&o.Prefix, "prefix", "collected", "folder in the bucket")
	cmd.Flags().StringVar(&o.Root, "root", "/", "the host's root")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if to != "stdout" && to != "ssm" {
			return usageError("--to %q is none of stdout, ssm", to)
		}
		for _, p := range o.Paths {
			if p == "" || p[0] != '/' {
				return usageError("--path %q is not an absolute path", p)
			}
		}
		debug.SetMemoryLimit(hostMemory)
		debug.SetGCPercent(50)
		runtime.GOMAXPROCS(1)
		boundMemory(hostData)
		beNice()
		o.Time = lookTime
		ctx, done := context.WithTimeout(cmd.Context(), hostTime)
		defer done()
		if o.Root == "/" {
			o.Kernel = runningKernel()
		}
		inv, err := app.CollectHost(ctx, c.cfg, o)
		if err != nil {
			return err
		}
		if to == "ssm" {
			return app.SendHost(ctx, c.cfg, inv, o)
		}
		return app.WriteHost(c.out, inv)
	}
	return cmd
}
