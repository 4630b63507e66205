// Command hinomi is the command line, the server and the worker of hinomi, the fire lookout over Amazon EC2.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"hinomi/internal/cli"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
