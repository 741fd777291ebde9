//! Everything one instance holds, behind handles. Safe code: `ffi.rs` is the thin layer over it.

use crate::config::Config;
use crate::connection::Connection;
use crate::error::{Code, Failure};
use crate::exchange::Event;
use crate::http::{Open, Protocol};
use crate::limits;
use crate::table::{Handle, Table};
use crate::witness;
use bytes::Bytes;
use std::rc::Rc;
use zeroize::Zeroize;

/// What a call answers besides its number. The layout is part of the ABI: eight u32.
#[derive(Default)]
#[repr(C)]
pub struct Report {
    /// [`status`] of the connection the call was about.
    pub status: u32,
    /// Bytes that stay valid until the next call.
    pub pointer: u32,
    pub length: u32,
    /// After a failure: [`Code`], its aux and [`crate::error::Sent`]; the bytes are its detail.
    pub code: u32,
    pub aux: u32,
    pub sent: u32,
    /// Requests that may be in flight together, and that are.
    pub capacity: u32,
    pub in_flight: u32,
}

/// Kinds of events, part of the ABI; 0 is "nothing new".
#[derive(Clone, Copy)]
#[repr(i32)]
enum Kind {
    Informational = 1,
    Head = 2,
    Data = 3,
    Trailers = 4,
    Upgraded = 5,
    End = 6,
    Failed = 7,
}

const STATUS_OUTPUT: u32 = 8;
const STATUS_READY: u32 = 16;
const STATUS_ACCEPTS: u32 = 32;
const STATUS_HTTP2: u32 = 64;
const STATUS_DRAINING: u32 = 128;

/// Phase in the low 3 bits; bytes wait for the socket; requests have something new; a request can start; HTTP/2;
/// the peer is going away.
fn status(connection: &Connection) -> u32 {
    let mut bits = connection.phase() as u32;
    let flags = connection.as_open().map_or(0, |open| {
        let flag = |on: bool, bit: u32| if on { bit } else { 0 };
        flag(open.has_ready(), STATUS_READY)
            | flag(open.accepts(), STATUS_ACCEPTS)
            | flag(open.protocol() == Protocol::Http2, STATUS_HTTP2)
            | flag(open.is_draining(), STATUS_DRAINING)
    });
    if connection.has_output() {
        bits |= STATUS_OUTPUT;
    }
    bits | flags
}

pub struct Engine {
    host_aead: bool,
    configs: Table<Rc<Config>>,
    connections: Table<Connection>,
    pub input: Box<[u8]>,
    pub report: Box<Report>,
    /// What `report.pointer` points into.
    out: Vec<u8>,
    held: Bytes,
    /// The module's memory when [`Engine::reserve`] last looked.
    memory_bytes: usize,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            host_aead: false,
            configs: Table::new(limits::MAX_CONFIGS),
            connections: Table::new(limits::MAX_CONNECTIONS),
            input: vec![0; limits::INPUT_BYTES].into(),
            report: Box::default(),
            out: Vec::new(),
            held: Bytes::new(),
            memory_bytes: 0,
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn memory_bytes() -> usize {
    const PAGE_BYTES: usize = 64 * 1024;
    core::arch::wasm32::memory_size(0) * PAGE_BYTES
}

/// Elsewhere memory grows by itself.
#[cfg(not(target_arch = "wasm32"))]
fn memory_bytes() -> usize {
    0
}

type Answer = Result<i32, Failure>;

impl Engine {
    pub fn set_host_aead(&mut self, on: bool) {
        self.host_aead = on;
    }

    /// Runs a call and turns its failure into -1 and a report.
    pub fn answer(&mut self, call: impl FnOnce(&mut Self) -> Answer) -> i32 {
        self.reserve();
        self.report.length = 0;
        self.report.code = 0;
        match call(self) {
            Ok(number) => number,
            Err(failure) => {
                self.tell(failure);
                -1
            }
        }
    }

    /// The allocator grows memory in steps of 64 kB, and each step makes the host count all of it anew: a burst of
    /// connections then spends its time there. So a small step is followed by one in proportion, allocated and freed.
    fn reserve(&mut self) {
        if memory_bytes() == self.memory_bytes {
            return;
        }
        let room = limits::MIN_GROWTH_BYTES.max(memory_bytes() / limits::GROWTH_DIVISOR);
        drop(std::hint::black_box(Vec::<u8>::with_capacity(room)));
        self.memory_bytes = memory_bytes();
    }

    pub fn new_config(&mut self, length: usize) -> Answer {
        let parsed = self.given(length).and_then(|bytes| Config::parse(bytes, self.host_aead));
        self.input[..length.min(limits::INPUT_BYTES)].zeroize(); // It may hold a private key.
        let handle = self.configs.insert(Rc::new(parsed?)).ok_or_else(|| full("configurations"))?;
        Ok(handle as i32)
    }

    /// What its ClientHellos offer ([`Config::offers`]).
    pub fn offers(&mut self, config: Handle) -> Answer {
        self.out = self.configs.get(config).ok_or_else(|| missing("configuration"))?.offers();
        self.show();
        Ok(self.out.len() as i32)
    }

    /// Connections made with it keep what they need.
    pub fn free_config(&mut self, config: Handle) -> Answer {
        self.configs.remove(config).map(|_| 0).ok_or_else(|| missing("configuration"))
    }

    pub fn connect_tls(&mut self, config: Handle, sni_length: usize) -> Answer {
        let config = self.configs.get(config).cloned().ok_or_else(|| missing("configuration"))?;
        let connection = Connection::tls(&config, self.given(sni_length)?)?;
        self.add(connection)
    }

    pub fn connect_plain(&mut self, http2: bool) -> Answer {
        self.add(Connection::plain(if http2 { Protocol::Http2 } else { Protocol::Http1 }))
    }

    fn add(&mut self, connection: Connection) -> Answer {
        self.report.status = status(&connection);
        let handle = self.connections.insert(connection).ok_or_else(|| full("connections"))?;
        Ok(handle as i32)
    }

    pub fn free_connection(&mut self, connection: Handle) -> Answer {
        self.connections.remove(connection).map(|_| 0).ok_or_else(|| missing("connection"))
    }

    pub fn feed(&mut self, connection: Handle, length: usize) -> Answer {
        self.on(connection, |connection, input| Ok(connection.feed(prefix(input, length)?) as i32))
    }

    pub fn end(&mut self, connection: Handle, broken: bool) -> Answer {
        self.on(connection, |connection, _| {
            connection.end(broken);
            Ok(0)
        })
    }

    pub fn turn(&mut self, connection: Handle) -> Answer {
        self.on(connection, |connection, _| {
            connection.turn();
            Ok(0)
        })
    }

    pub fn drain(&mut self, connection: Handle) -> Answer {
        let mut out = std::mem::take(&mut self.out);
        out.clear();
        out.shrink_to(limits::OUTBOUND_BYTES * 2);
        let answer = self.on(connection, |connection, _| {
            connection.drain(&mut out);
            Ok(out.len() as i32)
        });
        self.out = out;
        self.show();
        answer
    }

    pub fn presented(&mut self, connection: Handle) -> Answer {
        self.out = self.connections.get(connection).ok_or_else(|| missing("connection"))?.presented()?;
        self.show();
        Ok(self.out.len() as i32)
    }

    pub fn approve(&mut self, connection: Handle) -> Answer {
        self.on(connection, |connection, _| connection.approve().map(|()| 0))
    }

    pub fn refuse(&mut self, connection: Handle, alert: u8) -> Answer {
        self.on(connection, |connection, _| connection.refuse(alert).map(|()| 0))
    }

    /// Why the connection is closed; 0 when it is not.
    pub fn failure(&mut self, connection: Handle) -> Answer {
        match self.connections.get(connection).ok_or_else(|| missing("connection"))?.failure() {
            Some(failure) => Err(failure),
            None => Ok(0),
        }
    }

    /// What belongs to the failure of a closed connection ([`Failure::evidence`]).
    pub fn evidence(&mut self, connection: Handle) -> Answer {
        let failure = self.connections.get(connection).ok_or_else(|| missing("connection"))?.failure();
        self.out = failure.map_or_else(Vec::new, |failure| failure.evidence);
        self.show();
        Ok(self.out.len() as i32)
    }

    pub fn close(&mut self, connection: Handle) -> Answer {
        self.on(connection, |connection, _| {
            connection.close();
            Ok(0)
        })
    }

    pub fn request(&mut self, connection: Handle, length: usize, has_body: bool) -> Answer {
        self.on(
            connection,
            |connection, input| Ok(connection.open()?.request(prefix(input, length)?, has_body)? as i32),
        )
    }

    pub fn write(&mut self, connection: Handle, request: Handle, length: usize) -> Answer {
        self.on(connection, |connection, input| Ok(connection.open()?.write(request, prefix(input, length)?)? as i32))
    }

    pub fn finish(&mut self, connection: Handle, request: Handle, length: usize) -> Answer {
        self.on(connection, |connection, input| connection.open()?.finish(request, prefix(input, length)?).map(|()| 0))
    }

    pub fn cancel(&mut self, connection: Handle, request: Handle) -> Answer {
        self.on(connection, |connection, _| connection.open()?.cancel(request).map(|()| 0))
    }

    /// The next request with something new, or 0.
    pub fn next_ready(&mut self, connection: Handle) -> Answer {
        self.on(connection, |connection, _| Ok(connection.open()?.next_ready().unwrap_or(0) as i32))
    }

    pub fn next_event(&mut self, connection: Handle, request: Handle) -> Answer {
        let mut event = None;
        self.on(connection, |connection, _| {
            event = connection.open()?.next_event(request)?;
            Ok(0)
        })?;
        let kind = match event {
            None => return Ok(0),
            Some(Event::Informational(bytes)) => self.hold(Kind::Informational, bytes.into()),
            Some(Event::Head(bytes)) => self.hold(Kind::Head, bytes.into()),
            Some(Event::Data(bytes)) => self.hold(Kind::Data, bytes),
            Some(Event::Trailers(bytes)) => self.hold(Kind::Trailers, bytes.into()),
            Some(Event::Upgraded) => Kind::Upgraded,
            Some(Event::End) => Kind::End,
            Some(Event::Failed(failure)) => {
                self.tell(failure);
                Kind::Failed
            }
        };
        Ok(kind as i32)
    }

    /// 1 when rustls-webpki accepts the path of the question.
    pub fn witness(&mut self, length: usize) -> Answer {
        witness::answer(self.given(length)?).map(|()| 1)
    }

    fn on(&mut self, handle: Handle, call: impl FnOnce(&mut Connection, &[u8]) -> Answer) -> Answer {
        let connection = self.connections.get_mut(handle).ok_or_else(|| missing("connection"))?;
        let answer = call(connection, &self.input);
        self.report.status = status(connection);
        self.report.capacity = connection.as_open().map_or(0, Open::capacity) as u32;
        self.report.in_flight = connection.as_open().map_or(0, Open::in_flight) as u32;
        answer
    }

    fn given(&self, length: usize) -> Result<&[u8], Failure> {
        prefix(&self.input, length)
    }

    fn hold(&mut self, kind: Kind, bytes: Bytes) -> Kind {
        self.held = bytes;
        self.report.pointer = address(&self.held);
        self.report.length = self.held.len() as u32;
        kind
    }

    fn show(&mut self) {
        self.report.pointer = address(&self.out);
        self.report.length = self.out.len() as u32;
    }

    fn tell(&mut self, failure: Failure) {
        self.report.code = failure.code as u32;
        self.report.aux = failure.aux;
        self.report.sent = failure.sent as u32;
        self.out = failure.detail.into_bytes();
        self.show();
    }
}

/// WASM has 32-bit addresses; natively only tests look, and they look at the bytes.
fn address(bytes: &[u8]) -> u32 {
    bytes.as_ptr() as usize as u32
}

fn prefix(input: &[u8], length: usize) -> Result<&[u8], Failure> {
    input.get(..length).ok_or_else(|| Failure::new(Code::BadArgument, "longer than the input buffer"))
}

fn full(what: &str) -> Failure {
    Failure::new(Code::Busy, &format!("too many {what}"))
}

fn missing(what: &str) -> Failure {
    Failure::new(Code::BadHandle, &format!("no such {what}"))
}
