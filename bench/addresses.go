package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
)

var (
	given     = strings.Fields("anna ben clara david emma felix greta hugo ida jonas karla leon mia noah olga paul rosa simon tina uwe vera willi")
	syllables = strings.Fields("ad ler be cker con rad diet rich en gel fi scher graf hu ber jung kel ler lan ge mai er neu mann ot to pe ters rich ter schmi dt vo gel we ber zieg ler sen ova ski dot ti mor ak kov ic an der ssen o'neil")
	domains   = strings.Fields("example.com example.com example.com example.org example.net mail.example.com post.example.de users.example.co.uk")
)

// writeAddresses makes a CSV of users who are known by an e-mail address. They
// are drawn at random, since what repeats compresses far better than real
// addresses do; a number makes each one its own: files of other numbers
// have no user in common.
func writeAddresses(path string, first, users int) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if closed := f.Close(); err == nil {
			err = closed
		}
	}()
	w := bufio.NewWriterSize(f, 1<<20)
	_, _ = fmt.Fprintln(w, "username,name")
	rng := rand.New(rand.NewPCG(1, 2+uint64(first)))
	pick := func(from []string) string { return from[rng.IntN(len(from))] }
	for i := first; i < first+users; i++ {
		_, _ = fmt.Fprintf(w, "%s.%s%s%s%d@%s,x\n", pick(given), pick(syllables), pick(syllables), pick(syllables),
			i*2654435761%1_000_000_007, pick(domains))
	}
	return w.Flush() // has the first error of them all
}
