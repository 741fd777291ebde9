/** Reading CA bundles: PEM in, anchors or problems out. Pure and synchronous; compile/ makes diagnostics of it. */
import { type PublicKey, keyProblem } from "./algorithms.ts";
import { parseCertificate } from "./certificate.ts";

export interface PemBundle {
  /** In the order of the file; `line` is that of the BEGIN line, counted from 1. */
  readonly certificates: { readonly der: Uint8Array; readonly line: number }[];
  readonly problems: { readonly line: number; readonly message: string }[];
}

export interface AnchorProblem {
  readonly code: "malformed" | "weak-key" | "unsupported-algorithm" | "wrong-usage";
  readonly expected: string;
  readonly found: string;
}

const BEGIN = /^-----BEGIN ([A-Z0-9 ]+)-----[ \t]*$/u;
const END = /^-----END ([A-Z0-9 ]+)-----[ \t]*$/u;
/** `TRUSTED CERTIFICATE` is not among them: OpenSSL appends trust settings to its DER. */
const CERTIFICATE_LABELS = new Set(["CERTIFICATE", "X509 CERTIFICATE"]);

/**
 * Splits a bundle (RFC 7468) strictly. Text between blocks is a comment, as for OpenSSL, unless it looks like a
 * broken block. Anything but certificates is a problem: a private key above all has no business in a ConfigMap.
 */
export function parsePemBundle(pem: string): PemBundle {
  const bundle: PemBundle = { certificates: [], problems: [] };
  let block: { label: string; line: number; body: string[] } | null = null;
  const lines = pem.replace(/^\u{feff}/u, "").split(/\r\n|\n|\r/u);
  for (const [index, text] of lines.entries()) {
    const line = index + 1;
    const problem = (message: string): void => void bundle.problems.push({ line, message });
    const begin = BEGIN.exec(text)?.[1];
    const end = END.exec(text)?.[1];
    if (begin !== undefined) {
      if (block !== null)
        bundle.problems.push({ line: block.line, message: `the block has no -----END ${block.label}-----` });
      block = { label: begin, line, body: [] };
    } else if (end !== undefined) {
      if (block === null) problem(`-----END ${end}----- without a BEGIN line`);
      else if (block.label !== end) problem(`-----END ${end}----- ends a block of ${block.label}`);
      else readBlock(block, bundle);
      block = null;
    } else if (text.includes("-----")) {
      problem("a broken BEGIN or END line");
    } else if (block !== null) {
      block.body.push(text);
    } else if (/^[ \t]*[A-Za-z0-9+/]{60,}={0,2}[ \t]*$/u.test(text)) {
      problem("base64 outside a block");
    }
  }
  if (block !== null)
    bundle.problems.push({ line: block.line, message: `the block has no -----END ${block.label}-----` });
  return bundle;
}

function readBlock(block: { label: string; line: number; body: string[] }, bundle: PemBundle): void {
  const { line } = block;
  const problem = (message: string): void => void bundle.problems.push({ line, message });
  if (block.label.endsWith("PRIVATE KEY")) {
    // Its contents are not looked at, and never repeated.
    problem("a private key stands among the certificates: remove it, and replace the key");
    return;
  }
  if (!CERTIFICATE_LABELS.has(block.label)) {
    problem(`a block of ${block.label}, not of CERTIFICATE`);
    return;
  }
  const der = decodeBase64(block.body.map((text) => text.trim()).join(""));
  if (der === null) {
    problem("the block is not base64");
    return;
  }
  const parsed = parseCertificate(der);
  if (parsed.kind === "malformed") problem(`not a certificate of RFC 5280 in DER: ${parsed.why}`);
  else bundle.certificates.push({ der, line });
}

/**
 * Whether a certificate can be an anchor: it parses and its key can verify something. Validity and CA flags are for
 * the verdict: an expired anchor refuses chains with `expired`, and a self-signed backend's certificate is no CA.
 */
export function checkAnchor(der: Uint8Array): AnchorProblem | null {
  const parsed = parseCertificate(der);
  if (parsed.kind === "malformed") {
    return { code: "malformed", expected: "a certificate of RFC 5280 in DER", found: parsed.why };
  }
  const key: PublicKey = parsed.value.key;
  const problem = keyProblem(key, "ca");
  return problem === null ? null : { code: problem.code, expected: problem.expected, found: problem.presented };
}

const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";

/**
 * Whether an anchor can stand above clients' certificates, which the runtimes' own TLS validates. OpenSSL wants
 * clientAuth of every CA that has extKeyUsage: unlike in RFC 5280 §4.2.1.12, anyExtendedKeyUsage does not stand for it.
 */
export function checkClientAnchor(der: Uint8Array): AnchorProblem | null {
  const parsed = parseCertificate(der);
  const purposes = parsed.kind === "malformed" ? null : parsed.value.extendedKeyUsage;
  if (purposes === null || purposes.includes(CLIENT_AUTH)) return checkAnchor(der);
  const found = `extKeyUsage ${purposes.slice(0, 8).join(", ")}`;
  return { code: "wrong-usage", expected: `extKeyUsage with clientAuth (${CLIENT_AUTH}), or none`, found };
}

/** RFC 4648 §4 with padding, and nothing else in it. */
function decodeBase64(text: string): Uint8Array | null {
  if (text === "" || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/u.test(text)) return null;
  const binary = atob(text);
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  // Bits beyond the last octet must be zero: the text decodes to one value, and that value encodes to the text.
  return btoa(binary) === text ? bytes : null;
}
