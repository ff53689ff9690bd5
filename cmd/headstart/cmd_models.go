package main

import (
	"fmt"

	"github.com/urfave/cli/v2"

	"github.com/headstart-ml/headstart/cmd/headstart/internal/report"
	"github.com/headstart-ml/headstart/models/builtin"
	"github.com/headstart-ml/headstart/models/folder"
)

func modelsCommand(e *env) *command {
	return &command{
		name:        "models",
		does:        "lists the built-in backbones and shows what a backbone expects",
		examples:    []string{"headstart models list", "headstart models show all-minilm-l6-v2"},
		subcommands: []*command{modelsListCommand(e), modelsShowCommand(e)},
	}
}

func modelsListCommand(e *env) *command {
	return &command{
		name:     "list",
		does:     "lists the built-in backbones",
		examples: []string{"headstart models list", "headstart models list --json"},
		flags:    commonFlags("json"),
		action: func(ctx *cli.Context) error {
			all, err := folder.Builtin(builtin.FS())
			if err != nil {
				return err
			}
			if ctx.Bool("json") {
				for _, b := range all {
					if err := e.printJSON(b); err != nil {
						return err
					}
				}
				return nil
			}
			t := &report.Table{Columns: []report.Column{{Name: "backbone"}, {Name: "takes"}, {Name: "features", Right: true}, {Name: "licence"}, {Name: "about"}}}
			for _, b := range all {
				t.Rows = append(t.Rows, []string{b.Name, fmt.Sprint(b.Modality) + "s", report.Count(b.Dim), b.Licence, b.About})
			}
			return report.TableTo(e.stdout, t, e.style(nil))
		},
	}
}

func modelsShowCommand(e *env) *command {
	return &command{
		name:     "show",
		args:     "NAME|DIR|FILE.onnx",
		does:     "shows what a backbone expects and gives, as inspect does",
		examples: []string{"headstart models show efficientnet-lite0", "headstart models show --json all-minilm-l6-v2"},
		minArgs:  1, maxArgs: 1,
		flags: commonFlags("json"),
		action: func(ctx *cli.Context) error {
			return inspectBackbone(&inspectOptions{common: common{json: ctx.Bool("json")}}, ctx.Args().First(), e)
		},
	}
}
