package main

import (
	"crypto/ecdsa"
	"crypto/x509"
	"encoding/asn1"
	"net"
	"strings"
	"time"
)

// question is the name that the end entity is asked for.
type question struct {
	Type  string `json:"type"` // "dns" or "ip"
	Value string `json:"value"`
}

// answered is a case as it is written. Certificates are named by their place in Certificates.
type answered struct {
	Index         uint64        `json:"index"`
	At            time.Time     `json:"at"`
	Question      question      `json:"question"`
	Certificates  []certificate `json:"certificates"`
	EndEntity     int           `json:"endEntity"`
	Intermediates []int         `json:"intermediates"`
	Anchors       []int         `json:"anchors"`
	// Chains that Go accepts, end entity first.
	Chains [][]int `json:"chains"`
	// Refused is why there is none.
	Refused string `json:"refused"`
}

// certificate is what Go's parser reads, for classes of disagreements.
type certificate struct {
	DER          []byte      `json:"der"`
	Version      int         `json:"version"`
	Subject      []string    `json:"subject"` // RDNs
	SubjectDER   []byte      `json:"subjectDer"`
	IssuerDER    []byte      `json:"issuerDer"`
	Issuer       []string    `json:"issuer"`
	CA           bool        `json:"ca"`
	PathLength   *int        `json:"pathLength"`
	KeyUsage     *int        `json:"keyUsage"` // RFC 5280's bits: 1 is digitalSignature, 32 keyCertSign
	Purposes     []string    `json:"purposes"` // null: no extKeyUsage
	Curve        string      `json:"curve"`
	Names        names       `json:"names"`
	Permitted    constraints `json:"permitted"`
	Excluded     constraints `json:"excluded"`
	Constraining bool        `json:"constraining"`
}

type names struct {
	DNS   []string `json:"dns"`
	IP    []string `json:"ip"`
	Mail  []string `json:"mail"`
	Hosts []string `json:"hosts"` // of URIs
}

type constraints struct {
	DNS       []string   `json:"dns"`
	Mail      []string   `json:"mail"`
	URI       []string   `json:"uri"`
	Directory [][]string `json:"directory"`
}

// answer asks Go about a case.
func answer(g *graph) answered {
	certificates := make([]*x509.Certificate, len(g.minted))
	out := answered{
		Index: g.index, At: now, Question: g.question, EndEntity: g.endEntity,
		Intermediates: g.intermediates, Anchors: g.anchors, Chains: [][]int{},
	}
	places := map[string]int{}
	for i, der := range g.minted {
		certificates[i] = must(x509.ParseCertificate(der))
		if _, ok := places[string(der)]; !ok {
			places[string(der)] = i
		}
		out.Certificates = append(out.Certificates, describe(certificates[i]))
	}
	pool := func(indices []int) *x509.CertPool {
		made := x509.NewCertPool()
		for _, i := range indices {
			made.AddCert(certificates[i])
		}
		return made
	}
	chains, err := certificates[g.endEntity].Verify(x509.VerifyOptions{
		DNSName:       g.question.Value,
		Intermediates: pool(g.intermediates),
		Roots:         pool(g.anchors),
		CurrentTime:   now,
		KeyUsages:     []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		out.Refused = err.Error()
	}
	for _, chain := range chains {
		var indices []int
		for _, c := range chain {
			indices = append(indices, places[string(c.Raw)])
		}
		out.Chains = append(out.Chains, indices)
	}
	return out
}

// path is one path, end entity first and anchor last.
type path struct {
	At           time.Time `json:"at"`
	Question     question  `json:"question"`
	Certificates [][]byte  `json:"certificates"`
}

// explanation is Go's answer to exactly one path: "" when it accepts the path.
type explanation struct {
	Refused string `json:"refused"`
}

func explain(asked path) explanation {
	var parsed []*x509.Certificate
	for _, der := range asked.Certificates {
		parsed = append(parsed, must(x509.ParseCertificate(der)))
	}
	intermediates, roots := x509.NewCertPool(), x509.NewCertPool()
	roots.AddCert(parsed[len(parsed)-1])
	if len(parsed) > 1 {
		for _, c := range parsed[1 : len(parsed)-1] {
			intermediates.AddCert(c)
		}
	}
	_, err := parsed[0].Verify(x509.VerifyOptions{
		DNSName: asked.Question.Value, Intermediates: intermediates, Roots: roots, CurrentTime: asked.At,
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	if err != nil {
		return explanation{err.Error()}
	}
	return explanation{}
}

func describe(c *x509.Certificate) certificate {
	out := certificate{
		DER: c.Raw, Version: c.Version, Subject: rdns(c.RawSubject), Issuer: rdns(c.RawIssuer),
		SubjectDER: c.RawSubject, IssuerDER: c.RawIssuer,
		CA:    c.BasicConstraintsValid && c.IsCA,
		Curve: c.PublicKeyAlgorithm.String(),
		Names: names{DNS: c.DNSNames, Mail: c.EmailAddresses},
		Permitted: constraints{
			DNS: c.PermittedDNSDomains, Mail: c.PermittedEmailAddresses, URI: c.PermittedURIDomains,
		},
		Excluded: constraints{DNS: c.ExcludedDNSDomains, Mail: c.ExcludedEmailAddresses, URI: c.ExcludedURIDomains},
	}
	if public, ok := c.PublicKey.(*ecdsa.PublicKey); ok {
		out.Curve = public.Curve.Params().Name
	}
	for _, extension := range c.Extensions {
		switch extension.Id.String() {
		case "2.5.29.15":
			usage := int(c.KeyUsage)
			out.KeyUsage = &usage
		case "2.5.29.30":
			out.Constraining = true
			out.Permitted.Directory = directories(extension.Value, 0)
			out.Excluded.Directory = directories(extension.Value, 1)
		case "2.5.29.37":
			out.Purposes = []string{}
			for _, usage := range c.ExtKeyUsage {
				out.Purposes = append(out.Purposes, purposeNames[usage])
			}
		}
	}
	if c.BasicConstraintsValid && c.MaxPathLen >= 0 {
		out.PathLength = &c.MaxPathLen
	}
	for _, ip := range c.IPAddresses {
		out.Names.IP = append(out.Names.IP, ip.String())
	}
	for _, u := range c.URIs {
		host := u.Host
		if bare, _, err := net.SplitHostPort(host); err == nil {
			host = bare
		}
		out.Names.Hosts = append(out.Names.Hosts, strings.ToLower(host))
	}
	return out
}

var purposeNames = map[x509.ExtKeyUsage]string{
	x509.ExtKeyUsageAny: "any", x509.ExtKeyUsageServerAuth: "server", x509.ExtKeyUsageClientAuth: "client",
}

// rdns are the attributes of a name as text, one an RDN.
func rdns(der []byte) []string {
	out := []string{}
	var sequence []asn1.RawValue
	if _, err := asn1.Unmarshal(der, &sequence); err != nil {
		panic(err)
	}
	for _, set := range sequence {
		var attribute struct {
			Type  asn1.ObjectIdentifier
			Value string
		}
		if _, err := asn1.Unmarshal(set.Bytes, &attribute); err != nil {
			panic(err)
		}
		out = append(out, attribute.Type.String()+"="+attribute.Value)
	}
	return out
}

// directories reads the directoryNames of nameConstraints, which Go does not: permitted (0) or excluded (1).
func directories(value []byte, tag int) [][]string {
	out := [][]string{}
	var sets []asn1.RawValue
	if _, err := asn1.Unmarshal(value, &sets); err != nil {
		panic(err)
	}
	for _, set := range sets {
		for rest := set.Bytes; set.Tag == tag && len(rest) > 0; {
			var subtree struct{ Base asn1.RawValue }
			var err error
			if rest, err = asn1.Unmarshal(rest, &subtree); err != nil {
				panic(err)
			}
			if subtree.Base.Tag == 4 {
				out = append(out, rdns(subtree.Base.Bytes))
			}
		}
	}
	return out
}
