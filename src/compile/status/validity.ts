/**
 * What the clock says of certificates. The bundle does not depend on it: trust/ looks at dates in every verdict. Only
 * warnings and conditions do, and these are computed last, so that no pass remembers what time has changed.
 */
import { type AnchorFacts, type AnchorSource, limited } from "../references/anchor-faults.ts";
import { type Presented, remarksOf } from "../references/certificate-facts.ts";
import type { Certificate } from "../references/certificates.ts";
import { type Clock, formatTime } from "../clock.ts";
import { crlDates, reportCrlDates } from "../references/crl-dates.ts";
import type { CrlSource } from "../references/crls.ts";
import type { Diagnostics, FieldPath, SourceObject } from "../diagnostics/diagnostics.ts";
import type { Model } from "../model.ts";

interface Dates {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

interface DateFault {
  readonly code: "certificate-expired" | "certificate-not-yet-valid";
  /** `has expired`, for a message. */
  readonly what: string;
  /** `notAfter 2026-01-01T00:00:00Z`. */
  readonly date: string;
}

/** Null: valid now (RFC 5280 §4.1.2.5: both ends included, in whole seconds), or there is no clock. */
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

/** Warnings about every certificate and CRL of the model that is not valid now, where it stands. */
export function reportValidity(model: Model, now: Clock, diagnostics: Diagnostics): void {
  for (const source of anchorSources(model)) reportSource(source, now, diagnostics);
  for (const { certificate, object, path, to } of presentedCertificates(model)) {
    for (const { where, subject, ...dates } of certificate.facts.chain) {
      const fault = dateFault(dates, now);
      if (fault === null) continue;
      diagnostics.report(object, {
        severity: "warning",
        code: fault.code,
        path,
        message: `${where} of ${certificate.entry.source} ${fault.what}; it is presented all the same, and ${to} refuse it`,
        expected: "a certificate that is valid now",
        found: `${fault.date}, of ${subject}`,
        remedy: "put the renewed certificate into the Secret",
        note: certificate.facts.place,
      });
    }
  }
  for (const source of crlSources(model)) reportCrlDates(source, now, diagnostics);
}

/** Which certificates and CRLs are not valid now, for memory.ts: what is remembered of conditions holds while this is the same. */
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

/** For a condition: the CAs of the sources that are not valid now; empty: all are, or there is no clock. */
export function describeDates(sources: readonly AnchorSource[], now: Clock): string {
  const faults = sources.flatMap(({ name, facts }) =>
    facts.flatMap(({ where, subject, ...dates }) => {
      const fault = dateFault(dates, now);
      return fault === null ? [] : [`${where} of ${name}, ${subject}, ${fault.what} (${fault.date})`];
    }),
  );
  if (faults.length === 0) return "";
  const none = sources.every((source) => source.place !== null && isAllInvalid(source.facts, now));
  return `${limited(faults)}${none ? "; no CA is valid now, so every chain is refused" : ""}`;
}

/** For a condition: what clients or backends will not like about certificates; empty: nothing. */
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
  return remarks.length === 0 ? "" : limited(remarks);
}

function reportSource({ name, place, facts }: AnchorSource, now: Clock, diagnostics: Diagnostics): void {
  if (place === null) return;
  const others = !isAllInvalid(facts, now)
    ? ""
    : facts.length === 1
      ? "; there is no other"
      : "; none of the others is valid either";
  for (const { where, line, subject, ...dates } of facts) {
    const fault = dateFault(dates, now);
    if (fault === null) continue;
    diagnostics.report(place.object, {
      severity: "warning",
      code: fault.code,
      path: place.path,
      line,
      message: `${where} of ${name} ${fault.what}, so no chain is verified with it${others}`,
      expected: "a CA certificate that is valid now",
      found: `${fault.date}, of ${subject}`,
      remedy:
        fault.code === "certificate-expired"
          ? "put in the CA's renewed certificate, or remove it"
          : "wait, put in the CA's current certificate, or correct this machine's clock",
    });
  }
}

const isAllInvalid = (facts: readonly AnchorFacts[], now: Clock): boolean =>
  facts.every((fact) => dateFault(fact, now) !== null);

/** Each once, in a defined order. */
function crlSources({ policies }: Model): Set<CrlSource> {
  return new Set([...policies.all.values()].flatMap(({ effect }) => (effect.kind === "enforced" ? effect.crls : [])));
}

/** Each once, in a defined order. */
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

/** Certificates that listeners show to clients, and Gateways to backends. */
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
