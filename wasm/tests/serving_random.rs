//! Random and mutated requests at random cuts: no panic, no stall, and no byte of one exchange in another.
//!
//! `LASTHOP_FUZZ_ROUNDS` and `LASTHOP_FUZZ_SEED` ask for more rounds, or for the rounds of one seed. A failure prints the
//! seed of its round.
#![cfg(feature = "server")]
use lasthop_tls::connection::{Connection, Phase};
use lasthop_tls::exchange::Event;
use lasthop_tls::http_client::Protocol;
use std::collections::HashMap;
use std::env;

const ROUNDS: u64 = 1_500;
const MAX_MESSAGES: usize = 6;
const MAX_BODY: usize = 3_000;
/// More than all queues of a connection hold.
const LONG_BODY: usize = 300_000;
/// The steps after which a connection that goes neither forward nor to its end has stalled.
const MAX_IDLE_STEPS: usize = 50;

/// xorshift64*.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }
}

/// The letter that fills the bodies of a message and of its response.
const fn tag(number: usize) -> u8 {
    b'a' + number as u8
}

/// A message whose target and body name its number.
fn message(number: usize, random: &mut Random) -> Vec<u8> {
    let letter = tag(number) as char;
    let body = match random.below(16) {
        0 => LONG_BODY,
        1..8 => 0,
        _ => random.below(MAX_BODY),
    };
    let more = ["", "Accept: */*\r\n", "X-Empty:\r\n", "Connection: keep-alive\r\n"][random.below(4)];
    let start = if random.one_in(8) { "\r\n" } else { "" };
    if body > 0 && random.one_in(2) {
        let mut out = format!("{start}POST /{letter} HTTP/1.1\r\nHost: h\r\n{more}Transfer-Encoding: chunked\r\n\r\n")
            .into_bytes();
        let mut left = body;
        while left > 0 {
            let size = 1 + random.below(left);
            left -= size;
            out.extend_from_slice(format!("{size:x}\r\n").as_bytes());
            out.resize(out.len() + size, tag(number));
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(if random.one_in(2) { b"0\r\n\r\n" } else { b"0\r\nx-t: 1\r\n\r\n" });
        return out;
    }
    let method = if body > 0 { "PUT" } else { "GET" };
    let mut out =
        format!("{start}{method} /{letter} HTTP/1.1\r\nHost: h\r\n{more}Content-Length: {body}\r\n\r\n").into_bytes();
    out.resize(out.len() + body, tag(number));
    out
}

/// Changes some bytes from `from` on.
fn mutate(bytes: &mut Vec<u8>, from: usize, random: &mut Random) {
    const ODD: &[u8] = b"\r\n: \t\0;,0f/Hh\x80\xff";
    for _ in 0..=random.below(3) {
        let at = from + random.below(bytes.len() - from);
        let byte = ODD[random.below(ODD.len())];
        match random.below(4) {
            0 => bytes[at] = byte,
            1 => bytes.insert(at, byte),
            2 => drop(bytes.remove(at)),
            _ => bytes.truncate(at.max(from + 1)),
        }
        if bytes.len() <= from + 1 {
            return;
        }
    }
}

/// What the host knows of a request.
struct Asked {
    number: Option<usize>,
    is_answered: bool,
}

/// The host of one connection, which answers each request with a body of its tag.
#[derive(Default)]
struct Host {
    requests: HashMap<u32, Asked>,
    /// The numbers in the order of their heads.
    order: Vec<usize>,
    output: Vec<u8>,
}

impl Host {
    /// Takes the events there are, and answers some requests; whether anything happened.
    fn step(&mut self, connection: &mut Connection, intact: usize, random: &mut Random) -> bool {
        let mut moved = false;
        while !random.one_in(4) {
            let Ok(Some(request)) = connection.next_ready() else { break };
            while let Ok(Some(event)) = connection.next_event(request) {
                moved = true;
                self.take(request, event, intact);
            }
        }
        let open: Vec<u32> =
            self.requests.iter().filter(|(_, asked)| !asked.is_answered).map(|(key, _)| *key).collect();
        for request in open {
            if random.one_in(3) {
                continue;
            }
            moved = true;
            self.answer(connection, request, random);
        }
        let mut out = Vec::new();
        connection.turn();
        connection.drain(&mut out);
        moved |= !out.is_empty();
        self.output.append(&mut out);
        moved
    }

    fn take(&mut self, request: u32, event: Event, intact: usize) {
        match event {
            Event::Head(head) => {
                let text = String::from_utf8_lossy(&head[1..]).into_owned();
                let letter = text.split(' ').nth(1).and_then(|target| target.as_bytes().get(1).copied());
                let number = letter.and_then(|letter| letter.checked_sub(b'a')).map(usize::from);
                assert!(self.requests.values().all(|asked| asked.is_answered), "one request at a time");
                if let Some(number) = number.filter(|&number| number < intact) {
                    assert_eq!(number, self.order.len(), "in order");
                    self.order.push(number);
                }
                self.requests.insert(request, Asked { number, is_answered: false });
            }
            Event::Data(data) => {
                let number = self.requests[&request].number;
                if let Some(number) = number.filter(|&number| number < intact) {
                    assert!(data.iter().all(|&byte| byte == tag(number)), "a byte of another message");
                }
            }
            Event::Failed(_) => drop(self.requests.remove(&request)),
            _ => {}
        }
    }

    fn answer(&mut self, connection: &mut Connection, request: u32, random: &mut Random) {
        let Some(asked) = self.requests.get_mut(&request) else { return };
        let number = asked.number.unwrap_or(25).min(25);
        asked.is_answered = true;
        let body = vec![tag(number); random.below(MAX_BODY)];
        let has_body = !body.is_empty() || random.one_in(2);
        let Ok(serving) = connection.as_serving() else { return };
        let _ = serving.respond(request, &[200, 0, 0, 0], has_body);
        if random.one_in(2) {
            let _ = serving.drop_body(request);
        }
        if has_body {
            let _ = connection.write(request, &body);
            let _ = connection.finish(request, &[]);
        }
    }
}

/// The tags of the responses in `output`, in order. Panics where a body has another byte.
fn answered(output: &[u8]) -> Vec<usize> {
    let mut tags = Vec::new();
    let mut rest = output;
    while let Some(end) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = String::from_utf8_lossy(&rest[..end]).to_ascii_lowercase();
        rest = &rest[end + 4..];
        if !head.starts_with("http/1.1 200") && !head.starts_with("http/1.0 200") {
            assert!(head.starts_with("http/1.1 100"), "{head}");
            continue;
        }
        let length =
            head.lines().find_map(|line| line.strip_prefix("content-length: ")).map_or(0, |text| text.parse().unwrap());
        let body = &rest[..rest.len().min(length)];
        rest = &rest[body.len()..];
        if let Some(&first) = body.first() {
            assert!(body.iter().all(|&byte| byte == first), "a byte of another response");
            tags.push(usize::from(first - b'a'));
        }
    }
    tags
}

fn round(seed: u64) {
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let count = 1 + random.below(MAX_MESSAGES);
    let mut bytes = Vec::new();
    let mut intact = count;
    for number in 0..count {
        let start = bytes.len();
        let message = message(number, &mut random);
        bytes.extend_from_slice(&message);
        if intact == count && random.one_in(4) {
            intact = number;
            mutate(&mut bytes, start, &mut random);
        }
    }
    let mut connection = Connection::serving(Protocol::Http1);
    let mut host = Host::default();
    let (mut at, mut idle) = (0, 0);
    let cut = [1, 10, 1_000, 100_000][random.below(4)].max(bytes.len() / 300);
    while idle < MAX_IDLE_STEPS && connection.phase() == Phase::Open {
        let piece = &bytes[at..bytes.len().min(at + 1 + random.below(cut))];
        let taken = if piece.is_empty() { 0 } else { connection.feed(piece) };
        assert!(taken <= piece.len());
        at += taken;
        let moved = host.step(&mut connection, intact, &mut random);
        idle = if taken > 0 || moved { 0 } else { idle + 1 };
        if random.one_in(40) {
            let _ = connection.as_serving().map(|serving| serving.release());
        }
    }
    if connection.phase() == Phase::Open {
        connection.end(random.one_in(2));
    }
    for _ in 0..MAX_IDLE_STEPS {
        host.step(&mut connection, intact, &mut random);
    }
    let tags = answered(&host.output);
    assert!(tags.windows(2).all(|pair| pair[0] <= pair[1]) || intact < count, "responses in order: {tags:?}");
    assert!(host.order.len() >= intact, "{} of {intact} messages before the first mutated one came", host.order.len());
    if intact == count {
        assert_eq!((at, host.order.len()), (bytes.len(), count), "all bytes of intact messages are taken");
        assert!(host.requests.values().all(|asked| asked.is_answered));
    }
}

#[test]
fn exchanges_stay_apart_whatever_comes() {
    let number = |name: &str| env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    if let Some(seed) = number("LASTHOP_FUZZ_SEED") {
        return round(seed);
    }
    for seed in 1..=number("LASTHOP_FUZZ_ROUNDS").unwrap_or(ROUNDS) {
        let result = std::panic::catch_unwind(|| round(seed));
        assert!(result.is_ok(), "LASTHOP_FUZZ_SEED={seed}");
    }
}
