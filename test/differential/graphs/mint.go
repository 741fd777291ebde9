package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/binary"
	"math/big"
	"net"
	"time"
)

// key is a key pair that follows from its seed alone.
type key struct {
	private   crypto.Signer
	spki      []byte
	id        []byte
	algorithm pkix.AlgorithmIdentifier
	hash      crypto.Hash
}

// spec is a certificate before it is signed: every field may be wrong.
type spec struct {
	version             int // 2 is version 3
	serial              int64
	subject, issuer     []byte
	key, signer         *key
	notBefore, notAfter time.Time
	extensions          []pkix.Extension
}

type tbsCertificate struct {
	Version    int `asn1:"optional,explicit,default:0,tag:0"`
	Serial     *big.Int
	Algorithm  pkix.AlgorithmIdentifier
	Issuer     asn1.RawValue
	Validity   struct{ NotBefore, NotAfter time.Time }
	Subject    asn1.RawValue
	PublicKey  asn1.RawValue
	Extensions []pkix.Extension `asn1:"omitempty,optional,explicit,tag:3"`
}

var (
	oidECDSA256 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 2}
	oidECDSA384 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 3}
	oidECDSA512 = asn1.ObjectIdentifier{1, 2, 840, 10045, 4, 3, 4}
	oidEd25519  = asn1.ObjectIdentifier{1, 3, 101, 112}

	oidServerAuth = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 1}
	oidClientAuth = asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 3, 2}
	oidAnyPurpose = asn1.ObjectIdentifier{2, 5, 29, 37, 0}
)

// newKey makes the key of a kind ("p256", "p384", "p521", "ed25519") with these 64 bits.
func newKey(kind string, seed uint64) *key {
	material := sha512.Sum512(binary.BigEndian.AppendUint64([]byte("lasthop "+kind), seed))
	made := &key{}
	curve := func(c elliptic.Curve, size int, oid asn1.ObjectIdentifier, hash crypto.Hash) {
		scalar := make([]byte, size)
		copy(scalar[1:], material[:]) // Below the order of the curve.
		made.private = must(ecdsa.ParseRawPrivateKey(c, scalar))
		made.algorithm, made.hash = pkix.AlgorithmIdentifier{Algorithm: oid}, hash
	}
	switch kind {
	case "p384":
		curve(elliptic.P384(), 48, oidECDSA384, crypto.SHA384)
	case "p521":
		curve(elliptic.P521(), 66, oidECDSA512, crypto.SHA512)
	case "ed25519":
		made.private = ed25519.NewKeyFromSeed(material[:32])
		made.algorithm = pkix.AlgorithmIdentifier{Algorithm: oidEd25519}
	default:
		curve(elliptic.P256(), 32, oidECDSA256, crypto.SHA256)
	}
	made.spki = must(x509.MarshalPKIXPublicKey(made.private.Public()))
	id := sha1.Sum(made.spki)
	made.id = id[:]
	return made
}

// mint signs a certificate. ECDSA without randomness is RFC 6979's.
func mint(s spec) []byte {
	tbs := tbsCertificate{
		Version:    s.version,
		Serial:     big.NewInt(s.serial),
		Algorithm:  s.signer.algorithm,
		Issuer:     asn1.RawValue{FullBytes: s.issuer},
		Subject:    asn1.RawValue{FullBytes: s.subject},
		PublicKey:  asn1.RawValue{FullBytes: s.key.spki},
		Extensions: s.extensions,
	}
	tbs.Validity.NotBefore, tbs.Validity.NotAfter = s.notBefore, s.notAfter
	signed := must(asn1.Marshal(tbs))
	digest := signed
	switch s.signer.hash {
	case crypto.SHA256:
		sum := sha256.Sum256(signed)
		digest = sum[:]
	case crypto.SHA384:
		sum := sha512.Sum384(signed)
		digest = sum[:]
	case crypto.SHA512:
		sum := sha512.Sum512(signed)
		digest = sum[:]
	}
	signature := must(s.signer.private.Sign(nil, digest, s.signer.hash))
	return must(asn1.Marshal(struct {
		TBS       asn1.RawValue
		Algorithm pkix.AlgorithmIdentifier
		Signature asn1.BitString
	}{asn1.RawValue{FullBytes: signed}, s.signer.algorithm, asn1.BitString{Bytes: signature, BitLength: 8 * len(signature)}}))
}

func extension(arc int, critical bool, value []byte) pkix.Extension {
	return pkix.Extension{Id: asn1.ObjectIdentifier{2, 5, 29, arc}, Critical: critical, Value: value}
}

func basicConstraints(ca bool, pathLen int) pkix.Extension {
	return extension(19, true, must(asn1.Marshal(struct {
		CA      bool `asn1:"optional"`
		PathLen int  `asn1:"optional,default:-1"`
	}{ca, pathLen})))
}

// keyUsage takes the first octet of the bits: 0x80 is digitalSignature, 0x04 keyCertSign.
func keyUsage(bits byte) pkix.Extension {
	length := 8
	for length > 0 && bits>>(8-length)&1 == 0 {
		length--
	}
	return extension(15, true, must(asn1.Marshal(asn1.BitString{Bytes: []byte{bits}, BitLength: length})))
}

func purposes(oids ...asn1.ObjectIdentifier) pkix.Extension {
	return extension(37, false, must(asn1.Marshal(oids)))
}

func subjectKeyID(id []byte) pkix.Extension {
	return extension(14, false, must(asn1.Marshal(id)))
}

func authorityKeyID(id []byte) pkix.Extension {
	return extension(35, false, must(asn1.Marshal(struct {
		ID []byte `asn1:"optional,tag:0"`
	}{id})))
}

// generalName is a name or a constraint: its tag as RFC 5280 §4.2.1.6 numbers them, and its contents.
type generalName struct {
	tag   int
	value []byte
}

func (n generalName) raw() asn1.RawValue {
	return asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: n.tag, IsCompound: n.tag == 4, Bytes: n.value}
}

func alternativeNames(names []generalName) pkix.Extension {
	raw := make([]asn1.RawValue, len(names))
	for i, name := range names {
		raw[i] = name.raw()
	}
	return extension(17, false, must(asn1.Marshal(raw)))
}

func nameConstraints(critical bool, permitted, excluded []generalName) pkix.Extension {
	subtrees := func(tag int, names []generalName) []byte {
		if len(names) == 0 {
			return nil
		}
		var bases []byte
		for _, name := range names {
			bases = append(bases, must(asn1.Marshal(struct{ Base asn1.RawValue }{name.raw()}))...)
		}
		return must(asn1.Marshal(asn1.RawValue{Class: asn1.ClassContextSpecific, Tag: tag, IsCompound: true, Bytes: bases}))
	}
	body := append(subtrees(0, permitted), subtrees(1, excluded)...)
	return extension(30, critical, must(asn1.Marshal(asn1.RawValue{Tag: asn1.TagSequence, IsCompound: true, Bytes: body})))
}

func dnsName(name string) generalName { return generalName{2, []byte(name)} }
func mailbox(name string) generalName { return generalName{1, []byte(name)} }
func uri(name string) generalName     { return generalName{6, []byte(name)} }

func address(text string) generalName {
	ip := net.ParseIP(text)
	if four := ip.To4(); four != nil {
		ip = four
	}
	return generalName{7, ip}
}

func addressRange(text string) generalName {
	_, network, err := net.ParseCIDR(text)
	if err != nil {
		panic(err)
	}
	return generalName{7, append(append([]byte{}, network.IP...), network.Mask...)}
}

func directory(name []byte) generalName { return generalName{4, name} }

// distinguishedName is O and CN; an empty one is left out.
func distinguishedName(organization, commonName string) []byte {
	var rdns pkix.RDNSequence
	add := func(arc int, value string) {
		if value != "" {
			rdns = append(rdns, pkix.RelativeDistinguishedNameSET{{Type: asn1.ObjectIdentifier{2, 5, 4, arc}, Value: value}})
		}
	}
	add(10, organization)
	add(3, commonName)
	return must(asn1.Marshal(rdns))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}
