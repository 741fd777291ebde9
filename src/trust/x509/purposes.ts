/** Purposes of a key in extKeyUsage (RFC 5280 §4.2.1.12), as dotted object identifiers. */
export const PURPOSE = {
  any: "2.5.29.37.0",
  serverAuth: "1.3.6.1.5.5.7.3.1",
  clientAuth: "1.3.6.1.5.5.7.3.2",
  ocspSigning: "1.3.6.1.5.5.7.3.9",
} as const;
