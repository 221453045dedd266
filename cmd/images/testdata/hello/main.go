// Command hello is the program that the tests make images of.
package main

import (
	"fmt"
	"os"

	"github.com/google/uuid"
)

var version = "dev"

func main() {
	fmt.Println("hello", version, os.Getuid(), uuid.Nil)
	fmt.Println(os.WriteFile("/tmp/a", nil, 0o600), os.WriteFile("a", nil, 0o600) == nil, os.WriteFile("/etc/passwd", nil, 0o600) != nil)
	fmt.Fprintln(os.Stderr, os.Args)
}
