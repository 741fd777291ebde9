/**
 * Known mistakes in place of PEM, each with its remedy: for example DER, base64 of PEM, or the path of a file. A
 * private key in PEM among CA certificates is found by anchors.ts. Messages never quote the text. The file is as long
 * as its lists of mistakes, in which the order counts.
 */
import { X509Certificate } from "node:crypto";

/** A known mistake. */
interface Mistake {
  /** End of a sentence that starts with the name of the value: `is DER, not PEM`. */
  readonly why: string;
  readonly remedy: string;
}

/** Explains octets that are no UTF-8 text. */
export function explainBinary(bytes: Uint8Array): Mistake {
  const [first, second] = bytes;
  if (first === 0x1f && second === 0x8b) return { why: "is compressed with gzip", remedy: "put in the PEM itself" };
  if ((first === 0xff && second === 0xfe) || (first === 0xfe && second === 0xff))
    return { why: "is UTF-16, as PowerShell writes files", remedy: "write the file as UTF-8" };
  if (first === 0xfe && second === 0xed)
    return { why: "is a Java keystore", remedy: "keytool -exportcert -rfc -keystore FILE -alias NAME writes PEM" };
  return explainDer(bytes) ?? { why: "is neither PEM nor any other text", remedy: "put in PEM" };
}

/** Explains DER by its content; null: the octets are no DER. */
function explainDer(bytes: Uint8Array): Mistake | null {
  if (bytes[0] !== 0x30) return null;
  const long = bytes[1] ?? 0;
  const content = 2 + (long >= 0x80 ? long & 0x7f : 0);
  const tag = bytes[content];
  // RFC 7292 §4: a PFX begins with its version, which is 3; private keys (RFC 5958 §2) begin with version 0 or 1.
  if (tag === 0x02 && bytes[content + 2] === 3)
    return { why: "is PKCS#12, not PEM", remedy: "openssl pkcs12 -in FILE -nokeys -cacerts writes its CAs as PEM" };
  if (tag === 0x02)
    return { why: "is a private key in DER, not PEM", remedy: "put in PEM; if this key was published, replace it" };
  // RFC 2315 §14: ContentInfo begins with the OID of signedData.
  if (tag === 0x06)
    return { why: "is PKCS#7, not PEM", remedy: "openssl pkcs7 -inform der -in FILE -print_certs writes PEM" };
  if (isCertificate(bytes)) return { why: "is DER, not PEM", remedy: "openssl x509 -inform der -in FILE writes PEM" };
  return { why: "is DER, not PEM, and no certificate", remedy: "put in PEM" };
}

function isCertificate(der: Uint8Array): boolean {
  try {
    return new X509Certificate(der).raw.length > 0;
  } catch {
    return false; // The caller says what the octets are instead.
  }
}

type Label = "CERTIFICATE" | "PRIVATE KEY";

/**
 * What a text is in which no block of this label was found; null: no known mistake. `base64Remedy` is the remedy for a text
 * that is the base64 of the right text.
 */
export function explainText(text: string, base64Remedy: string, label: Label): Mistake | null {
  const trimmed = text.replace(/^\u{feff}/u, "").trim();
  if (trimmed === "") return { why: "is empty", remedy: "put in PEM" };
  const bare = explainBase64(trimmed, base64Remedy, label);
  if (bare !== null) return bare;
  return MISTAKES.find(({ pattern }) => pattern.test(trimmed)) ?? null;
}

/** What a text is that cannot be read as a private key. */
export function explainKey(text: string, base64Remedy: string): Mistake {
  const known =
    KEY_MISTAKES.find(({ pattern }) => pattern.test(text)) ?? explainText(text, base64Remedy, "PRIVATE KEY");
  return (
    known ?? {
      why: "holds no private key in PEM that can be read",
      remedy: "put in the key as openssl genpkey writes it, without a password",
    }
  );
}

const KEY_MISTAKES: readonly (Mistake & { readonly pattern: RegExp })[] = [
  {
    pattern: /-----BEGIN ENCRYPTED PRIVATE KEY-----|Proc-Type: 4,ENCRYPTED/,
    why: "is encrypted with a password, which nothing could enter",
    remedy: "openssl pkey -in FILE writes it without",
  },
  {
    pattern: /-----BEGIN OPENSSH PRIVATE KEY-----/,
    why: "is a key in OpenSSH's format",
    remedy: "ssh-keygen -p -m PKCS8 -f FILE rewrites it as PEM",
  },
  {
    pattern: /^(?![\s\S]*PRIVATE KEY-----)[\s\S]*-----BEGIN CERTIFICATE-----/,
    why: "holds a certificate, not a private key",
    remedy: "put in the key for which the certificate was issued",
  },
  {
    pattern: /^(?![\s\S]*PRIVATE KEY-----)[\s\S]*-----BEGIN ([A-Z]+ )?PUBLIC KEY-----/,
    why: "holds a public key, not a private one",
    remedy: "put in the private key",
  },
  {
    pattern: /^(?![\s\S]*PRIVATE KEY-----)[\s\S]*-----BEGIN (NEW )?CERTIFICATE REQUEST-----/,
    why: "holds a request for a certificate, not a private key",
    remedy: "put in the private key",
  },
  {
    pattern: /^(?![\s\S]*PRIVATE KEY-----)[\s\S]*-----BEGIN (EC|DH) PARAMETERS-----/,
    why: "holds a key's parameters without the key",
    remedy: "put in the private key",
  },
];

/** What a text is that consists of base64 alone, without BEGIN and END lines; null: it does not. */
function explainBase64(text: string, base64Remedy: string, label: Label): Mistake | null {
  const compact = text.replaceAll(/\s/g, "");
  if (compact.length < 64 || !/^[A-Za-z0-9+/]+={0,2}$/.test(compact)) return null;
  const bytes = Buffer.from(compact, "base64");
  const inner = bytes.toString("latin1");
  if (inner.includes("-----BEGIN ")) return { why: "is base64 of PEM, not PEM itself", remedy: base64Remedy };
  if (/^[A-Za-z0-9+/\s]{64,}={0,2}$/.test(inner.trim())) {
    const twice = explainBase64(inner.trim(), base64Remedy, label);
    if (twice !== null) return { ...twice, why: twice.why.replace("base64 of", "base64 of base64 of") };
  }
  if (bytes[0] !== 0x30) return null;
  return {
    why: "is base64 without BEGIN and END lines",
    remedy:
      label === "CERTIFICATE"
        ? "put -----BEGIN CERTIFICATE----- on a line before it and -----END CERTIFICATE----- on a line after it"
        : "put its BEGIN and END lines back",
  };
}

/** Whether BEGIN and END are on one line. A regular expression would search for an END from every BEGIN. */
function isOnOneLine(text: string): boolean {
  return text.split(/[\r\n]/).some((line) => {
    const begin = line.indexOf("-----BEGIN ");
    return begin >= 0 && line.lastIndexOf("-----END ") > begin;
  });
}

/**
 * Known mistakes; the first one that fits counts, so narrower patterns come first. In a cluster the text may come from
 * an untrusted author, so every pattern must run in time proportional to its length.
 */
const MISTAKES: readonly (Mistake & { readonly pattern: Pick<RegExp, "test"> })[] = [
  {
    pattern: /-----BEGIN [A-Z0-9 ]+-----(\\r)?\\n/,
    why: String.raw`has \n written out where line ends belong`,
    remedy: "write the PEM as a block with |, or in double quotes, in which YAML and JSON read \\n as a line end",
  },
  {
    pattern: { test: isOnOneLine },
    why: "is PEM on one line",
    remedy: "use | rather than > for the block, so that YAML keeps its line ends",
  },
  {
    pattern: /[\u2010-\u2015\u2212] ?BEGIN /,
    why: "has typographic dashes around BEGIN",
    remedy: "write five plain hyphens on either side, -----BEGIN CERTIFICATE-----",
  },
  {
    pattern: /^[ \t]*(-{1,4}|-{6,})BEGIN /m,
    why: "has another number of hyphens than five around BEGIN",
    remedy: "write five on either side, -----BEGIN CERTIFICATE-----",
  },
  {
    pattern: /^[ \t]*-----(BEGIN [^\r\n]*[a-z]|[Bb]egin )/m,
    why: "has a BEGIN line that is not in capitals",
    remedy: "write -----BEGIN CERTIFICATE-----",
  },
  {
    pattern: /^ENC\[|^sops:/m,
    why: "is encrypted by SOPS",
    remedy: "build from what sops --decrypt writes",
  },
  {
    pattern: /^version https:\/\/git-lfs/,
    why: "is a pointer of Git LFS, not the file",
    remedy: "fetch the file: git lfs pull",
  },
  {
    pattern: /^(vault|op|ref\+[a-z]+|arn|projects):?[:/]\S+$/,
    why: "is a reference to a store of secrets, not what it leads to",
    remedy: "put in the PEM; if a tool fills it in, build from what the tool has written",
  },
  {
    pattern: /^(sha\d+ fingerprint=)?([0-9a-f]{2}:){15,}[0-9a-f]{2}$/i,
    why: "is a fingerprint, not a certificate",
    remedy: "put in the certificate that it is of, as PEM",
  },
  {
    pattern: /^[\w.-]+: *\|/,
    why: "is YAML with a key of its own inside of the value",
    remedy: "put the PEM itself under the key",
  },
  {
    pattern: /^<(!doctype|html|\?xml|head|body)/i,
    why: "is a web page or XML",
    remedy: "look at what was downloaded: it is no certificate",
  },
  { pattern: /^https?:\/\/\S+$/, why: "is an address, not what it leads to", remedy: "put in the PEM itself" },
  {
    pattern: /^(file:\/\/)?(~|\.{1,2}|[A-Za-z]:)?[\w./\\-]*[\w-]\.(pem|crt|cer|ca|der|cert|p7b)$|^(\/[\w.-]+)+$/,
    why: "is the path of a file, not its content",
    remedy: "put in the PEM itself; kubectl create configmap NAME --from-file=ca.crt=PATH does so",
  },
  {
    pattern: /^(\$[A-Z_]+|\$\{[^}]*\}|\$\([^)]*\)|\{\{[\s\S]*\}\}|<[A-Za-z _-]+>|%[A-Z_]+%)$/,
    why: "is a placeholder that nothing has filled in",
    remedy: "put in the PEM; if a tool fills it in, build from what the tool has written",
  },
  { pattern: /^[[{]/, why: "is JSON, not PEM", remedy: "put in the certificate as PEM" },
  { pattern: /^(ssh-|ecdsa-sha2-)\S+ /, why: "is an SSH key, not PEM", remedy: "put in the CA's certificate as PEM" },
  {
    pattern: /^Certificate:\s+Data:/,
    why: "is a certificate as openssl describes it to people, without the certificate",
    remedy: "openssl x509 -in FILE, without -noout, writes PEM",
  },
];
