package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/evaluate/vuln"
	"hinomi/internal/source/vex"
)

func (c *command) vexCommand() *cobra.Command {
	top := &cobra.Command{Use: "vex", Short: "Statements that a vulnerability does not affect you: VEX", GroupID: "results"}
	top.AddCommand(c.vexAdd(), c.vexList(), c.vexRemove())
	return top
}

func (c *command) vexAdd() *cobra.Command {
	var name string
	cmd := &cobra.Command{
		Use: "add FILE", Short: "Hear the statements of an OpenVEX or CycloneDX document", Args: cobra.ExactArgs(1),
		Long: "Keeps the statements of an OpenVEX or CycloneDX document, in the place of an earlier one of the same name, and judges what is kept again.\n" +
			"A finding that a statement says does not affect the product closes, with the statement as the reason; it comes back when the statement lapses\n" +
			"or is removed. A statement that gives no reason, or is about one asset, is not heard: hinomi findings suppress is for one asset.",
		Example: "  hinomi vex add ops.openvex.json",
	}
	cmd.Flags().StringVar(&name, "name", "", "what to call the document (the file's name)")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		f, err := os.Open(args[0])
		if err != nil {
			return err
		}
		defer f.Close() //nolint:errcheck // only read
		if name == "" {
			name = filepath.Base(args[0])
		}
		doc, err := vex.Read(name, f)
		if err != nil {
			return err
		}
		kept, unheard, err := a.AddStatements(ctx, operator(), name, doc)
		for _, u := range unheard {
			fmt.Fprintln(c.errs, "not heard: "+printable(u))
		}
		if err != nil {
			return err
		}
		v := view{header: []string{"VULNERABILITY", "STATUS", "PRODUCT", "WHY", "AUTHOR"}, data: kept, spare: []string{"AUTHOR"}}
		for _, s := range kept.Statements {
			why := string(s.Justification)
			if why == "" {
				why = s.Impact
			}
			v.rows = append(v.rows, []string{s.Vulnerability, string(s.Status), s.Product, why, s.Author})
		}
		return c.show(v)
	})
	return cmd
}

func (c *command) vexList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "The documents that are heard", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.VEX(ctx)
			if err != nil {
				return err
			}
			v := view{header: []string{"NAME", "STATEMENTS", "ADDED", "BY"}, data: list, empty: "No statements: hinomi vex add FILE"}
			for _, d := range list {
				v.rows = append(v.rows, []string{d.Name, strconv.Itoa(len(d.Statements)), c.when(d.AddedAt), d.AddedBy})
			}
			return c.show(v)
		}),
	}
}

func (c *command) vexRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove NAME", Short: "Take a document of statements back", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			if err := a.RemoveStatements(ctx, operator(), args[0]); err != nil {
				return err
			}
			c.say("removed: %s", args[0])
			return nil
		}),
	}
}

// matchingCommand shows and sets which of the publishers' words make findings.
func (c *command) matchingCommand() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use: "matching", Short: "Which of the publishers' words make findings", Args: cobra.NoArgs,
		Long: "Shows, per distribution, which states that its publisher gives a package make a finding, as Amazon Inspector documents them by default.\n" +
			"--set takes JSON (- for standard input) with what is to be otherwise; {} is the default. What is kept is judged again.",
		Example: `  echo '{"states":{"Debian":["fixed"]},"stopMonthsAfterEndOfLife":12}' | hinomi setting matching --set -`,
	}
	cmd.Flags().StringVar(&file, "set", "", "file of JSON: states, stopMonthsAfterEndOfLife, trustBootKernel")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, _ []string) error {
		if file != "" {
			text, err := c.textOf(file)
			if err != nil {
				return err
			}
			if _, err := a.SetPolicy(ctx, operator(), text); err != nil {
				return err
			}
		}
		p, err := a.MatchingPolicy(ctx)
		if err != nil {
			return err
		}
		return c.show(policyView(p))
	})
	return cmd
}

func policyView(p vuln.Policy) view {
	v := view{header: []string{"DISTRIBUTION", "STATES THAT MAKE A FINDING"}, data: p}
	for _, e := range slices.Sorted(maps.Keys(p.States)) {
		words, name := make([]string, len(p.States[e])), e
		for i, s := range p.States[e] {
			words[i] = string(s)
		}
		if name == "" {
			name = "all others"
		}
		v.rows = append(v.rows, []string{name, strings.Join(words, ", ")})
	}
	if p.StopAfterEndOfLife > 0 {
		v.notes = append(v.notes, fmt.Sprintf("Packages of a system make no findings from %d months after its end of life on; the system itself does.", p.StopAfterEndOfLife))
	}
	if p.TrustBootKernel {
		v.notes = append(v.notes, "On a disk the kernel that boots next is taken for the one that runs.")
	}
	return v
}

// maxSetting bounds what is read of a file with a setting.
const maxSetting = 1 << 20

// textOf reads a small file, or standard input for "-".
func (c *command) textOf(file string) ([]byte, error) {
	in := c.in
	if file != "-" {
		f, err := os.Open(file) //nolint:gosec // G304: the path is the caller's choice
		if err != nil {
			return nil, err
		}
		defer f.Close() //nolint:errcheck // only read
		in = f
	}
	b, err := io.ReadAll(io.LimitReader(in, maxSetting+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", file, err)
	case len(b) > maxSetting:
		return nil, fmt.Errorf("read %s: more than %d bytes", file, maxSetting)
	case !json.Valid(bytes.TrimSpace(b)):
		return nil, fmt.Errorf("read %s: not JSON", file)
	}
	return b, nil
}
