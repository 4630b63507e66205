package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"hinomi/internal/app"
	"hinomi/internal/source/aws/policy"
	"hinomi/internal/store"
)

func (c *command) streamCommand() *cobra.Command {
	top := &cobra.Command{
		Use: "stream", Aliases: []string{"streams"}, Short: "Queues that tell of changes as they happen", GroupID: "accounts",
		Long: `EventBridge puts the events of EC2, CloudTrail, Config and Systems Manager into an SQS queue, and hinomi server and hinomi worker take them from it.
An event only names what to read again: what is kept is what AWS answers. The syncs every few hours repair what no event told.`,
		Example: `  hinomi stream add https://sqs.eu-west-1.amazonaws.com/111122223333/hinomi --connector production
  hinomi stream list`,
	}
	top.AddCommand(c.streamAdd(), c.streamList(), c.streamRemove(), c.streamTemplate())
	return top
}

// streamTemplate needs no installation: the queue is made before there may be one.
func (c *command) streamTemplate() *cobra.Command {
	var format, arn string
	var queue, rules bool
	var from policy.EventQueue
	cmd := &cobra.Command{
		Use: "template --queue|--rules", Short: "CloudFormation or Terraform for the queue, and for each account's rules", Args: cobra.NoArgs,
		Long: `--queue is for the one account and region where hinomi takes events: a queue with its dead-letter queue, an event bus before it, who may send, and the
policy for hinomi's own role. --rules is for every account and region that is to be told of, as a stack, a StackSet or a module: the rules of
EventBridge and the role by which they send to that bus.`,
		Example: `  hinomi stream template --queue --organization o-a1b2c3d4e5 > queue.yaml
  hinomi stream template --rules --queue-arn arn:aws:sqs:eu-west-1:111122223333:hinomi > rules.yaml`,
	}
	f := cmd.Flags()
	f.StringVar(&format, "format", "cloudformation", "cloudformation or terraform")
	f.BoolVar(&queue, "queue", false, "the queue")
	f.BoolVar(&rules, "rules", false, "the rules of one account and region")
	f.StringVar(&arn, "queue-arn", "", "of --rules: the queue that --queue made")
	f.StringVar(&from.Organization, "organization", "", "of --queue: the organisation whose accounts may send, o-…")
	f.StringSliceVar(&from.Accounts, "accounts", nil, "of --queue: the accounts that may send; without both, the queue's own alone")
	cmd.MarkFlagsOneRequired("queue", "rules")
	for _, pair := range [][]string{{"queue", "rules"}, {"queue", "queue-arn"}, {"rules", "organization"}, {"rules", "accounts"}} {
		cmd.MarkFlagsMutuallyExclusive(pair...)
	}
	cmd.RunE = func(*cobra.Command, []string) error {
		render := map[string]func() ([]byte, error){"cloudformation": from.CloudFormation, "terraform": from.Terraform}
		if rules {
			r := policy.EventRules{QueueARN: arn}
			render = map[string]func() ([]byte, error){"cloudformation": r.CloudFormation, "terraform": r.Terraform}
		}
		if render[format] == nil {
			return usageError("--format %q is none of cloudformation, terraform", format)
		}
		out, err := render[format]()
		if err != nil {
			return hinted(err, "see hinomi stream template --help")
		}
		_, err = c.out.Write(out)
		return err
	}
	return cmd
}

func (c *command) streamAdd() *cobra.Command {
	var name, region string
	cmd := &cobra.Command{Use: "add QUEUE-URL", Short: "Take events from an SQS queue", Args: cobra.ExactArgs(1)}
	cmd.Flags().StringVar(&name, "connector", "", "whose credentials read the queue; without it the base account's, or the process's own")
	cmd.Flags().StringVar(&region, "region", "", "the queue's region, where its URL names none (another endpoint than AWS's own)")
	cmd.RunE = c.with(func(ctx context.Context, a *app.App, args []string) error {
		out, err := a.AddQueue(ctx, operator(), args[0], region, name)
		if err != nil {
			return hinted(err, "whoever reads the queue needs sqs:ReceiveMessage, sqs:DeleteMessage, sqs:ChangeMessageVisibility and sqs:GetQueueAttributes on it")
		}
		for _, w := range out.Warnings {
			fmt.Fprintln(c.errs, "warning: "+printable(w))
		}
		if c.output == tableFormat {
			c.say("events are taken from %s by hinomi server and hinomi worker; %d wait", out.Queue.URL, out.Waiting)
			return nil
		}
		return c.show(view{data: out, header: []string{"ID", "QUEUE", "WAITING"}, rows: [][]string{{out.Queue.ID, out.Queue.URL, strconv.Itoa(out.Waiting)}}})
	})
	return cmd
}

func (c *command) streamList() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "Queues, what was taken from each, and how far behind they are", Args: cobra.NoArgs,
		RunE: c.with(func(ctx context.Context, a *app.App, _ []string) error {
			list, err := a.Queues(ctx, operator())
			if err != nil {
				return err
			}
			if list == nil {
				list = []store.QueueState{} // [] in JSON
			}
			v := view{
				header: []string{"QUEUE", "STATE", "HANDLED", "FOREIGN", "DUPLICATE", "MALFORMED", "LAST MESSAGE", "LAG"}, data: list,
				spare: []string{"DUPLICATE", "FOREIGN"}, empty: "No queues yet: hinomi stream add QUEUE-URL",
			}
			for i := range list {
				v.rows = append(v.rows, c.queueRow(&list[i]))
			}
			return c.show(v)
		}),
	}
}

func (c *command) queueRow(q *store.QueueState) []string {
	state, lag := "ok", ""
	switch {
	case q.Fault != "":
		state = q.Fault
	case q.LastAt.IsZero():
		state = "nothing came yet"
	}
	if !q.LastAt.IsZero() {
		lag = (time.Duration(q.OldestSecs) * time.Second).String()
	}
	n := func(v int64) string { return strconv.FormatInt(v, 10) }
	return []string{q.URL, state, n(q.Handled), n(q.Foreign), n(q.Duplicate), n(q.Malformed), c.when(q.LastAt), lag}
}

func (c *command) streamRemove() *cobra.Command {
	return &cobra.Command{
		Use: "remove QUEUE-URL", Short: "Take no more events from a queue; the queue itself stays", Args: cobra.ExactArgs(1),
		RunE: c.with(func(ctx context.Context, a *app.App, args []string) error {
			if err := a.RemoveQueue(ctx, operator(), args[0]); err != nil {
				return c.unknown("stream", args[0], err)
			}
			c.say("no more events are taken from %s", args[0])
			return nil
		}),
	}
}
