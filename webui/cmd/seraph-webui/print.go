package main

import (
	"fmt"
	"io"

	"seraph/webui/internal/server"
)

// printout is what the program writes in place of serving.
type printout func(out io.Writer)

func printVersion(out io.Writer) { fmt.Fprintf(out, "seraph-webui %s\n", version) }

// printRoutes writes the site map: a line for each route with its method, its path
// (:name is a part that varies), who may use it ("anyone" or "signed-in") and what
// it is: "page", "file" for what is downloaded, "stream", or "bare" for what needs no
// session. Routes that the settings may switch off are among them.
func printRoutes(out io.Writer) {
	for _, r := range server.SiteMap() {
		access, kind := "signed-in", "page"
		if r.Access == server.Anyone {
			access = "anyone"
		}
		switch {
		case r.Bare:
			kind = "bare"
		case r.Stream:
			kind = "stream"
		case r.File:
			kind = "file"
		}
		fmt.Fprintln(out, r.Method, r.Path, access, kind)
	}
}
