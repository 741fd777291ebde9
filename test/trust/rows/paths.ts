/** Rows about paths: what leads to the anchor, and when. */
import { DAY, HOST, NOW, ca, dns, ext, mint, name, server } from "../../support/certificates.ts";
import { bytes } from "../../support/der.ts";
import { ecKey } from "../../support/keys.ts";
import type { RowSet } from "./row-set.ts";

/** Adds the rows. */
export function addPaths({ root, issuing, row }: RowSet): void {
  row("an intermediate", [server(issuing), issuing]);
  row("an intermediate that is missing", [server(issuing)]);
  row("another root", [server(issuing), issuing], { anchors: [ca("another")] });
  row("another root of the same name", [server(issuing), issuing], { anchors: [ca("root")] });
  row("no anchors", [server(root)], { anchors: [] });
  row("nothing", []);
  row("garbage", [{ ...root, der: bytes(1, 2, 3) }]);
  row("a broken intermediate", [server(issuing), { ...issuing, der: issuing.der.subarray(0, -1) }]);
  row("the end entity twice", [server(issuing), server(issuing), issuing, issuing, root]);
  row(
    "seventeen certificates",
    Array.from({ length: 17 }, () => ({ ...root, der: bytes(0x30, 0) })),
  );
  row("depth 2 of 3", [server(issuing), issuing], { maxChainDepth: 2 });
  row("depth 1", [server(root)], { maxChainDepth: 1 });
  const selfSigned = mint({ subject: name(HOST), extensions: [ext.san(dns(HOST))] });
  row("a self-signed server", [selfSigned], { anchors: [selfSigned] });
  row("a self-signed server, copied", [mint({ subject: name(HOST), extensions: [ext.san(dns(HOST))] })], {
    anchors: [selfSigned],
  });
  const [one, two] = [ecKey(), ecKey()];
  const a = ca("a", { der: bytes(), subject: name("b"), key: two }, { key: one });
  const b = ca("b", { der: bytes(), subject: name("a"), key: one }, { key: two });
  row("a loop", [server(a), a, b]);
  const old = ca("issuing", root, { key: issuing.key, notAfter: NOW - DAY, notBefore: NOW - 2 * DAY });
  row("an expired copy beside", [server(issuing), old, issuing]);
  row("an expired intermediate", [server(issuing), old]);
  row("an expired root", [server(root)], { nowMs: NOW + 31 * DAY });
  row("before its time", [server(root, { notBefore: NOW + DAY })]);
  row("a clock without a time", [server(root)], { nowMs: Number.NaN });
  row("the last millisecond", [server(root, { notAfter: NOW })], { nowMs: NOW + 999 });
  row("one too many", [server(root, { notAfter: NOW })], { nowMs: NOW + 1000 });
}
