package main

import "crypto/x509/pkix"

var (
	hosts = []string{
		"www.example.com", "api.example.com", "a.b.example.com", "example.com", "WWW.Example.COM", "www.example.org",
		"*.example.com", "*.b.example.com", "*.example.org", "svc.internal", "www.example.com", "api.example.com",
	}
	oddHosts  = []string{"*.internal", "_x.example.com", "a..example.com", "foo*.example.com"}
	addresses = []string{"10.0.0.1", "192.0.2.7", "2001:db8::1"}
	mailboxes = []string{"ops@example.com", "ops@mail.example.com", "root@example.org", "ops@a.example.com"}
	uris      = []string{
		"spiffe://example.com/a", "https://www.example.com:8443/x", "spiffe://td.example.org/b", "spiffe://a.example.com",
	}
	asked = []string{
		"www.example.com", "api.example.com", "a.b.example.com", "example.com", "www.example.org", "svc.internal",
		"WWW.EXAMPLE.com", "x.y.b.example.com",
	}

	permittedHosts = []string{"example.com", "example.com", "example.org", "b.example.com", "internal", "com", ""}
	excludedHosts  = []string{"evil.example", "b.example.com", "www.example.com", "example.org", "a.b.example.com", "y.b.example.com"}
	ranges         = []string{"10.0.0.0/8", "192.0.2.0/24", "2001:db8::/32", "198.51.100.0/24", "0.0.0.0/0"}
	mailHosts      = []string{"example.com", "example.com", ".example.com", "ops@example.com", "example.org", "mail.example.com"}
	uriHosts       = []string{"example.com", "example.com", "example.org", ".example.com", "www.example.com", "td.example.org", ".org"}
)

// names are one to four alternative names of any type.
func (g *graph) names() []generalName {
	var names []generalName
	for range 1 + g.random.IntN(3) {
		names = append(names, dnsName(pick(g, hosts...)))
	}
	if g.chance(0.06) {
		names = append(names, dnsName(pick(g, oddHosts...)))
	}
	if g.chance(0.15) {
		names = append(names, address(pick(g, addresses...)))
	}
	if g.chance(g.often(0.1)) {
		names = append(names, mailbox(pick(g, mailboxes...)))
	}
	if g.chance(g.often(0.1)) {
		names = append(names, uri(pick(g, uris...)))
	}
	return names
}

// ask is mostly about one of the names.
func (g *graph) ask(names []generalName) question {
	name := pick(g, names...)
	switch {
	case g.chance(0.15) || name.tag == 1 || name.tag == 6:
		return question{"dns", pick(g, asked...)}
	case name.tag == 7:
		return question{"ip", pick(g, addresses...)}
	case g.chance(0.02):
		return question{"dns", string(name.value) + "."}
	case name.value[0] == '*':
		return question{"dns", pick(g, "www", "a", "a.b") + string(name.value[1:])}
	default:
		return question{"dns", string(name.value)}
	}
}

// nameConstraints permit what is likely to be asked, or exclude something that mostly is not.
func (g *graph) nameConstraints() pkix.Extension {
	var permitted, excluded []generalName
	if g.chance(0.6) && !(g.dense && g.chance(0.7)) {
		for range 1 + g.random.IntN(2) {
			permitted = append(permitted, dnsName(pick(g, permittedHosts...)))
		}
	}
	if g.chance(0.3) {
		excluded = append(excluded, dnsName(pick(g, excludedHosts...)))
	}
	either := func(name generalName) {
		if g.chance(0.5) {
			permitted = append(permitted, name)
		} else {
			excluded = append(excluded, name)
		}
	}
	if g.chance(0.2) {
		either(addressRange(pick(g, ranges...)))
	}
	if g.chance(g.often(0.1)) {
		either(mailbox(pick(g, mailHosts...)))
	}
	if g.chance(g.often(0.1)) {
		either(uri(pick(g, uriHosts...)))
	}
	if g.chance(g.often(0.05)) {
		either(directory(distinguishedName(g.organization(), "")))
	}
	if g.flaw() {
		either(dnsName(".example.com"))
	}
	if len(permitted)+len(excluded) == 0 {
		excluded = append(excluded, dnsName("evil.example"))
	}
	return nameConstraints(g.chance(0.8), permitted, excluded)
}

// often is a higher chance in the graphs that are dense with names and constraints of the rarer types.
func (g *graph) often(share float64) float64 {
	if g.dense {
		return 0.5
	}
	return share
}
