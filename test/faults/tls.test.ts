/** Faults of TCP and TLS: on the way to the verdict nothing may leave, whatever the backend or the network does. */
import { randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import type { Wire } from "./backend.ts";
import { type Fault, faultSuite, IMPATIENT } from "./fault.ts";
import { record, TYPE } from "./records.ts";
import { OK, saying } from "./speak.ts";

/** Passes the records before record `number` on, calls `act` with that one, and sends nothing more. */
const stopAt =
  (number: number, act: (client: Socket, record: Buffer) => void): Wire =>
  (each, at, client, send) => {
    if (at < number) send(each);
    else if (at === number) act(client, each);
  };
/** Passes every record on, changed. */
const changed =
  (change: (record: Buffer, number: number) => Buffer): Wire =>
  (each, at, _, send) =>
    send(change(each, at));
const insteadOf = (number: number, bytes: Buffer): Wire => changed((each, at) => (at === number ? bytes : each));

const alert = (level: number, description: number): Buffer => record(TYPE.alert, Buffer.from([level, description]));
const reset = (client: Socket): void => void client.resetAndDestroy();
const end = (client: Socket): void => {
  // The end of the gateway is seen only while its bytes are read.
  client.resume();
  client.end();
};
/** Cuts the body of a record into records of one byte each. */
const shredded = (each: Buffer): Buffer =>
  Buffer.concat([...each.subarray(5)].map((byte) => record(each[0] ?? 0, Buffer.from([byte]))));

/** Answers the ClientHello with these bytes, and then falls silent. */
const stalling = (first: Buffer): Fault => ({
  tcp: (client) => void client.once("data", () => void client.write(first)),
  timeouts: IMPATIENT,
  expect: "504 connection-timeout",
});
const dripping = (): Fault => ({
  wire: (each, number, client, send) => {
    if (number > 1) return;
    let at = 0;
    const drip = setInterval(() => send(each.subarray(at, ++at)), 50);
    client.on("close", () => clearInterval(drip));
  },
  timeouts: IMPATIENT,
  expect: "504 connection-timeout",
});

const FLIGHTS = {
  // The records that the backend sends before it may see a request, as OpenSSL cuts them.
  "1.2": ["ServerHello", "Certificate", "ServerKeyExchange", "ServerHelloDone", "NewSessionTicket", "ChangeCipherSpec"],
  "1.3": ["ServerHello", "ChangeCipherSpec", "EncryptedExtensions", "Certificate", "CertificateVerify"],
} as const;

for (const version of ["1.2", "1.3"] as const) {
  const terms = { good: saying(OK), policy: { minTlsVersion: version, maxTlsVersion: version }, unverified: true };
  const cuts = FLIGHTS[version].flatMap((name, index): [string, () => Fault][] => {
    const at = index + 1;
    const cut = (how: string, wire: Wire): [string, () => Fault] => [
      `${how} ${name}`,
      () => ({ wire, expect: "502 connection-terminated", leavesOut: true }),
    ];
    return [
      cut("a reset after", stopAt(at + 1, reset)),
      cut("an end after", stopAt(at + 1, end)),
      cut(
        "an end in the middle of",
        stopAt(at, (client, each) => void client.end(each.subarray(0, each.length >> 1))),
      ),
    ];
  });
  faultSuite(`before a verdict, TLS ${version}`, terms, {
    "a reset on accept": () => ({ tcp: reset, expect: ["502 connection-terminated", "502 connection-refused"] }),
    "an end on accept": () => ({ tcp: end, expect: "502 connection-terminated" }),
    "a reset after the ClientHello": () => ({ wire: stopAt(1, reset), expect: "502 connection-terminated" }),
    ...Object.fromEntries(cuts),
    "HTTP instead of TLS": () => ({
      wire: insteadOf(1, Buffer.from("HTTP/1.1 400 No\r\n\r\n")),
      expect: "502 tls-protocol-error",
      leavesOut: true,
    }),
    "random bytes": () => ({
      wire: insteadOf(1, Buffer.concat([Buffer.from([1]), randomBytes(9_999)])),
      expect: "502 tls-protocol-error",
      leavesOut: true,
    }),
    "an unknown record type": () => ({
      wire: insteadOf(1, record(99, Buffer.alloc(9))),
      expect: "502 tls-protocol-error",
      leavesOut: true,
    }),
    "an oversized record": () => ({
      wire: insteadOf(1, record(TYPE.handshake, Buffer.alloc(0x4900))),
      expect: ["502 tls-protocol-error", "502 http-protocol-error"],
      leavesOut: true,
    }),
    "a handshake message without end": () => ({
      wire: insteadOf(
        1,
        Buffer.concat(
          Array.from({ length: 64 }, (_, at) =>
            record(TYPE.handshake, at === 0 ? Buffer.from([2, 255, 255, 255]) : Buffer.alloc(0x4000)),
          ),
        ),
      ),
      expect: ["502 tls-protocol-error", "502 http-protocol-error"],
      leavesOut: true,
    }),
    "empty handshake records": () => ({
      wire: insteadOf(1, Buffer.concat(Array.from({ length: 1_000 }, () => record(TYPE.handshake, Buffer.alloc(0))))),
      expect: "502 tls-protocol-error",
      leavesOut: true,
    }),
    "a flood of warnings": () => ({
      wire: insteadOf(1, Buffer.concat(Array.from({ length: 10_000 }, () => alert(1, 112)))),
      expect: ["502 tls-protocol-error", "502 tls-alert-received"],
      leavesOut: true,
    }),
    "a fatal alert and nothing else": () => ({
      wire: stopAt(1, (client) => void client.write(alert(2, 40))),
      expect: "502 tls-alert-received",
    }),
    "a fatal alert after ServerHello": () => ({
      wire: changed((each, at) => (at === 1 ? Buffer.concat([each, alert(2, 40)]) : each)),
      expect: "502 tls-alert-received",
      leavesOut: true,
    }),
    "close_notify instead of ServerHello": () => ({
      wire: stopAt(1, (client) => void client.end(alert(1, 0))),
      expect: ["502 connection-terminated", "502 tls-protocol-error"],
    }),
    "application data instead of ServerHello": () => ({
      wire: insteadOf(1, record(TYPE.data, Buffer.from(OK))),
      expect: "502 tls-protocol-error",
      leavesOut: true,
    }),
    "ServerHello twice": () => ({
      wire: changed((each, at) => (at === 1 ? Buffer.concat([each, each]) : each)),
      expect: "502 tls-protocol-error",
      leavesOut: true,
    }),
    "a flipped bit in the certificate": () => ({
      wire: changed((each, at) => (at === (version === "1.2" ? 2 : 4) ? flipped(each, each.length - 40) : each)),
      // TLS 1.2 does not authenticate this record, so the signature of the chain fails.
      expect: version === "1.2" ? "502 bad-signature" : "502 tls-protocol-error",
      leavesOut: true,
    }),
    "a flipped bit in the signature": () => ({
      wire: changed((each, at) => (at === (version === "1.2" ? 3 : 5) ? flipped(each, each.length - 10) : each)),
      expect: "502 tls-protocol-error",
      leavesOut: true,
    }),
    "silence after the ClientHello": () => stalling(Buffer.alloc(0)),
    "silence in the middle of a record": () => stalling(Buffer.from([22, 3, 3, 0, 100, 2])),
    "a byte now and then": dripping,
  });

  faultSuite(
    `records cut otherwise, TLS ${version}`,
    { ...terms, unverified: false },
    {
      "a byte at a time": () => ({ distortion: { pieceBytes: 1 }, expect: "200 ok" }),
      "two bytes at a time": () => ({ distortion: { pieceBytes: 2 }, expect: "200 ok" }),
      "handshake records of one byte": () => ({
        wire: changed((each, at) => (at <= (version === "1.2" ? 4 : 1) ? shredded(each) : each)),
        expect: "200 ok",
      }),
      "records that come together": () => {
        const held: Buffer[] = [];
        return {
          wire: (each, _, __, send) =>
            void (held.push(each) === 1 && setTimeout(() => send(Buffer.concat(held.splice(0))), 20)),
          expect: "200 ok",
        };
      },
      "a flipped bit after the handshake": () => ({
        after: 1,
        wire: flippedLater(),
        expect: "502 tls-protocol-error",
      }),
    },
  );
}

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

/** The bytes that a record adds to its content: in TLS 1.3, and with ChaCha20-Poly1305 and AES-GCM in TLS 1.2. */
const OVERHEADS = [17, 16, 24];

/** Flips a bit in the second response, which is found by its length. */
function flippedLater(): Wire {
  let responses = 0;
  return changed((each) => {
    if (each[0] !== TYPE.data || !OVERHEADS.includes(each.length - 5 - OK.length)) return each;
    return ++responses > 1 ? flipped(each, 20) : each;
  });
}
