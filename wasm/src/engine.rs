//! The state of one instance of the module: configurations and connections, which the host names by handles. The
//! functions of the ABI (`ffi.rs`) call the methods of the same names here.

use crate::config::Config;
use crate::connection::Connection;
use crate::error::{Code, Failure};
use crate::exchange::Event;
use crate::http_client::Protocol;
use crate::limits;
#[cfg(feature = "server")]
use crate::report::STATUS_OTHERS;
use crate::report::{status, EventKind, Report};
use crate::table::{Handle, Table};
#[cfg(feature = "server")]
use crate::tasks::Bell;
use crate::witness;
use bytes::Bytes;
use std::rc::Rc;
#[cfg(feature = "server")]
use std::sync::PoisonError;
use zeroize::Zeroize;

/// The state of one instance.
pub struct Engine {
    configs: Table<Rc<Config>>,
    connections: Table<Connection>,
    /// The bytes that the host passes to the next call.
    pub input: Box<[u8]>,
    pub report: Box<Report>,
    /// Bytes that `report` points to, unless it points to `event_bytes`.
    output: Vec<u8>,
    /// Bytes of the last event, which `report` points to.
    event_bytes: Bytes,
    /// The connections of which a call about another one woke tasks.
    #[cfg(feature = "server")]
    bell: Bell,
    /// The size of the module's memory at the last call of [`Engine::reserve`].
    memory_bytes: usize,
}

impl Default for Engine {
    fn default() -> Self {
        Self {
            configs: Table::new(limits::MAX_CONFIGS),
            connections: Table::new(limits::MAX_CONNECTIONS),
            input: vec![0; limits::INPUT_BYTES].into(),
            report: Box::default(),
            output: Vec::new(),
            event_bytes: Bytes::new(),
            #[cfg(feature = "server")]
            bell: Bell::default(),
            memory_bytes: 0,
        }
    }
}

#[cfg(target_arch = "wasm32")]
fn memory_bytes() -> usize {
    const PAGE_BYTES: usize = 64 * 1024;
    core::arch::wasm32::memory_size(0) * PAGE_BYTES
}

/// The size counts as 0 in native tests, whose allocator needs no help, so that they never reserve.
#[cfg(not(target_arch = "wasm32"))]
fn memory_bytes() -> usize {
    0
}

/// The number that a call answers, at or above 0, or why it failed.
type Answer = Result<i32, Failure>;

impl Engine {
    /// Runs a call and turns its failure into -1 and a report.
    pub fn answer(&mut self, call: impl FnOnce(&mut Self) -> Answer) -> i32 {
        self.reserve();
        self.report.length = 0;
        self.report.code = 0;
        match call(self) {
            Ok(number) => number,
            Err(failure) => {
                self.report_failure(failure);
                -1
            }
        }
    }

    /// Grows the memory in proportion to its size, by an allocation that is freed at once. The allocator itself grows
    /// it by 64 kB at a time, and V8 accounts for the whole memory at each growth: a burst of connections would spend
    /// most of its time on that.
    fn reserve(&mut self) {
        if memory_bytes() == self.memory_bytes {
            return;
        }
        let room = limits::MIN_GROWTH_BYTES.max(memory_bytes() / limits::GROWTH_DIVISOR);
        drop(std::hint::black_box(Vec::<u8>::with_capacity(room)));
        self.memory_bytes = memory_bytes();
    }

    pub fn new_config(&mut self, length: usize) -> Answer {
        let parsed = self.input(length).and_then(Config::parse);
        self.input[..length.min(limits::INPUT_BYTES)].zeroize(); // The configuration may hold a private key.
        let handle = self.configs.insert(Rc::new(parsed?)).ok_or_else(|| too_many("configurations"))?;
        Ok(handle as i32)
    }

    /// Reports [`Config::offers`].
    pub fn offers(&mut self, config: Handle) -> Answer {
        self.output = self.configs.get(config).ok_or_else(|| no_such("configuration"))?.offers();
        Ok(self.report_output())
    }

    /// Forgets a configuration. Connections made with it go on.
    pub fn free_config(&mut self, config: Handle) -> Answer {
        self.configs.remove(config).map(|_| 0).ok_or_else(|| no_such("configuration"))
    }

    pub fn connect_tls(&mut self, config: Handle, sni_length: usize) -> Answer {
        let config = self.configs.get(config).cloned().ok_or_else(|| no_such("configuration"))?;
        let connection = Connection::tls(&config, self.input(sni_length)?)?;
        self.add(connection)
    }

    pub fn connect_plain(&mut self, http2: bool) -> Answer {
        self.add(Connection::plain(if http2 { Protocol::Http2 } else { Protocol::Http1 }))
    }

    fn add(&mut self, connection: Connection) -> Answer {
        self.report.status = status(&connection);
        let handle = self.connections.insert(connection).ok_or_else(|| too_many("connections"))?;
        Ok(handle as i32)
    }

    pub fn free_connection(&mut self, connection: Handle) -> Answer {
        self.connections.remove(connection).map(|_| 0).ok_or_else(|| no_such("connection"))
    }

    pub fn feed(&mut self, connection: Handle, length: usize) -> Answer {
        self.with_connection(connection, |connection, input| Ok(connection.feed(prefix(input, length)?) as i32))
    }

    pub fn end(&mut self, connection: Handle, broken: bool) -> Answer {
        self.with_connection(connection, |connection, _| {
            connection.end(broken);
            Ok(0)
        })
    }

    pub fn turn(&mut self, connection: Handle) -> Answer {
        self.with_connection(connection, |connection, _| {
            connection.turn();
            Ok(0)
        })
    }

    pub fn drain(&mut self, connection: Handle) -> Answer {
        let mut output = std::mem::take(&mut self.output);
        output.clear();
        output.shrink_to(limits::OUTBOUND_BYTES * 2);
        let answer = self.with_connection(connection, |connection, _| {
            connection.drain(&mut output);
            Ok(output.len() as i32)
        });
        self.output = output;
        self.report_output();
        answer
    }

    pub fn presented(&mut self, connection: Handle) -> Answer {
        self.output = self.connections.get(connection).ok_or_else(|| no_such("connection"))?.presented()?;
        Ok(self.report_output())
    }

    pub fn approve(&mut self, connection: Handle) -> Answer {
        self.with_connection(connection, |connection, _| connection.approve().map(|()| 0))
    }

    pub fn refuse(&mut self, connection: Handle, alert: u8) -> Answer {
        self.with_connection(connection, |connection, _| connection.refuse(alert).map(|()| 0))
    }

    /// Fails with the reason why the connection is closed; answers 0 when it is not closed.
    pub fn failure(&mut self, connection: Handle) -> Answer {
        match self.connections.get(connection).ok_or_else(|| no_such("connection"))?.failure() {
            Some(failure) => Err(failure),
            None => Ok(0),
        }
    }

    /// Reports the [`Failure::evidence`] of a closed connection.
    pub fn evidence(&mut self, connection: Handle) -> Answer {
        let failure = self.connections.get(connection).ok_or_else(|| no_such("connection"))?.failure();
        self.output = failure.map_or_else(Vec::new, |failure| failure.evidence);
        Ok(self.report_output())
    }

    pub fn close(&mut self, connection: Handle) -> Answer {
        self.with_connection(connection, |connection, _| {
            connection.close();
            Ok(0)
        })
    }

    pub fn request(&mut self, connection: Handle, length: usize, has_body: bool) -> Answer {
        self.with_connection(connection, |connection, input| {
            Ok(connection.open()?.request(prefix(input, length)?, has_body)? as i32)
        })
    }

    pub fn write(&mut self, connection: Handle, request: Handle, length: usize) -> Answer {
        self.with_connection(connection, |connection, input| {
            Ok(connection.write(request, prefix(input, length)?)? as i32)
        })
    }

    pub fn finish(&mut self, connection: Handle, request: Handle, length: usize) -> Answer {
        self.with_connection(connection, |connection, input| {
            connection.finish(request, prefix(input, length)?).map(|()| 0)
        })
    }

    pub fn cancel(&mut self, connection: Handle, request: Handle) -> Answer {
        self.with_connection(connection, |connection, _| connection.cancel(request).map(|()| 0))
    }

    /// Makes a client's connection.
    #[cfg(feature = "server")]
    pub fn serve(&mut self, http2: bool) -> Answer {
        self.add(Connection::serving(if http2 { Protocol::Http2 } else { Protocol::Http1 }))
    }

    #[cfg(feature = "server")]
    pub fn respond(&mut self, connection: Handle, request: Handle, length: usize, has_body: bool) -> Answer {
        self.with_connection(connection, |connection, input| {
            connection.as_serving()?.respond(request, prefix(input, length)?, has_body).map(|()| 0)
        })
    }

    /// Gives a whole response: its head and then its body are in the input buffer. hyper runs at once.
    #[cfg(feature = "server")]
    pub fn respond_whole(&mut self, connection: Handle, request: Handle, head: usize, body: usize) -> Answer {
        self.with_connection(connection, |connection, input| {
            let serving = connection.as_serving()?;
            let (head, rest) = input.split_at_checked(head).ok_or_else(too_long)?;
            let body = prefix(rest, body)?;
            serving.respond_whole(request, head, body)?;
            serving.turn();
            Ok(0)
        })
    }

    /// Has the response of a backend's connection follow what was written of the response to a client.
    #[cfg(feature = "server")]
    pub fn splice(&mut self, client: Handle, served: Handle, backend: Handle, request: Handle) -> Answer {
        let bell = self.bell.clone();
        let source = self.connections.get_mut(backend).ok_or_else(|| no_such("connection"))?;
        source.set_bell(&bell, backend);
        let exchange = source.source(request)?;
        self.with_connection(client, |connection, _| {
            connection.set_bell(&bell, client);
            connection.as_serving()?.splice(served, exchange, (bell.clone(), backend)).map(|()| 0)
        })
    }

    /// How the splice into the response to a client goes, as `ffi.rs` says.
    #[cfg(feature = "server")]
    pub fn splice_progress(&mut self, client: Handle, served: Handle) -> Answer {
        const MOST: usize = (i32::MAX / 8) as usize;
        self.with_connection(client, |connection, _| {
            let progress = connection.as_serving()?.splice_progress(served)?;
            let moved = progress.moved_bytes.min(MOST) as i32;
            Ok(4 * moved + 2 * i32::from(progress.is_over) + i32::from(progress.waits_for_client))
        })
    }

    /// Runs hyper on the next connection of which a call about another one woke tasks. Answers its handle, or 0.
    #[cfg(feature = "server")]
    pub fn next_changed(&mut self) -> Answer {
        loop {
            let next = self.bell.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(handle) = next else { return Ok(0) };
            if self.connections.get(handle).is_some() {
                return self.with_connection(handle, |connection, _| {
                    connection.turn();
                    Ok(handle as i32)
                });
            }
        }
    }

    #[cfg(feature = "server")]
    pub fn inform(&mut self, connection: Handle, request: Handle, length: usize) -> Answer {
        self.with_connection(connection, |connection, input| {
            connection.as_serving()?.inform(request, prefix(input, length)?).map(|()| 0)
        })
    }

    #[cfg(feature = "server")]
    pub fn drop_body(&mut self, connection: Handle, request: Handle) -> Answer {
        self.with_connection(connection, |connection, _| connection.as_serving()?.drop_body(request).map(|()| 0))
    }

    #[cfg(feature = "server")]
    pub fn reset_request(&mut self, connection: Handle, request: Handle, reason: u32) -> Answer {
        self.with_connection(connection, |connection, _| {
            connection.as_serving()?.reset(request, reason.into()).map(|()| 0)
        })
    }

    #[cfg(feature = "server")]
    pub fn has_failed(&mut self, connection: Handle, request: Handle) -> Answer {
        self.with_connection(connection, |connection, _| Ok(i32::from(connection.as_serving()?.has_failed(request)?)))
    }

    #[cfg(feature = "server")]
    pub fn retire(&mut self, connection: Handle) -> Answer {
        self.with_connection(connection, |connection, _| {
            connection.as_serving()?.retire();
            Ok(0)
        })
    }

    #[cfg(feature = "server")]
    pub fn release(&mut self, connection: Handle) -> Answer {
        self.with_connection(connection, |connection, _| Ok(i32::from(connection.as_serving()?.release())))
    }

    /// The next request that has events, or 0.
    pub fn next_ready(&mut self, connection: Handle) -> Answer {
        self.with_connection(connection, |connection, _| Ok(connection.next_ready()?.unwrap_or(0) as i32))
    }

    pub fn next_event(&mut self, connection: Handle, request: Handle) -> Answer {
        let mut event = None;
        self.with_connection(connection, |connection, _| {
            event = connection.next_event(request)?;
            Ok(0)
        })?;
        let kind = match event {
            None => return Ok(0),
            Some(Event::Informational(bytes)) => self.report_event(EventKind::Informational, bytes.into()),
            Some(Event::Head(bytes)) => self.report_event(EventKind::Head, bytes.into()),
            Some(Event::Data(bytes)) => self.report_event(EventKind::Data, bytes),
            Some(Event::Trailers(bytes)) => self.report_event(EventKind::Trailers, bytes.into()),
            Some(Event::Upgraded) => EventKind::Upgraded,
            Some(Event::End) => EventKind::End,
            #[cfg(feature = "server")]
            Some(Event::Answered) => EventKind::Answered,
            Some(Event::Failed(failure)) => {
                self.report_failure(failure);
                EventKind::Failed
            }
        };
        Ok(kind as i32)
    }

    /// Answers 1 when rustls-webpki accepts the path of the question.
    pub fn witness(&mut self, length: usize) -> Answer {
        witness::answer(self.input(length)?).map(|()| 1)
    }

    /// Calls `call` with a connection and the input buffer, and reports the connection's state after it.
    fn with_connection(&mut self, handle: Handle, call: impl FnOnce(&mut Connection, &[u8]) -> Answer) -> Answer {
        let connection = self.connections.get_mut(handle).ok_or_else(|| no_such("connection"))?;
        let answer = call(connection, &self.input);
        self.report.set_connection(connection);
        #[cfg(feature = "server")]
        {
            let mut bell = self.bell.lock().unwrap_or_else(PoisonError::into_inner);
            // Most calls poll what they have woken of their own connection, and the host then takes its events.
            if !connection.has_woken() && !connection.has_ready() {
                bell.retain(|changed| *changed != handle);
            }
            if !bell.is_empty() {
                self.report.status |= STATUS_OTHERS;
            }
        }
        answer
    }

    fn input(&self, length: usize) -> Result<&[u8], Failure> {
        prefix(&self.input, length)
    }

    fn report_event(&mut self, kind: EventKind, bytes: Bytes) -> EventKind {
        self.event_bytes = bytes;
        self.report.set_bytes(&self.event_bytes);
        kind
    }

    /// The length of the output.
    fn report_output(&mut self) -> i32 {
        self.report.set_bytes(&self.output);
        self.output.len() as i32
    }

    fn report_failure(&mut self, failure: Failure) {
        self.report.code = failure.code as u32;
        self.report.aux = failure.aux;
        self.report.sent = failure.sent as u32;
        self.output = failure.detail.into_bytes();
        self.report_output();
    }
}

fn prefix(input: &[u8], length: usize) -> Result<&[u8], Failure> {
    input.get(..length).ok_or_else(too_long)
}

fn too_long() -> Failure {
    Failure::new(Code::BadArgument, "longer than the input buffer")
}

fn too_many(what: &str) -> Failure {
    Failure::new(Code::Busy, &format!("too many {what}"))
}

fn no_such(what: &str) -> Failure {
    Failure::new(Code::BadHandle, &format!("no such {what}"))
}
