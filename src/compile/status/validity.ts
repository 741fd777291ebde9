/**
 * Warnings and conditions about certificates and CRLs that are not valid now. The bundle does not depend on the time:
 * trust/ checks dates in every verdict. Warnings and conditions are made last, outside of passes that remember their
 * results.
 */
import { firstFew } from "../references/anchor-faults.ts";
import type { AnchorFacts, AnchorSource } from "../references/anchor-source.ts";
import { type Presented, remarksOf } from "../references/certificate-facts.ts";
import type { Certificate } from "../references/certificates.ts";
import { type Clock, formatTime } from "../clock.ts";
import { crlDates, reportCrlDates } from "../references/crl-dates.ts";
import type { CrlSource } from "../references/crls.ts";
import type { Diagnostics, FieldPath, SourceObject } from "../diagnostics/diagnostics.ts";
import type { Model } from "../model.ts";
import { anchorInvalid, type DateFault, presentedInvalid } from "./problems.ts";

interface Dates {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

/**
 * Why a certificate is not valid now; null: it is valid, or there is no clock. A certificate is valid from notBefore
 * through notAfter, which have whole seconds (RFC 5280 §4.1.2.5).
 */
export function dateFault({ notBeforeMs, notAfterMs }: Dates, now: Clock): DateFault | null {
  if (now === null) return null;
  const second = Math.floor(now / 1000) * 1000;
  if (second < notBeforeMs)
    return {
      code: "certificate-not-yet-valid",
      what: "is not valid yet",
      date: `notBefore ${formatTime(notBeforeMs)}`,
    };
  if (second > notAfterMs)
    return { code: "certificate-expired", what: "has expired", date: `notAfter ${formatTime(notAfterMs)}` };
  return null;
}

/** Warnings about every certificate and CRL of the model that is not valid now. */
export function reportValidity(model: Model, now: Clock, diagnostics: Diagnostics): void {
  for (const source of anchorSources(model)) reportSource(source, now, diagnostics);
  for (const { certificate, object, path, to } of presentedCertificates(model)) {
    for (const fact of certificate.facts.chain) {
      const fault = dateFault(fact, now);
      if (fault !== null) diagnostics.report(object, presentedInvalid(certificate, fact, fault, { path, to }));
    }
  }
  for (const source of crlSources(model)) reportCrlDates(source, now, diagnostics);
}

/** The certificates and CRLs that are not valid now, as text. While it is the same, remembered conditions stay right. */
export function validityOf(model: Model, now: Clock): string {
  const faults: string[] = [];
  for (const { name, facts } of anchorSources(model))
    for (const fact of facts) {
      const fault = dateFault(fact, now);
      if (fault !== null) faults.push(`${name} ${fact.where} ${fault.code}`);
    }
  for (const { certificate } of presentedCertificates(model))
    for (const fact of certificate.facts.chain) {
      const fault = dateFault(fact, now);
      if (fault !== null) faults.push(`${certificate.digest} ${fact.where} ${fault.code}`);
    }
  for (const source of crlSources(model)) faults.push(...crlDates(source, now));
  return faults.join("\n");
}

/** Text for a condition: the CAs of the sources that are not valid now. Empty: all are, or there is no clock. */
export function describeDates(sources: readonly AnchorSource[], now: Clock): string {
  const faults = sources.flatMap(({ name, facts }) =>
    facts.flatMap((anchor) => {
      const fault = dateFault(anchor, now);
      return fault === null ? [] : [`${anchor.where} of ${name}, ${anchor.subject}, ${fault.what} (${fault.date})`];
    }),
  );
  if (faults.length === 0) return "";
  const none = sources.every((source) => source.place !== null && isAllInvalid(source.facts, now));
  return `${firstFew(faults)}${none ? "; no CA is valid now, so every chain is refused" : ""}`;
}

/** Text for a condition: why clients or backends may refuse certificates. Empty: there is no reason. */
export function describeCertificates(certificates: readonly Certificate[], presented: Presented, now: Clock): string {
  const remarks = certificates.flatMap((certificate) => [
    ...remarksOf(certificate, presented).map(({ message, found }) => `${message} (found ${found})`),
    ...certificate.facts.chain.flatMap(({ where, subject, ...dates }) => {
      const fault = dateFault(dates, now);
      return fault === null
        ? []
        : [`${where} of ${certificate.entry.source}, ${subject}, ${fault.what} (${fault.date})`];
    }),
  ]);
  return remarks.length === 0 ? "" : firstFew(remarks);
}

function reportSource({ name, place, facts }: AnchorSource, now: Clock, diagnostics: Diagnostics): void {
  if (place === null) return;
  const others = !isAllInvalid(facts, now)
    ? ""
    : facts.length === 1
      ? "; there is no other"
      : "; none of the others is valid either";
  for (const anchor of facts) {
    const fault = dateFault(anchor, now);
    if (fault !== null)
      diagnostics.report(place.object, { path: place.path, ...anchorInvalid(name, anchor, fault, others) });
  }
}

const isAllInvalid = (facts: readonly AnchorFacts[], now: Clock): boolean =>
  facts.every((fact) => dateFault(fact, now) !== null);

/** Objects with CRLs that some policy uses: each once, in the order of the policies. */
function crlSources({ policies }: Model): Set<CrlSource> {
  return new Set([...policies.all.values()].flatMap(({ effect }) => (effect.kind === "enforced" ? effect.crls : [])));
}

/** Objects with trust anchors that some policy or listener uses: each once, in the order of policies and Gateways. */
function anchorSources({ policies, gateways }: Model): Set<AnchorSource> {
  const sources = new Set<AnchorSource>();
  for (const { effect } of policies.all.values())
    if (effect.kind === "enforced") for (const source of effect.sources) sources.add(source);
  for (const gateway of gateways.values()) {
    if (gateway.kind !== "valid") continue;
    for (const { verdict } of gateway.listeners) {
      const validation = verdict.kind === "accepted" ? verdict.tls?.clientValidation : undefined;
      if (validation?.kind === "valid") for (const source of validation.sources) sources.add(source);
    }
  }
  return sources;
}

interface PresentedCertificate {
  readonly certificate: Certificate;
  readonly to: Presented["to"];
  readonly object: SourceObject;
  readonly path: FieldPath;
}

/** Certificates that listeners present to clients, and Gateways to backends. */
function presentedCertificates({ gateways }: Model): PresentedCertificate[] {
  return [...gateways.values()].flatMap((gateway) => {
    if (gateway.kind !== "valid") return [];
    const { object, clientIdentity, listeners } = gateway;
    const own: PresentedCertificate[] = listeners.flatMap(({ owner, index, verdict }) =>
      (verdict.kind === "accepted" ? (verdict.tls?.certificates ?? []) : []).map((certificate) => ({
        certificate,
        to: "clients",
        object: owner.object,
        path: ["spec", "listeners", index, "tls", "certificateRefs"],
      })),
    );
    if (clientIdentity.kind !== "certificate") return own;
    const path = ["spec", "tls", "backend", "clientCertificateRef"];
    return [...own, { certificate: clientIdentity.certificate, to: "backends", object, path }];
  });
}
