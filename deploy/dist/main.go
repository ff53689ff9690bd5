// Command dist makes the archive of a release for the machine that it runs on:
// program, runtime library, shell completion, man pages, documents and
// licences, laid out so that it runs where it is unpacked, and that its folders
// can be laid over /usr/local or ~/.local. The same commit, compiler and
// library give the same bytes, in whichever folder. `make dist` runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
)

func main() {
	out := flag.String("out", "dist", "the `folder` to write the archive and SHA256SUMS into")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	archive, err := release(ctx, ".", *out)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
	fmt.Println(archive)
}
