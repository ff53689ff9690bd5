// Outside is a program of its own module that classifies files with a head:
// photos or texts, whatever the head was trained on.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/headstart-ml/headstart/head/predict"
	"github.com/headstart-ml/headstart/models/builtin"
)

func main() {
	p, err := predict.Open(os.Args[1], &predict.Options{Builtin: builtin.FS(), Backbone: os.Getenv("BACKBONE")})
	if err != nil {
		log.Fatal(err)
	}
	defer p.Close()
	answers, err := p.PredictFiles(context.Background(), os.Args[2:])
	if err != nil {
		log.Fatal(err)
	}
	for _, a := range answers {
		fmt.Println(a.Label, a.Probability, a.Err)
	}
}
