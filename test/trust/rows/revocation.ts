/** Rows about CRLs, staples and pins. */
import { DAY, NOW, ca, ext, extension, mint, name, server } from "../../support/certificates.ts";
import { crl } from "../../support/crls.ts";
import { type Bytes, bytes, generalizedTime, int, seq, tlv } from "../../support/der.ts";
import { ecKey, edKey } from "../../support/keys.ts";
import { sha256 } from "../../support/sha256.ts";
import { byKey, staple as signedStaple, tlsFeature, unsignedStaple } from "../../support/staples.ts";
import { base64, type RowSet } from "./row-set.ts";

/** Adds the rows. */
export function addRevocation({ root, issuing, row }: RowSet): void {
  const serial = int(4242);
  const revocable = [server(issuing, { serial }), issuing];
  row("CRLs", revocable, { crls: [crl(root), crl(issuing)] });
  row("no CRL of the issuer", revocable, { crls: [crl(root)] });
  row("a CRL that revokes", revocable, { crls: [crl(root), crl(issuing, { revoked: [serial] })] });
  row("a stale CRL", revocable, { crls: [crl(root), crl(issuing, { nextUpdate: NOW - DAY / 2 })] });
  row("a CRL from the future", revocable, { crls: [crl(root), crl(issuing, { thisUpdate: NOW + DAY / 2 })] });
  row("a CRL of another key", revocable, { crls: [crl(root), crl(issuing, { key: ecKey() })] });
  row("a CRL for CAs", revocable, {
    crls: [
      crl(root),
      crl(issuing, {
        extensions: [extension("2.5.29.20", false, int(7)), extension("2.5.29.28", true, seq(tlv(0x82, bytes(0xff))))],
      }),
    ],
  });
  row("an unreadable CRL", revocable, { crls: [crl(root), bytes(1, 2, 3)] });
  const mute = mint({ subject: name("mute"), extensions: [ext.ca(), ext.keyUsage(0x04)] }, root);
  row("a CA without cRLSign", [server(mute), mute], { crls: [crl(root), crl(mute)] });
  const edIssuer = ca("ed", null, { key: edKey() });
  row("a CRL of Ed25519", [server(edIssuer)], { anchors: [edIssuer], crls: [crl(edIssuer)] });
  const staple = (status: Bytes): Bytes => unsignedStaple(4242, status);
  row("a staple: good", revocable, { staple: staple(tlv(0x80)) });
  row("a staple: revoked", revocable, { staple: staple(tlv(0xa1, generalizedTime(NOW))) });
  row("a staple: garbage", revocable, { staple: bytes(1, 2) });
  const promising = [server(issuing, { serial: int(9), extensions: [tlsFeature(true, 5)] }), issuing];
  row("must-staple: none", promising);
  row("must-staple: good, by SHA-1", promising, { staple: signedStaple({ serial: 9, issuer: issuing }) });
  row("must-staple: good, by SHA-256", promising, {
    staple: signedStaple({ serial: 9, issuer: issuing, algorithm: "sha256", responder: byKey(issuing) }),
  });
  row("must-staple: another signer", promising, { staple: signedStaple({ serial: 9, issuer: issuing, signer: root }) });
  const renewed = ca("issuing", issuing);
  row("a CRL by a CA's new key", [...revocable, renewed], {
    crls: [crl(root), crl(issuing, { key: renewed.key })],
  });
  row("a pin of the issuer", revocable, { spkiPins: [base64(sha256(issuing.key.spki))] });
  row("a pin of nobody", revocable, { spkiPins: [base64(sha256(bytes(1)))] });
  row("a pin that is none", revocable, { spkiPins: ["not base64"] });
}
