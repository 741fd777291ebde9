/** The second opinion: PKI.js's engine on exactly one finished path. It can only refuse. */
import { type Certificate as PkiCertificate, CertificateChainValidationEngine, type ICryptoEngine } from "pkijs";
import { trustEngine } from "./crypto.ts";
import { OID } from "./extensions.ts";
import type { Known } from "./store.ts";

/** Null when the engine accepts this path and no other; otherwise what it said. `path` is end entity first. */
export async function secondOpinion(path: readonly Known[], nowMs: number): Promise<string | null> {
  const views: PkiCertificate[] = [];
  for (const known of path) {
    if (known.pki === null) return "PKI.js cannot read the certificate";
    views.push(viewOf(known.pki));
  }
  const anchor = views.at(-1);
  if (anchor === undefined || views.length < 2) return "a path of one certificate";
  const engine = new CertificateChainValidationEngine({
    trustedCerts: [anchor],
    // The engine validates the last certificate of its list: the end entity.
    certs: views.slice(0, -1).toReversed(),
    // RFC 5280 §4.1.2.5 dates are in seconds, and notAfter is inclusive.
    checkDate: new Date(Math.floor(nowMs / 1000) * 1000),
    // One issuer each, already verified: nothing to search, so no loop and no other path.
    findIssuer: (certificate) => {
      const issuer = views[views.indexOf(certificate) + 1];
      return Promise.resolve(issuer === undefined ? [] : [issuer]);
    },
  });
  const answer = await engine.verify({}, asCryptoEngine(trustEngine()));
  if (!answer.result) return answer.resultMessage === "" ? "PKI.js refuses the path" : answer.resultMessage;
  const validated = answer.certificatePath ?? [];
  const same = validated.length === views.length && views.every((view, index) => view === validated[index]);
  return same ? null : "PKI.js validated another path";
}

/** workerd's SubtleCrypto type has methods of its own, and PKI.js takes whichever is global: no runtime difference. */
function asCryptoEngine(engine: object): ICryptoEngine {
  return engine as ICryptoEngine;
}

/**
 * What the engine is not shown, because it gets it wrong by refusing, or at a cost that this room's budgets do not
 * cover. There, and only there, the rules of this room stand alone (a test shows each refusal of the bare engine):
 * - RFC 5280 §6.1.3 (d), §6.1.4 (b): it throws on a policy mapping whose policy it has not met, and refuses
 *   anyPolicy where a policy is required.
 * - RFC 5280 §6.1.3 (b): it constrains the names of self-issued certificates that are not the last, and takes up to
 *   14 µs for each pair of a name and a constraint.
 */
const HIDDEN: ReadonlySet<string> = new Set([
  OID.certificatePolicies,
  OID.policyMappings,
  OID.policyConstraints,
  OID.inhibitAnyPolicy,
  OID.nameConstraints,
  OID.subjectAltName,
]);

function viewOf(pki: PkiCertificate): PkiCertificate {
  const shown = pki.extensions?.filter((extension) => !HIDDEN.has(extension.extnID));
  if (shown === undefined || shown.length === pki.extensions?.length) return pki;
  const view: PkiCertificate = Object.create(pki);
  view.extensions = shown;
  return view;
}
