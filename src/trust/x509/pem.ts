/** CA bundles in PEM: text in, certificates and problems out. Pure and synchronous; compile/ makes diagnostics of it. */
import { parseAnchor } from "./certificate.ts";

export interface PemBundle {
  /** In the order of the file. */
  readonly certificates: readonly PemCertificate[];
  readonly problems: readonly PemProblem[];
  /** How many blocks were begun: certificates and others. */
  readonly blocks: number;
}

export interface PemCertificate {
  readonly der: Uint8Array;
  /** That of the BEGIN line, counted from 1. */
  readonly line: number;
  /** Of its block among all, counted from 1. */
  readonly position: number;
}

export interface PemProblem {
  /** `text` stands outside of every block that could be read; a `private-key` is never looked into. */
  readonly kind: "block" | "private-key" | "text";
  readonly line: number;
  /** Of the block; null outside of blocks. */
  readonly position: number | null;
  readonly message: string;
  /** What the block holds, when it is base64 but no certificate that can be read. */
  readonly der: Uint8Array | null;
}

interface Block {
  readonly label: string;
  readonly line: number;
  readonly position: number;
  readonly body: string[];
}

const BEGIN = /^[ \t]*-----BEGIN ([A-Z0-9 ]+)-----[ \t]*$/u;
const END = /^[ \t]*-----END ([A-Z0-9 ]+)-----[ \t]*$/u;
/** Where files were joined that lacked a line end. */
const JOINED = /(?<=-----END [A-Z0-9 ]+-----)(?=-----BEGIN )/u;
/** `TRUSTED CERTIFICATE` is not among them: OpenSSL appends trust settings to its DER. */
const CERTIFICATE_LABELS = new Set(["CERTIFICATE", "X509 CERTIFICATE"]);

/**
 * Splits a bundle (RFC 7468), and reads each certificate as an anchor. Text between blocks is a comment, as for OpenSSL,
 * unless it looks like a broken block. Anything but certificates is a problem. Blanks around lines mean nothing, nor does a
 * missing line end between two blocks.
 */
export function parsePemBundle(pem: string): PemBundle {
  const certificates: PemCertificate[] = [];
  const problems: PemProblem[] = [];
  let blocks = 0;
  let block: Block | null = null;
  const unended = ({ label, line, position }: Block): void =>
    void problems.push(blockProblem({ line, position }, `the block has no -----END ${label}-----`));
  let bareLine = -1;
  const lines = pem
    .replace(/^\u{feff}/u, "")
    .split(/\r\n|\n|\r/u)
    .flatMap((text, index) => text.split(JOINED).map((part) => ({ text: part, line: index + 1 })));
  for (const { text, line } of lines) {
    const outside = (message: string): void =>
      void problems.push({ kind: "text", line, position: block?.position ?? null, message, der: null });
    const begin = BEGIN.exec(text)?.[1];
    const end = END.exec(text)?.[1];
    if (begin !== undefined) {
      if (block !== null) unended(block);
      blocks++;
      block = { label: begin, line, position: blocks, body: [] };
    } else if (end !== undefined) {
      if (block === null) outside(`-----END ${end}----- without a BEGIN line`);
      else if (block.label !== end) outside(`-----END ${end}----- ends a block of ${block.label}`);
      else {
        const read = readBlock(block);
        if ("kind" in read) problems.push(read);
        else certificates.push(read);
      }
      block = null;
    } else if (text.includes("-----")) {
      outside(explainDashes(text));
    } else if (block !== null) {
      block.body.push(text);
    } else if (/^[ \t]*[A-Za-z0-9+/]{60,}={0,2}[ \t]*$/u.test(text)) {
      // A run of such lines is one fault.
      if (line !== bareLine + 1) outside("base64 outside a block");
      bareLine = line;
    }
  }
  if (block !== null) unended(block);
  return { certificates, problems, blocks };
}

const blockProblem = (
  { line, position }: Pick<Block, "line" | "position">,
  message: string,
  der: Uint8Array | null = null,
): PemProblem => ({ kind: "block", line, position, message, der });

function readBlock(block: Block): PemCertificate | PemProblem {
  const { label, line, position, body } = block;
  if (label.endsWith("PRIVATE KEY")) {
    // Its contents are not looked at, and never repeated.
    const message = "a private key stands among the certificates: remove it, and replace the key";
    return { ...blockProblem(block, message), kind: "private-key" };
  }
  if (!CERTIFICATE_LABELS.has(label)) {
    const way = OTHER_LABELS[label];
    return blockProblem(block, `a block of ${label}, not of CERTIFICATE${way === undefined ? "" : `: ${way}`}`);
  }
  const text = body.map((part) => part.trim()).join("");
  const der = decodeBase64(text);
  if (der === null) return blockProblem(block, `the block is not base64${explainBase64(text)}`);
  const parsed = parseAnchor(der);
  return parsed.kind === "malformed"
    ? blockProblem(block, `not a certificate of RFC 5280 in DER: ${parsed.why}`, der)
    : { der, line, position };
}

/** What to do about a block that people take for a certificate. */
const OTHER_LABELS: Readonly<Record<string, string>> = {
  "TRUSTED CERTIFICATE": "openssl x509 -in FILE writes it as CERTIFICATE",
  "CERTIFICATE REQUEST": "it asks for a certificate; put in the one that the CA issued",
  "NEW CERTIFICATE REQUEST": "it asks for a certificate; put in the one that the CA issued",
  "X509 CRL": "a revocation list belongs under crl.pem of a ConfigMap that lasthop.dev/crl-refs names",
  PKCS7: "openssl pkcs7 -in FILE -print_certs writes its certificates",
  CMS: "openssl pkcs7 -in FILE -print_certs writes its certificates",
  "PUBLIC KEY": "a key alone has no name to trust; put in the CA's certificate",
  "RSA PUBLIC KEY": "a key alone has no name to trust; put in the CA's certificate",
};

function explainDashes(text: string): string {
  const begin = text.indexOf("-----BEGIN ");
  if (begin >= 0 && text.lastIndexOf("-----END ") > begin)
    return "BEGIN and END stand on one line: PEM needs its line ends, as | keeps them in YAML and > does not";
  return "a broken BEGIN or END line";
}

/** Why text is not base64, where one can tell: how it differs from the alphabet, or that something is missing. */
function explainBase64(text: string): string {
  if (text === "") return ": it is empty";
  if (/\.{3}|\u2026/u.test(text)) return ": lines were left out of it";
  if (/^[A-Za-z-]+: /u.test(text)) return ": it begins with a header";
  if (/\\[nr]/u.test(text)) return String.raw`: it has \n where line ends belong`;
  if (/^[A-Za-z0-9+/=\s]+$/u.test(text) && /\s/u.test(text)) return ": there are blanks inside its lines";
  if (/^[A-Za-z0-9_=-]+$/u.test(text) && /[_-]/u.test(text)) return ": it is base64url";
  if (/[^A-Za-z0-9+/=]/u.test(text)) return ": it has other characters";
  if (text.length % 4 !== 0) return ": something is missing, or too much";
  return "";
}

/** RFC 4648 §4 with padding, and nothing else in it. */
function decodeBase64(text: string): Uint8Array | null {
  if (text === "" || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/u.test(text)) return null;
  const binary = atob(text);
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  // Bits beyond the last octet must be zero: the text decodes to one value, and that value encodes to the text.
  return btoa(binary) === text ? bytes : null;
}
