/** Mutations of a scenario that keep its DER mostly whole: a wrong length at the start would end every reading there. */
import { type Bytes, concat, tlv } from "../support/der.ts";

/** A number from 0 up to but not including the limit. */
export type Random = (limit: number) => number;

/** Random numbers by Mulberry32, so that a run can be repeated from its seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

/** One to four mutations of `data`, with pieces of `other`. */
export function mutate(data: Bytes, other: Bytes, random: Random): Bytes {
  let mutated = data;
  for (let count = 1 + random(4); count > 0; count--) mutated = mutateOnce(mutated, other, random);
  return mutated;
}

function mutateOnce(data: Bytes, other: Bytes, random: Random): Bytes {
  switch (random(8)) {
    case 0:
      return setByte(data, random(Math.min(2, data.length)), random(256));
    case 1:
      return setByte(data, random(data.length), random(256));
    case 2: {
      const at = random(data.length);
      return setByte(data, at, (data[at] ?? 0) ^ (1 << random(8)));
    }
    default: {
      // Whole elements change, and the lengths around them follow.
      const body = mutateNodes(parse(data.subarray(2)), parse(other.subarray(2)), random);
      return concat(data.subarray(0, 2), ...body.map(encode));
    }
  }
}

function setByte(data: Bytes, at: number, value: number): Bytes {
  const copy = Uint8Array.from(data);
  copy[at] = value;
  return copy;
}

/** An element of DER, or bytes that are none. An OCTET STRING that holds elements is read too. */
interface Node {
  readonly tag: number | null;
  readonly before: Bytes;
  readonly children: readonly Node[] | null;
  readonly contents: Bytes;
}

const NOTHING = new Uint8Array();

function encode({ tag, before, children, contents }: Node): Bytes {
  const inner = children === null ? contents : concat(before, ...children.map(encode));
  return tag === null ? inner : tlv(tag, inner);
}

function parse(data: Bytes): Node[] {
  const nodes: Node[] = [];
  for (let at = 0; at < data.length;) {
    const size = header(data, at);
    if (size === null) return [...nodes, { tag: null, before: NOTHING, children: null, contents: data.subarray(at) }];
    const contents = data.subarray(at + size.header, at + size.header + size.length);
    nodes.push(node(data[at] ?? 0, contents));
    at += size.header + size.length;
  }
  return nodes;
}

function node(tag: number, contents: Bytes): Node {
  const before = tag === 0x03 ? contents.subarray(0, 1) : NOTHING;
  const inside = contents.subarray(before.length);
  const nested = (tag & 0x20) !== 0 || ((tag === 0x04 || tag === 0x03) && inside[0] === 0x30);
  const children = nested ? parse(inside) : null;
  return { tag, before, children, contents };
}

function header(data: Bytes, at: number): { readonly header: number; readonly length: number } | null {
  const first = data[at + 1];
  if (first === undefined) return null;
  const octets = first < 0x80 ? 0 : first & 0x7f;
  if (octets > 3) return null;
  let length = first < 0x80 ? first : 0;
  for (let index = 0; index < octets; index++) length = length * 256 + (data[at + 2 + index] ?? 0);
  return at + 2 + octets + length <= data.length ? { header: 2 + octets, length } : null;
}

/** Goes down to some list of elements and changes it. */
function mutateNodes(nodes: readonly Node[], others: readonly Node[], random: Random): readonly Node[] {
  const at = random(nodes.length);
  const chosen = nodes[at];
  if (chosen === undefined) return pick(others, random);
  const put = (...instead: readonly Node[]): Node[] => nodes.toSpliced(at, 1, ...instead);
  if (chosen.children !== null && random(5) > 0) {
    return put({ ...chosen, children: mutateNodes(chosen.children, others, random) });
  }
  switch (random(7)) {
    case 0:
      return put();
    case 1:
      return put(chosen, chosen);
    case 2: {
      const swapped = random(nodes.length);
      return nodes.with(at, nodes[swapped] ?? chosen).with(swapped, chosen);
    }
    case 3:
      return put(...pick(others, random));
    case 4:
      return put(chosen, ...pick(others, random));
    case 5:
      return chosen.tag === null ? nodes : put({ ...chosen, tag: TAGS[random(TAGS.length)] ?? chosen.tag });
    default:
      return put({ ...chosen, children: null, contents: mutateContents(encode({ ...chosen, tag: null }), random) });
  }
}

const TAGS = [
  1, 2, 3, 4, 5, 6, 0x0c, 0x13, 0x14, 0x16, 0x17, 0x18, 0x1c, 0x1e, 0x30, 0x31, 0x80, 0x81, 0x82, 0x86,
].concat([0x87, 0x88, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4]);
const OCTETS = [0, 1, 2, 0x2a, 0x2e, 0x2d, 0x30, 0x40, 0x7f, 0x80, 0xff];

/** Changes the contents of a primitive: a byte is changed, put in or left out, or all is cut, emptied or repeated. */
function mutateContents(contents: Bytes, random: Random): Bytes {
  const at = random(contents.length + 1);
  const [head, tail] = [contents.subarray(0, at), contents.subarray(at)];
  const octet = Uint8Array.of(random(2) === 0 ? (OCTETS[random(OCTETS.length)] ?? 0) : random(256));
  switch (random(6)) {
    case 0:
      return concat(head, octet, tail);
    case 1:
      return concat(head, tail.subarray(1));
    case 2:
      return head;
    case 3:
      return concat(contents, contents).subarray(0, 4096);
    case 4:
      return NOTHING;
    default:
      return concat(head, octet, tail.subarray(1));
  }
}

/** Some element of another input, from any depth. */
function pick(nodes: readonly Node[], random: Random): readonly Node[] {
  const chosen = nodes[random(nodes.length)];
  if (chosen === undefined) return [];
  return chosen.children === null || chosen.children.length === 0 || random(4) === 0
    ? [chosen]
    : pick(chosen.children, random);
}
