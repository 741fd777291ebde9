// Command graphs makes random certificate graphs and says what crypto/x509 answers to them, for test/differential.
//
//	graphs mint SEED FIRST COUNT   writes a case a line: certificates, the question, every chain that Go accepts
//	graphs explain                 reads a path a line, and writes why Go refuses exactly that path
//
// The same seed gives the same graphs. Only the standard library is used.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "graphs:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	out := bufio.NewWriter(os.Stdout)
	lines := json.NewEncoder(out)
	switch {
	case len(args) == 4 && args[0] == "mint":
		var numbers [3]uint64
		for i, arg := range args[1:] {
			number, err := strconv.ParseUint(arg, 10, 64)
			if err != nil {
				return err
			}
			numbers[i] = number
		}
		seed, first, count := numbers[0], numbers[1], numbers[2]
		for index := first; index < first+count; index++ {
			if err := lines.Encode(answer(newGraph(seed, index))); err != nil {
				return err
			}
		}
	case len(args) == 1 && args[0] == "explain":
		in := json.NewDecoder(bufio.NewReader(os.Stdin))
		for in.More() {
			var asked path
			if err := in.Decode(&asked); err != nil {
				return err
			}
			if err := lines.Encode(explain(asked)); err != nil {
				return err
			}
		}
	default:
		return fmt.Errorf("usage: graphs mint SEED FIRST COUNT | graphs explain")
	}
	return out.Flush()
}
