package curvefile_test

import (
	"fmt"
	"log"
	"strings"

	"github.com/headstart-ml/headstart/head/study/curvefile"
)

// A file is read, and an error says in which line what is wrong.
func ExampleRead() {
	points, err := curvefile.Read(strings.NewReader("n,error\n100,0.31\n200,0.24\n"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(points)
	_, err = curvefile.Read(strings.NewReader("n,error\n100,31\n"))
	fmt.Println(err)
	// Output:
	// [{100 0 0.31} {200 0 0.24}]
	// line 2: the error 31 is not within 0 and 1; divide percentages by 100
}
