package main

import (
	"crypto/x509/pkix"
	"fmt"
	"math/rand/v2"
	"time"
)

// graph is one case before anyone has answered it.
type graph struct {
	index         uint64
	minted        [][]byte
	endEntity     int
	intermediates []int
	anchors       []int
	question      question

	random *rand.Rand
	// flaws is the chance that something is wrong wherever it can be.
	flaws float64
	// dense is whether names and constraints of the rarer types are frequent.
	dense  bool
	serial int64
}

var now = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// maxIntermediates leaves room below lasthop's 16 presented certificates.
const maxIntermediates = 14

// entity is a CA: a name with one key, or two after a rollover.
type entity struct {
	name []byte
	keys []*key
}

// newGraph makes a few CAs, certificates among them in every direction, anchors, and one end entity.
func newGraph(seed, index uint64) *graph {
	g := &graph{
		index: index, intermediates: []int{}, anchors: []int{}, random: rand.New(rand.NewPCG(seed, index)),
	}
	g.flaws = pick(g, 0.0, 0.02, 0.05, 0.12)
	g.dense = g.chance(0.25)
	entities := make([]entity, 2+g.random.IntN(4))
	for i := range entities {
		entities[i] = entity{distinguishedName(g.organization(), fmt.Sprintf("CA %d", i)), []*key{g.newKey()}}
		if g.chance(0.25) {
			entities[i].keys = append(entities[i].keys, g.newKey())
		}
	}
	for i, subject := range entities {
		g.addSelfSigned(subject, i == 0)
		if i > 0 {
			for range 1 + g.random.IntN(2) {
				g.addIntermediate(entities[g.random.IntN(i)], subject)
			}
		}
		// A cross-certificate from anywhere: upwards, downwards, or to itself.
		if g.chance(0.3) {
			g.addIntermediate(entities[g.random.IntN(len(entities))], subject)
		}
		if len(subject.keys) > 1 && g.chance(0.6) {
			g.addRollover(subject)
		}
	}
	g.addEndEntity(entities)
	g.present()
	return g
}

// addSelfSigned adds a root certificate for each of the entity's keys; whether it is an anchor is drawn.
func (g *graph) addSelfSigned(subject entity, root bool) {
	for i, own := range subject.keys {
		likely := root && i == 0
		if !likely && !g.chance(0.25) {
			continue
		}
		s := g.caSpec(subject, own, subject, own)
		at := g.add(s)
		if likely && !g.chance(0.04) || !likely && g.chance(0.4) {
			g.anchors = append(g.anchors, at)
		}
		if g.chance(0.3) {
			g.intermediates = append(g.intermediates, at)
		}
	}
}

func (g *graph) addIntermediate(issuer, subject entity) {
	s := g.caSpec(issuer, pick(g, issuer.keys...), subject, pick(g, subject.keys...))
	if g.chance(0.15) {
		old := s
		old.notBefore, old.notAfter = now.AddDate(-2, 0, 0), now.AddDate(-1, 0, 0)
		g.intermediates = append(g.intermediates, g.add(old))
	}
	at := g.add(s)
	if !g.flaw() {
		g.intermediates = append(g.intermediates, at)
	}
	if g.chance(0.04) {
		g.anchors = append(g.anchors, at)
	}
}

// addRollover adds the entity's new key under its old one, or the old one under the new.
func (g *graph) addRollover(subject entity) {
	from, to := subject.keys[0], subject.keys[1]
	if g.chance(0.3) {
		from, to = to, from
	}
	g.intermediates = append(g.intermediates, g.add(g.caSpec(subject, from, subject, to)))
}

// add signs a certificate; rarely with another key than its issuer's.
func (g *graph) add(s spec) int {
	if g.chance(g.flaws / 2) {
		s.signer = g.newKey()
	}
	g.serial++
	s.serial = g.serial
	g.minted = append(g.minted, mint(s))
	return len(g.minted) - 1
}

func (g *graph) newKey() *key {
	return newKey(pick(g, "p256", "p256", "p256", "p384", "ed25519"), g.random.Uint64())
}

// caSpec is a certificate of one entity's key for another's, with flaws by chance.
func (g *graph) caSpec(issuer entity, issuerKey *key, subject entity, subjectKey *key) spec {
	s := spec{version: 2, issuer: issuer.name, subject: subject.name, key: subjectKey, signer: issuerKey}
	g.validity(&s)
	if g.chance(g.flaws / 2) {
		s.version = 0
		return s
	}
	switch {
	case g.flaw():
		s.extensions = append(s.extensions, basicConstraints(false, -1))
	case g.flaw():
	case g.chance(0.25):
		s.extensions = append(s.extensions, basicConstraints(true, g.random.IntN(3)))
	default:
		s.extensions = append(s.extensions, basicConstraints(true, -1))
	}
	if g.flaw() {
		s.extensions = append(s.extensions, keyUsage(0x80))
	} else if g.chance(0.75) {
		s.extensions = append(s.extensions, keyUsage(0x06))
	}
	switch {
	case g.flaw():
		s.extensions = append(s.extensions, purposes(oidClientAuth))
	case g.chance(0.15):
		s.extensions = append(s.extensions, purposes(oidServerAuth))
	case g.chance(0.08):
		s.extensions = append(s.extensions, purposes(oidAnyPurpose))
	case g.chance(0.08):
		s.extensions = append(s.extensions, purposes(oidClientAuth, oidServerAuth))
	}
	if g.chance(g.often(0.2)) {
		s.extensions = append(s.extensions, g.nameConstraints())
	}
	if g.chance(g.often(0.05)) {
		s.extensions = append(s.extensions, alternativeNames(g.names()))
	}
	g.finish(&s)
	return s
}

func (g *graph) addEndEntity(entities []entity) {
	issuer := pick(g, entities...)
	own := g.newKey()
	if g.chance(g.flaws / 2) {
		own = newKey("p521", g.random.Uint64())
	}
	s := spec{version: 2, issuer: issuer.name, key: own, signer: pick(g, issuer.keys...)}
	s.subject = distinguishedName(g.organization(), pick(g, "", "backend", "www.example.com"))
	selfSigned := g.chance(0.05)
	if selfSigned {
		s.issuer, s.signer = s.subject, own
	}
	g.validity(&s)
	switch {
	case g.flaw():
		s.extensions = append(s.extensions, basicConstraints(true, -1))
	case g.chance(0.5):
		s.extensions = append(s.extensions, basicConstraints(false, -1))
	}
	switch {
	case g.flaw():
		s.extensions = append(s.extensions, keyUsage(pick[byte](g, 0x20, 0x84, 0x04)))
	case g.chance(0.8):
		s.extensions = append(s.extensions, keyUsage(pick[byte](g, 0x80, 0xa0)))
	}
	switch {
	case g.flaw():
		s.extensions = append(s.extensions, purposes(pick(g, oidClientAuth, oidAnyPurpose)))
	case g.flaw():
		s.extensions = append(s.extensions, purposes(oidServerAuth, oidAnyPurpose))
	case g.chance(0.8):
		s.extensions = append(s.extensions, purposes(oidServerAuth))
	}
	if g.flaw() {
		s.extensions = append(s.extensions, g.nameConstraints())
	}
	names := g.names()
	g.question = g.ask(names)
	if !g.flaw() {
		s.extensions = append(s.extensions, alternativeNames(names))
	}
	g.finish(&s)
	g.endEntity = g.add(s)
	if selfSigned && g.chance(0.7) || g.chance(0.01) {
		g.anchors = append(g.anchors, g.endEntity)
	}
}

// finish adds the key identifiers, an unknown extension, and another spelling of the issuer.
func (g *graph) finish(s *spec) {
	if g.chance(0.85) {
		id := s.key.id
		if g.chance(0.05) {
			id = g.newKey().id
		}
		s.extensions = append(s.extensions, subjectKeyID(id))
	}
	if g.chance(0.8) {
		id := s.signer.id
		if g.chance(0.1) {
			id = g.newKey().id
		}
		s.extensions = append(s.extensions, authorityKeyID(id))
	}
	if g.chance(g.flaws / 2) {
		s.extensions = append(s.extensions, pkix.Extension{Id: []int{1, 3, 6, 1, 4, 1, 99999, 1}, Critical: g.chance(0.8), Value: []byte{5, 0}})
	}
	if g.chance(0.01) {
		s.issuer = otherCase(s.issuer)
	}
}

func (g *graph) validity(s *spec) {
	s.notBefore, s.notAfter = now.AddDate(0, -1, 0), now.AddDate(0, 1+g.random.IntN(24), 0)
	switch {
	case g.chance(g.flaws / 2):
		s.notAfter = now.Add(pick(g, -time.Second, -24*time.Hour))
	case g.chance(g.flaws / 2):
		s.notBefore = now.Add(pick(g, time.Second, 24*time.Hour))
	case g.chance(0.02):
		s.notBefore = now
	case g.chance(0.02):
		s.notAfter = now
	}
}

// present puts the intermediates in a random order, as a backend that sends too much may.
func (g *graph) present() {
	g.random.Shuffle(len(g.intermediates), func(i, j int) {
		g.intermediates[i], g.intermediates[j] = g.intermediates[j], g.intermediates[i]
	})
	if len(g.intermediates) > maxIntermediates {
		g.intermediates = g.intermediates[:maxIntermediates]
	}
	if len(g.anchors) == 0 {
		unrelated := g.newKey()
		other := entity{distinguishedName("Other", "CA"), []*key{unrelated}}
		g.anchors = append(g.anchors, g.add(g.caSpec(other, unrelated, other, unrelated)))
	}
}

func (g *graph) organization() string      { return pick(g, "Lasthop", "Lasthop", "Lasthop", "Other") }
func (g *graph) chance(share float64) bool { return g.random.Float64() < share }
func (g *graph) flaw() bool                { return g.chance(g.flaws) }

func pick[T any](g *graph, from ...T) T { return from[g.random.IntN(len(from))] }

// otherCase turns the letters of the attributes around; their tags and lengths stay.
func otherCase(name []byte) []byte {
	out := append([]byte{}, name...)
	for i, octet := range out {
		if i > 1 && octet >= 'a' && octet <= 'z' {
			out[i] = octet - 32
		}
	}
	return out
}
