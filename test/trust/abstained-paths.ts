/** Paths that rustls-webpki cannot judge: one for each feature that it does not know. */
import type { PATH_ABSTENTIONS } from "../../src/trust/verdict.ts";
import {
  CLIENT_AUTH,
  HOST,
  type Minted,
  NOW,
  ca,
  dirName,
  ext,
  extension,
  mint,
  name,
  server,
} from "../support/certificates.ts";
import { oid, seq, text, tlv, utcTime } from "../support/der.ts";
import { ecKey, pssKey } from "../support/keys.ts";
import { tlsFeature } from "../support/staples.ts";

const root = ca("root");
/** anyExtendedKeyUsage (RFC 5280 §4.2.1.12). */
export const ANY = "2.5.29.37.0";
/** The extensions of a CA. */
export const CA = [ext.ca(), ext.keyUsage(0x06)];
const shouting = name("ISSUING");

/** A path for each feature: the chain as presented, and the anchor. */
export const FEATURED: Readonly<Record<(typeof PATH_ABSTENTIONS)[number], () => { chain: Minted[]; anchor: Minted }>> =
  {
    "any-purpose-ca": () => {
      const any = ca("any", root, { extensions: [ext.eku(ANY, CLIENT_AUTH)] });
      return { chain: [server(any), any], anchor: root };
    },
    "before-1970": () => {
      const validity = seq(utcTime(Date.UTC(1969, 0, 1)), utcTime(NOW + 1000));
      return { chain: [server(root, { validity })], anchor: root };
    },
    "constraint-form": () => {
      const limited = ca("limited", root, { extensions: [ext.constraints([dirName(name(HOST))])] });
      return { chain: [server(limited), limited], anchor: root };
    },
    "critical-key-identifier": () => {
      const key = ecKey();
      const extensions = [extension("2.5.29.14", true, tlv(0x04, key.id))];
      const between = mint({ subject: name("between"), key, extensions: [...CA, ...extensions] }, root);
      return { chain: [server(between), between], anchor: root };
    },
    "critical-policy": () => {
      const critical = extension("2.5.29.32", true, seq(seq(oid("1.2.3"))));
      return { chain: [server(root, { extensions: [critical] })], anchor: root };
    },
    "critical-tls-feature": () => ({
      chain: [server(root, { extensions: [tlsFeature(true, 17)] })],
      anchor: root,
    }),
    "ecdsa-sha-512": () => {
      const anchor = ca("sha-512", null, { key: ecKey("P-256", "SHA-512") });
      return { chain: [server(anchor)], anchor };
    },
    "long-path-length": () => {
      const long = ca("long", root, { pathLength: 256 });
      return { chain: [server(long), long], anchor: root };
    },
    "many-cas": () => {
      const above: Minted[] = [root];
      for (let level = 0; level < 7; level++) above.unshift(ca(`ca ${level}`, above[0]));
      return { chain: [server(above[0] ?? root), ...above.slice(0, -1)], anchor: root };
    },
    "name-encoding": () => {
      const between = ca("issuing", root);
      return { chain: [server(between, { issuerName: shouting }), between], anchor: root };
    },
    "p-521": () => {
      const large = ca("large", root, { key: ecKey("P-521", "SHA-512") });
      return { chain: [server(large), large], anchor: root };
    },
    "pss-parameters": () => {
      const anchor = ca("pss", null, { key: pssKey(20) });
      return { chain: [server(anchor)], anchor };
    },
    "repeated-key": () => {
      const between = ca("between", root);
      return { chain: [server(between, { subject: between.subject, key: between.key }), between], anchor: root };
    },
    "self-issued-ca": () => {
      const old = ca("rolling", root, { pathLength: 0 });
      const rolled = ca("rolling", old);
      return { chain: [server(rolled), rolled, old], anchor: root };
    },
    "single-certificate": () => {
      const own = server(ca("gone"));
      return { chain: [own], anchor: own };
    },
    "unique-identifier": () => {
      const uniqueIds = text(0x81, "\u0000x");
      return { chain: [server(root, { uniqueIds })], anchor: root };
    },
  };
