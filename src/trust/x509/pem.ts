/** Reads bundles of CA certificates in PEM. compile/ makes diagnostics of the problems. */
import { parseAnchor } from "./certificate.ts";

/** The contents of a bundle. */
interface PemBundle {
  /** Certificates in the order of the file. */
  readonly certificates: readonly PemCertificate[];
  readonly problems: readonly PemProblem[];
  /** The number of BEGIN lines, whatever their blocks hold. */
  readonly blocks: number;
}

/** One certificate of a bundle, which `parseAnchor` can read. */
interface PemCertificate {
  readonly der: Uint8Array;
  /** Line of its BEGIN line, counted from 1. */
  readonly line: number;
  /** Number of its block among all blocks, counted from 1. */
  readonly position: number;
}

/** A fault of a bundle, with its place; `message` is for people. */
export interface PemProblem {
  /**
   * `block`: a block that is no certificate. `private-key`: a block with a private key, whose contents are never
   * read. `text`: lines outside of every block that could be read.
   */
  readonly kind: "block" | "private-key" | "text";
  readonly line: number;
  /** Number of the block; null outside of blocks. */
  readonly position: number | null;
  readonly message: string;
  /** The contents of a block that is base64 and no certificate; otherwise null. */
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
/** The place where two files were joined, the first without a line end. */
const JOINED = /(?<=-----END [A-Z0-9 ]+-----)(?=-----BEGIN )/u;
/**
 * Labels of blocks with a certificate. `TRUSTED CERTIFICATE` is not among them, because OpenSSL appends trust settings
 * to the DER in such a block.
 */
const CERTIFICATE_LABELS = new Set(["CERTIFICATE", "X509 CERTIFICATE"]);

/**
 * Reads a bundle (RFC 7468), each certificate as an anchor. Text between blocks is a comment, as it is for OpenSSL,
 * unless it looks like a broken block. Every block that is no certificate is a problem. Blanks around lines and a
 * missing line end between two blocks are ignored. Example: a bundle with one certificate on lines 1 to 12 answers
 * `{ certificates: [{ der, line: 1, position: 1 }], problems: [], blocks: 1 }`.
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
      // Consecutive lines of this kind are one problem.
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
    // The contents of a private key are not read, and are in no message.
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

/** Remedies for blocks that people take for a certificate, by their labels. */
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

/** Why a text is not base64, as far as its characters tell: it begins with a colon, or is empty. */
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

/** Decodes base64 with padding (RFC 4648 §4); null for a text with anything else in it. */
function decodeBase64(text: string): Uint8Array | null {
  if (text === "" || text.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/u.test(text)) return null;
  const binary = atob(text);
  const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
  // The bits beyond the last octet must be zero, so that each value has one text.
  return btoa(binary) === text ? bytes : null;
}
