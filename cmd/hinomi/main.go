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
	ends := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // nohup ignores it
		ends = append(ends, syscall.SIGHUP) // the terminal was closed: what is under way in an account is ended in order
	}
	ctx, stop := signal.NotifyContext(context.Background(), ends...)
	code := cli.Run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
