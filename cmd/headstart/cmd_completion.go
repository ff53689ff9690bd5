package main

import (
	_ "embed"
	"fmt"
	"strings"

	"github.com/urfave/cli/v2"
)

// The scripts ask `headstart completion words` at each press of the key, so
// that they know the commands and flags of the program that is installed.
var (
	//go:embed completion/headstart.bash
	bashScript string
	//go:embed completion/_headstart
	zshScript string
	//go:embed completion/headstart.fish
	fishScript string
)

func completionCommand(e *env) *command {
	return &command{
		name: "completion",
		does: "prints a script with which a shell completes commands, flags, their words and files",
		about: "A shell reads the script at its start: put it where the shell looks for it, or let the shell's own start-up file read it. " +
			"The help of each shell says where that is. The script asks headstart itself for the words, so it need not be made again for a newer version.",
		examples: []string{
			"headstart completion bash",
			"headstart help completion zsh    # where does it belong?",
		},
		subcommands: []*command{
			scriptCommand(e, "bash", bashScript,
				"bash-completion, where it is installed, reads ~/.local/share/bash-completion/completions/headstart when it is needed first: write the script there. "+
					"Without bash-completion, put this line into ~/.bashrc:\n\nsource <(headstart completion bash)\n\nbash 3.2 of macOS takes the file, sourced by its name, and not this line."),
			scriptCommand(e, "zsh", zshScript,
				"Write the script as _headstart into a folder of $fpath, such as /usr/local/share/zsh/site-functions, and start a new shell. "+
					"With a folder of your own, put these lines into ~/.zshrc:\n\nfpath=(~/.zfunc $fpath); autoload -Uz compinit && compinit"),
			scriptCommand(e, "fish", fishScript,
				"fish reads ~/.config/fish/completions/headstart.fish when it is needed first: write the script there."),
			wordsCommand(e),
		},
	}
}

func scriptCommand(e *env, shell, script, where string) *command {
	return &command{
		name:     shell,
		does:     "prints the script for " + shell,
		about:    where,
		examples: []string{"headstart completion " + shell},
		action: func(*cli.Context) error {
			_, err := fmt.Fprint(e.stdout, script)
			return err
		},
	}
}

func wordsCommand(e *env) *command {
	return &command{
		name: "words",
		args: "-- WORD…",
		does: "prints what the last word of a command line may become, for the scripts",
		about: "The words are those after headstart, the last one as far as it has been typed; it may be empty. " +
			"Each line is a word and, after a tab, what it means. A last line :files, :files .ENDING… or :folders says that names of files belong there too, " +
			"which the shell completes.",
		examples: []string{"headstart completion words -- train-head --cl", "headstart completion words -- cache ''"},
		minArgs:  0, maxArgs: -1,
		action: func(ctx *cli.Context) error {
			words := ctx.Args().Slice()
			if len(words) == 0 {
				words = []string{""}
			}
			root := program(e)
			s := complete(root, words)
			var b strings.Builder
			for _, c := range s.words {
				b.WriteString(c.word)
				if c.means != "" {
					b.WriteString("\t" + c.means)
				}
				b.WriteString("\n")
			}
			if s.folders && !s.files {
				b.WriteString(":folders\n")
			} else if s.files {
				b.WriteString(strings.TrimSpace(":files "+strings.Join(s.endings, " ")) + "\n")
			}
			_, err := fmt.Fprint(e.stdout, b.String())
			return err
		},
	}
}
